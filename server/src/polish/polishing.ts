// What sessions and requests see of the polish: a text in, a text out, always, and in time.
import type { PolishFallback, PolishMode, PolishOffer, PolishSettings } from '@sotto/protocol';

/** How a text is to be polished: the settings of a client, complete. */
export interface PolishStyle {
  readonly mode: PolishMode;
  /** With the mode `custom`; else empty. */
  readonly instruction: string;
  readonly quality: NonNullable<PolishSettings['quality']>;
  readonly script: PolishSettings['script'];
}

export interface PolishTask {
  /** Any text of up to {@link TASK_CHARS_MAX} characters; what is long is polished piece by piece. */
  readonly text: string;
  /** Polished text before it; empty: none. */
  readonly previous: string;
  /** Language code; `auto`: by the characters of the text. */
  readonly language: string;
  readonly style: PolishStyle;
  /** Whether the result may have paragraphs. */
  readonly paragraphs: boolean;
  /** Time from now until the result must be there, milliseconds. */
  readonly budgetMs: number;
  /** The session that it is of, for the log. */
  readonly sessionId?: string | undefined;
  /** Aborts when nobody wants the result any more. */
  readonly signal: AbortSignal;
  /**
   * Called with text as it is written: `piece` stands at `from` of what has been written (UTF-16 code units). The
   * result may be another text.
   */
  readonly onText?: ((from: number, piece: string) => void) | undefined;
}

export interface PolishResult {
  /** Empty only where the task's text has nothing but white space and control characters. */
  readonly text: string;
  /** The model that wrote it, `rules`, or `none` where it is the raw text. */
  readonly model: string;
  readonly fallback?: PolishFallback;
}

/** Characters of one task. */
export const TASK_CHARS_MAX = 200_000;

/** Polishes for everybody. */
export interface Polishing {
  /** What clients are told of it. */
  readonly offer: PolishOffer;
  /** Why a style cannot be had from this server, as a sentence; undefined: it can. */
  refusalOf(style: PolishStyle): string | undefined;
  /** Texts will come soon: loads what is not loaded yet, in the background. */
  prepare(): void;
  /** Never rejects but with the reason of the task's signal: where no model helps in time, the result says so. */
  polish(task: PolishTask): Promise<PolishResult>;
  /** What stands for a text that no model is asked for, with the reason. */
  fallBack(task: Pick<PolishTask, 'text' | 'language' | 'style'>, reason: PolishFallback): Promise<PolishResult>;
}
