// A failure of a command that its user can do something about: one clear line, no stack.
import { CodedError } from '@sotto/protocol';
import { SottoError } from '@sotto/client';

export class CommandError extends Error {
  override readonly name = 'CommandError';

  /** What the process exits with: 1 it failed, 2 it was called wrongly. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/**
 * A failure that its message explains, in one line, after the name of what it is about: one of ours, of the client's,
 * or of the system (no such file). Anything else is a mistake of ours: thrown on, with its stack.
 */
export function asCommandError(error: unknown, name?: string): CommandError {
  if (!isExplained(error)) throw error;
  const message = name === undefined ? error.message : `${name}: ${error.message}`;
  return new CommandError(message, error instanceof CommandError ? error.exitCode : 1, { cause: error });
}

function isExplained(error: unknown): error is Error {
  if (error instanceof CommandError || error instanceof CodedError || error instanceof SottoError) return true;
  return error instanceof Error && 'syscall' in error;
}
