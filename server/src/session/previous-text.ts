// What the recogniser is told of the text before an utterance: the client's prompt, then the last finals.
import { joinTexts } from '@sotto/protocol';

/** Characters of finals that are kept: more than any model's prompt takes. */
const CHARACTERS_MAX = 600;
/** A silence after which what was said before no longer belongs to what comes, milliseconds. */
export const TOPIC_SILENCE_MS = 30_000;

/** The last finals, and where they end, milliseconds. */
export interface PreviousTextState {
  readonly text: string;
  readonly endMs: number;
}

export class PreviousText {
  #text: string;
  #endMs: number;

  /** @param state that of an earlier one */
  constructor({ text, endMs }: PreviousTextState = { text: '', endMs: 0 }) {
    this.#text = text;
    this.#endMs = endMs;
  }

  get state(): PreviousTextState {
    return { text: this.#text, endMs: this.#endMs };
  }

  /** Takes note of a final. */
  add(text: string, endMs: number): void {
    if (text === '') return;
    this.#text = joinTexts([this.#text, text]).slice(-CHARACTERS_MAX);
    this.#endMs = endMs;
  }

  /**
   * The text before an utterance that starts now. `pending`: stable text of utterances whose finals are not there yet.
   */
  before(startMs: number, prompt: string, pending: readonly string[]): string {
    if (startMs - this.#endMs > TOPIC_SILENCE_MS) this.#text = '';
    return joinTexts([prompt, this.#text, ...pending]).trim();
  }
}
