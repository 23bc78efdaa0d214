// Stops a text that says the same again and again for longer than its audio: no pass of the decoder is spent on it.

/** Nobody speaks faster than 16 tokens a second, samples of a token. */
const TOKEN_SAMPLES = 960;
/** However short the audio is: people do say "no no no no". */
const TOKENS_MIN = 16;
/** The longest phrase, in tokens, whose repetition is looked for. */
const PERIOD_MAX = 24;
/** Less than three copies may be chance. */
const COPIES_MIN = 3;

/** Watches the tokens of one window as they come. */
export class EndlessText {
  readonly #most: number;
  readonly #tokens: number[] = [];
  /** By period: how many of the last tokens are the ones that came as many tokens before them. */
  readonly #repeated = new Uint16Array(PERIOD_MAX + 1);

  /** @param samples of the window's audio, 16 kHz */
  constructor(samples: number) {
    this.#most = Math.max(TOKENS_MIN, samples / TOKEN_SAMPLES);
  }

  /** Takes the next token. Whether the text has been repeating itself for longer than anyone could say it. */
  add(token: number): boolean {
    const at = this.#tokens.push(token) - 1;
    let isEndless = false;
    for (let period = 1; period <= Math.min(PERIOD_MAX, at); period++) {
      const repeated = this.#tokens[at - period] === token ? (this.#repeated[period] ?? 0) + 1 : 0;
      this.#repeated[period] = repeated;
      const length = repeated + period;
      if (length > this.#most && length >= COPIES_MIN * period) isEndless = true;
    }
    return isEndless;
  }
}
