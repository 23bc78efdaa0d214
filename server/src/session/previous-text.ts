// What the recogniser is told of the text before an utterance: the client's prompt, then the last finals.
import { joinTexts } from '@sotto/protocol';
import type { TextBefore } from '../asr/recognizer.js';

/** Characters of finals that are kept: more than any model's prompt takes. */
const CHARACTERS_MAX = 600;
/** A silence after which what was said before no longer belongs to what comes, milliseconds. */
export const TOPIC_SILENCE_MS = 30_000;

/** The last finals, where they end, milliseconds, and what they are in. */
export interface PreviousTextState {
  readonly text: string;
  readonly endMs: number;
  /** Absent: not known. */
  readonly language?: string | undefined;
}

export class PreviousText {
  #text: string;
  #endMs: number;
  #language: string | undefined;

  /** @param state that of an earlier one */
  constructor({ text, endMs, language }: PreviousTextState = { text: '', endMs: 0 }) {
    this.#text = text;
    this.#endMs = endMs;
    this.#language = language;
  }

  get state(): PreviousTextState {
    return {
      text: this.#text,
      endMs: this.#endMs,
      ...(this.#language !== undefined && { language: this.#language }),
    };
  }

  /** Takes note of a final. One in another language than those before begins anew: text leads a model to its own. */
  add(text: string, endMs: number, language: string): void {
    if (text === '') return;
    const before = language === this.#language ? this.#text : '';
    this.#text = joinTexts([before, text]).slice(-CHARACTERS_MAX);
    this.#endMs = endMs;
    this.#language = language;
  }

  /**
   * The text before an utterance that starts now. `pending`: stable text of utterances whose finals are not there yet.
   */
  before(startMs: number, prompt: string, pending: readonly string[]): TextBefore {
    if (startMs - this.#endMs > TOPIC_SILENCE_MS) this.#text = '';
    const text = joinTexts([prompt, this.#text, ...pending]).trim();
    return { text, ...(this.#text !== '' && this.#language !== undefined && { language: this.#language }) };
  }
}
