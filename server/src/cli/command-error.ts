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
