// The events of a session: the server's messages, and what happens to the connection.
import type { ServerMessage } from '@sotto/protocol/client';

/** The connection is lost; it is tried again after `delayMs`. Audio may be sent meanwhile: it is kept. */
export interface ReconnectingEvent {
  readonly type: 'reconnecting';
  /** 1 for the first. */
  readonly attempt: number;
  readonly delayMs: number;
  /** Of the connection that was lost; 1006 where it simply broke. */
  readonly closeCode: number;
}

/**
 * The server no longer knew the session, so a new one continues in its place: audio whose finals had not come is sent
 * again. Utterances without a final are void and come again under new ids; times and ids continue as if it were one
 * session.
 */
export interface RestartedEvent {
  readonly type: 'restarted';
  /** Of the new session. */
  readonly sessionId: string;
  /** Where in the stream it begins, milliseconds. */
  readonly fromMs: number;
  /**
   * Audio before that place which was no longer kept, milliseconds: 0 unless one utterance was longer than what is
   * kept.
   */
  readonly lostMs: number;
  /** Of a shared session: the token of the new one, in place of the old, which is void. */
  readonly watchToken?: string;
}

/**
 * `resumed`, a message of the server, says that the session continues where it was, with nothing lost. Where it carries
 * `segments` another node continues it: events of segments from this id on are void, finals too, and come again.
 */
export type SessionEvent = ServerMessage | ReconnectingEvent | RestartedEvent;
