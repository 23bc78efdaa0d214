// A failure of a command that its user can do something about: one clear line, no stack.

export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    message: string,
    /** What the process exits with: 1 it failed, 2 it was called wrongly. */
    readonly exitCode: 1 | 2,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** An error that has a code, to be told in one line, after the name of what it is about. Anything else is a mistake of ours: thrown on, with its stack. */
export function asCommandError(error: unknown, name?: string): CommandError {
  if (!(error instanceof Error) || !(error instanceof CommandError || 'code' in error)) throw error;
  const message = name === undefined ? error.message : `${name}: ${error.message}`;
  return new CommandError(message, error instanceof CommandError ? error.exitCode : 1, { cause: error });
}
