// What a polisher is: something that rewrites one text at a time, and may do so for several at once.
import { CodedError, type PolishMode, type PolishSettings } from '@sotto/protocol';

/** One text to rewrite. */
export interface PolishRequest {
  /** Clean (see `cleanText`), not empty, and of a length that a model takes at once (see `chunks.ts`). */
  readonly text: string;
  /** Polished text before it, for the sense of it; empty: none. */
  readonly previous: string;
  readonly mode: PolishMode;
  /** What the caller wants, with the mode `custom`; else empty. */
  readonly instruction: string;
  /** Language code of the text. */
  readonly language: string;
  /** Characters of Chinese text; undefined: those of the text. */
  readonly script: PolishSettings['script'];
  /** Whether the text is long enough to want paragraphs. */
  readonly paragraphs: boolean;
}

export interface PolishRun {
  /** Aborts the work: nobody wants it any more, or its time is over. */
  readonly signal: AbortSignal;
  /** Called with each piece of text as it is written. */
  readonly onText?: ((piece: string) => void) | undefined;
}

/** A backend. The text that it gives is unchecked: see `guards/`. */
export interface Polisher {
  /** Of the model, as clients read it. */
  readonly name: string;
  readonly modes: readonly PolishMode[];
  /** Languages that it writes; undefined: all of them. */
  readonly languages: readonly string[] | undefined;
  /**
   * Whether it is there to give words back as they were said, so that one it changes is a mistake; others may mend what
   * was misheard.
   */
  readonly keepsWords?: boolean;
  /** Texts that it takes at the same time; more wait outside. */
  readonly concurrency: number;
  /** Whether it would try now. False: `polish` rejects at once with `unavailable`. */
  readonly isAvailable: boolean;
  /** The rewritten text. Rejects with {@link PolisherError}, or with the signal's reason once that has aborted. */
  polish(request: PolishRequest, run: PolishRun): Promise<string>;
  /** Loads what is slower the first time. Resolves whether or not it could: `isAvailable` tells. */
  warmUp(): Promise<void>;
  /** Ends running work and releases everything; may be called twice. */
  close(): Promise<void>;
}

/**
 * Codes of {@link PolisherError}:
 * - `unavailable`: it cannot work now (model not loaded, endpoint down, closed); nothing was tried.
 * - `failed`: it tried and gave no text.
 */
export type PolisherErrorCode = 'unavailable' | 'failed';

/** A polisher gave no text. */
export class PolisherError extends CodedError<PolisherErrorCode> {
  override readonly name = 'PolisherError';
}

/** The time of a text is over: the reason of its signal then. */
export class TimeUpError extends Error {
  override readonly name = 'TimeUpError';
}
