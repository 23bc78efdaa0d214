// What can go wrong with a child process.
import { CodedError } from '@sotto/protocol';

/**
 * Codes of {@link ChildError}:
 * - `load_failed`: it could not load; trying again will not help by itself.
 * - `crashed`: it ended, and nobody had asked it to.
 * - `timeout`: it did not answer within its bound, or its event loop hung; it was killed.
 * - `memory`: it took more memory than its bound; it was killed.
 * - `closed`: it was closed.
 */
export type ChildErrorCode = 'load_failed' | 'crashed' | 'timeout' | 'memory' | 'closed';

/** A child process did not load, or is gone. */
export class ChildError extends CodedError<ChildErrorCode> {
  override readonly name = 'ChildError';
}

/** A child process answered a request with an error, and lives. */
export class RequestError<Code extends string = string> extends CodedError<Code> {
  override readonly name = 'RequestError';
}
