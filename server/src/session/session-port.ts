// What the gateway sees of a session: typed messages in, typed messages out.
import type { ClientMessage, CloseReason, ServerMessage } from '@sotto/protocol';
import type { SessionCheckpoint } from './session-checkpoint.js';

/** Where a session's answers go. */
export interface SessionSink {
  send(message: ServerMessage): void;
  /** The session is over: send what is queued, then close the socket. */
  end(reason: CloseReason): void;
}

/** One live stream, driven by the gateway. */
export interface SessionPort {
  readonly id: string;
  /** Takes a message that the protocol's schema has accepted. Never throws: what is wrong is answered on the sink. */
  receive(message: ClientMessage): void;
  /** All samples before this have arrived, per channel at the client's rate; 0 before `start`. */
  readonly receivedSamples: number;
  /** Audio received and not yet judged by the VAD, milliseconds: the gateway slows the socket by it. */
  readonly backlogMs: number;
  /** Calls once when the backlog has fallen below half of the bound. */
  onceDrained(callback: () => void): void;
  /**
   * The server shuts down: finish the open segment, send its final and `stopped` (reason drain), end with `goingAway`.
   */
  drain(): Promise<void>;
  /** Whether the client is there: while it is gone its audio gives way to that of others. Absent: it always is. */
  attend?(isThere: boolean): void;
  /**
   * What another process needs to go on with it; undefined: it cannot go on elsewhere now (it has not begun, is over,
   * or what it said is not written yet). Absent: it never can.
   */
  checkpoint?(): SessionCheckpoint | undefined;
  /** Whether it could go on from a checkpoint here and now. Absent: it never can. */
  mayRestore?(checkpoint: SessionCheckpoint): boolean;
  /**
   * Goes on from a checkpoint, in place of `start`; nothing is sent. Resolves with false where it cannot be served
   * here. Rejects with StoreError where what was said before cannot be read.
   */
  restore?(checkpoint: SessionCheckpoint): Promise<boolean>;
  /**
   * The client is gone for good: stop all work, send nothing more. May be called twice.
   * @param goesOn whether the session goes on at another node
   */
  abandon(goesOn?: boolean): void;
}

export type SessionFactory = (sink: SessionSink) => SessionPort;

export interface SessionLog {
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export const SILENT_LOG: SessionLog = { warn: () => {}, error: () => {} };
