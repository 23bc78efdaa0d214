// Why a server does not start, in words for the person who started it.
import { CodedError } from '@sotto/protocol';

/** The server cannot start; the message says all that a person needs. */
export class StartError extends CodedError<'start_failed'> {
  override readonly name = 'StartError';

  constructor(message: string, options?: ErrorOptions) {
    super('start_failed', message, options);
  }
}

/**
 * A failure of ours, or of the system (no such file), as {@link StartError}: a person can mend it, and needs no stack
 * for it. Any other as it is.
 */
export function startErrorOf(error: unknown): unknown {
  const isPlain = error instanceof CodedError || (error instanceof Error && 'syscall' in error);
  return isPlain ? new StartError(error.message, { cause: error }) : error;
}
