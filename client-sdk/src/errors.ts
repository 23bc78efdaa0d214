// The errors of the client: one class for each thing that a caller may want to do about it.
import type { ErrorCode, ProtocolError } from '@sotto/protocol/client';

/** What all errors of this package have in common. `code` is stable; `retryable`: a new connection may succeed. */
export abstract class SottoError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
}

/**
 * The session could not be opened: nothing listens at the address, the server refused the socket, or it did not answer
 * in time.
 */
export class ConnectError extends SottoError {
  override readonly name = 'ConnectError';
  readonly code = 'connect_failed';
  readonly retryable = true;
  readonly url: string;

  constructor(url: string, reason: string, options?: ErrorOptions) {
    super(`Cannot connect to ${url}: ${reason}.`, options);
    this.url = url;
  }
}

/** The server ended the session with a fatal `error` message; `code` and `retryable` are that message's. */
export class ServerError extends SottoError {
  override readonly name = 'ServerError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  /** When to try again, milliseconds from now, where the server says so: with `overloaded` and `quota_exceeded`. */
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, retryable: boolean, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retryAfterMs;
  }

  /** The server sent something that is not a message. @internal */
  static ofGarbage({ code, message }: ProtocolError): ServerError {
    return new ServerError(code, `The server sent something that is not a message: ${message}`, false);
  }
}

/**
 * The connection ended before the session did, and the session could not be resumed. `closeCode` is 1006 if it simply
 * broke.
 */
export class ConnectionLostError extends SottoError {
  override readonly name = 'ConnectionLostError';
  readonly code = 'connection_lost';
  readonly closeCode: number;
  readonly reason: string;
  readonly retryable: boolean;

  constructor(closeCode: number, reason: string, retryable: boolean, options?: ErrorOptions) {
    super(`The connection to the server was lost (${closeCode}${reason === '' ? '' : `: ${reason}`}).`, options);
    this.closeCode = closeCode;
    this.reason = reason;
    this.retryable = retryable;
  }
}

/**
 * More audio was sent than the server takes and the buffer holds, or there has been no connection for too long: the
 * chunk was not taken. Wait for `drained()` and send it again.
 */
export class BufferFullError extends SottoError {
  override readonly name = 'BufferFullError';
  readonly code = 'buffer_full';
  readonly retryable = true;
  readonly bufferedMs: number;

  constructor(bufferedMs: number) {
    super(`${Math.round(bufferedMs)} ms of audio wait to be sent: the server or the network is slower than the audio.`);
    this.bufferedMs = bufferedMs;
  }
}

/** An iterator of events was left unread for so long that its queue is full. */
export class EventsUnreadError extends SottoError {
  override readonly name = 'EventsUnreadError';
  readonly code = 'events_unread';
  readonly retryable = false;
  readonly queued: number;

  constructor(queued: number) {
    super(`${queued} events were not read from the iterator.`);
    this.queued = queued;
  }
}

/** The session has been stopped or closed: nothing can be sent on it any more. */
export class SessionClosedError extends SottoError {
  override readonly name = 'SessionClosedError';
  readonly code = 'session_closed';
  readonly retryable = false;

  constructor(options?: ErrorOptions) {
    super('The session is closed.', options);
  }
}
