// What a session tells its user: the server's messages, and how the connection fares.
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
 * The server no longer knew the session, so a new one goes on in its place: audio that was not yet told as finals is
 * sent again. Utterances without a final are void and come again under new ids; times and ids go on as if it were one
 * session.
 */
export interface RestartedEvent {
  readonly type: 'restarted';
  /** Of the new session. */
  readonly sessionId: string;
  /** Where in the stream it begins, milliseconds. */
  readonly fromMs: number;
  /** Audio before that which was no longer kept, milliseconds: 0 unless an utterance outgrew what is kept. */
  readonly lostMs: number;
  /** Of a shared session: the token of the new one, in place of the old, which is void. */
  readonly watchToken?: string;
}

/**
 * `resumed`, a message of the server, tells that the session goes on where it was, with nothing lost. Where it carries
 * `segments` another node goes on: what was told of segments from this id on is void, finals too, and comes again.
 */
export type SessionEvent = ServerMessage | ReconnectingEvent | RestartedEvent;
