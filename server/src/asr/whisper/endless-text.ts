// Stops a text that says the same again and again for longer than its audio: no pass of the decoder is spent on it.

/** Nobody speaks faster than 16 tokens a second, samples of a token. */
const TOKEN_SAMPLES = 960;
/** However short the audio is: people do say "no no no no". */
const TOKENS_MIN = 16;
/** The longest phrase, in tokens, whose repetition is looked for: half of the tokens that a window holds. */
const PERIOD_MAX = 112;
/** Less than three copies may be chance; of a sentence two are none. */
const COPIES_MIN = 3;
const SENTENCE_TOKENS = 25;
const SENTENCE_COPIES_MIN = 2;
/** A copy holds a word at least, and nobody says more than five a second for long, samples of a copy. */
const COPY_SAMPLES = 3_200;

/** Watches the tokens of one window as they come. */
export class EndlessText {
  readonly #mostTokens: number;
  readonly #mostCopies: number;
  readonly #tokens: number[] = [];
  /** By period: how many of the last tokens are the ones that came as many tokens before them. */
  readonly #repeated = new Uint16Array(PERIOD_MAX + 1);

  /** @param samples of the window's audio, 16 kHz */
  constructor(samples: number) {
    this.#mostTokens = Math.max(TOKENS_MIN, samples / TOKEN_SAMPLES);
    this.#mostCopies = samples / COPY_SAMPLES;
  }

  /** Takes the next token. Whether the text has been repeating itself for longer than anyone could say it. */
  add(token: number): boolean {
    const at = this.#tokens.push(token) - 1;
    let isEndless = false;
    for (let period = 1; period <= Math.min(PERIOD_MAX, at); period++) {
      const repeated = this.#tokens[at - period] === token ? (this.#repeated[period] ?? 0) + 1 : 0;
      this.#repeated[period] = repeated;
      const length = repeated + period;
      const most = Math.max(TOKENS_MIN, Math.min(this.#mostTokens, this.#mostCopies * period));
      const copiesMin = period < SENTENCE_TOKENS ? COPIES_MIN : SENTENCE_COPIES_MIN;
      if (length > most && length >= copiesMin * period) isEndless = true;
    }
    return isEndless;
  }
}
