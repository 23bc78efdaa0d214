// What can go wrong with a child process.

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
export class ChildError extends Error {
  override readonly name = 'ChildError';
  readonly code: ChildErrorCode;

  constructor(code: ChildErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A child process answered a request with an error, and lives. */
export class RequestError<Code extends string = string> extends Error {
  override readonly name = 'RequestError';
  readonly code: Code;

  constructor(code: Code, message: string) {
    super(message);
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
