// What writes one text in one sequence of a loaded model.
import type { PolishRequest } from '../polisher.js';

export interface WriterRun {
  readonly signal: AbortSignal;
  readonly onText: (piece: string) => void;
}

/** Writes one text at a time; keeps what it made of the prompt's beginning for the next one. */
export interface Writer {
  /** Rejects with the signal's reason, or with an Error where the model comes to no end. */
  write(request: PolishRequest, run: WriterRun): Promise<string>;
}

/** A model wrote to its limit: what it wrote is no whole text. */
export class UnendedTextError extends Error {
  override readonly name = 'UnendedTextError';

  constructor(tokens: number) {
    super(`the model came to no end within ${tokens} tokens`);
  }
}
