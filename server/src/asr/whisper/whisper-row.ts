// One window while it is decoded: what it has written, what it feeds next, and which of its draft was right.
import type { Prompt, TokenRule } from '@sotto/models';
import type { DecodedToken, DecodeRequest } from '../engine.js';
import { EndlessText } from './endless-text.js';
import { TokenSampler } from './token-sampler.js';

/** What the network chose behind one token. */
export interface Choice {
  readonly best: number;
  readonly logprob: number;
  readonly frame: number;
  /** Given when the row samples. */
  readonly logits?: Float32Array;
  /** Where it is known of other tokens: natural log of the probability that one would have come here. */
  readonly logprobOf?: (token: number) => number;
}

/** How far a row may go. */
export interface RowLimits {
  readonly endOfText: number;
  /** Most text tokens of a window, the committed ones included. */
  readonly maxTextTokens: number;
  /** Most tokens of prompt and text together. */
  readonly maxTokens: number;
  /** Tokens from here on stand for times, where the network writes any. */
  readonly firstTimestamp: number | undefined;
}

export class WhisperRow {
  readonly tokens: DecodedToken[] = [];
  /** For each of `tokens`, and the end behind them, where it is known: how likely another token was. */
  readonly others: ((token: number) => number)[] = [];
  /** Verified in the first pass: text tokens only, at most as many as the row may still write. */
  readonly draft: readonly number[];
  readonly #limit: number;
  /** Everything that was written: `tokens`, and timestamps between them. */
  readonly #written: number[] = [];
  /** Of each of `tokens` in `#written`. */
  readonly #places: number[] = [];
  /** Infinity: it writes none. */
  readonly #firstTimestamp: number;
  /** The last timestamp. */
  #time = 0;
  readonly #sampler: TokenSampler | undefined;
  readonly #endless: EndlessText;
  /** Null until the text has ended, and where it never did: at the limit, or because it went round in circles. */
  endLogprob: number | null = null;
  draftAccepted = 0;
  /** Passes of the decoder that it took part in. */
  steps = 0;
  #finished: boolean;
  readonly request: DecodeRequest;
  #prompt: Prompt;
  readonly #limits: RowLimits;

  constructor(request: DecodeRequest, prompt: Prompt, limits: RowLimits) {
    this.request = request;
    this.#prompt = prompt;
    this.#limits = limits;
    const room = limits.maxTokens - prompt.tokens.length;
    this.#limit = Math.max(0, Math.min(limits.maxTextTokens - request.prompt.committed.length, room));
    const isText = (token: number): boolean => Number.isInteger(token) && token >= 0 && token < limits.endOfText;
    const foreign = request.draft.findIndex((token) => !isText(token));
    const draft = foreign < 0 ? request.draft : request.draft.slice(0, foreign);
    const isGreedy = request.temperature <= 0;
    this.#firstTimestamp = (request.timestamps === true ? limits.firstTimestamp : undefined) ?? Infinity;
    // A draft has no timestamps: the text with them is another one.
    const isDrafted = isGreedy && this.#firstTimestamp === Infinity;
    // Behind the last token that may be written nothing is chosen, so it need not be fed.
    this.draft = isDrafted ? draft.slice(0, Math.max(0, this.#limit - 1)) : [];
    this.#sampler = isGreedy ? undefined : new TokenSampler(request.temperature, request.seed);
    this.#endless = new EndlessText(request.audio.length);
    this.#finished = this.#limit === 0;
  }

  get prompt(): Prompt {
    return this.#prompt;
  }

  /** Puts another prompt of the same length in place: the language has turned out to be another one. */
  reprompt(prompt: Prompt): void {
    this.#prompt = prompt;
  }

  /** Most tokens of prompt and text together. */
  get placesMax(): number {
    return this.#limits.maxTokens;
  }

  get finished(): boolean {
    return this.#finished;
  }

  get samples(): boolean {
    return this.#sampler !== undefined;
  }

  /** What may follow the prompt. */
  get firstRule(): TokenRule {
    if (this.request.prompt.committed.length > 0) return 'text';
    return this.request.isSpoken === true ? 'beginSpoken' : 'begin';
  }

  /** What may follow a token of the text. */
  get textRule(): TokenRule {
    return this.#firstTimestamp < Infinity ? 'timed' : 'text';
  }

  /**
   * What may follow the last token that was written: timestamps come in pairs, the end of one sentence and the
   * beginning of the next.
   */
  get nextRule(): TokenRule {
    const firstTimestamp = this.#firstTimestamp;
    const [before = firstTimestamp, last = 0] = [this.#written.at(-2), this.#written.at(-1)];
    if (last < firstTimestamp) return this.textRule;
    return before < firstTimestamp ? 'timestamp' : 'text';
  }

  /** Prompt and text as the decoder has them: with timestamps. */
  get sequence(): readonly number[] {
    return [...this.#prompt.tokens, ...this.#written];
  }

  /** Where a token of the text stands in `sequence`; of the one behind the last: right behind it. */
  placeOf(at: number): number {
    return this.#prompt.tokens.length + (this.#places[at] ?? (this.#places.at(-1) ?? -1) + 1);
  }

  /** Token to feed next: the last one written. */
  get lastToken(): number {
    return this.#written.at(-1) ?? this.#limits.endOfText;
  }

  /** Its place in the row's text. */
  get lastPosition(): number {
    return this.#prompt.tokens.length + this.#written.length - 1;
  }

  /**
   * Takes what was chosen behind the prompt and behind each token of the draft: the draft's longest prefix that agrees
   * with the choices, and the choice behind it. The same tokens as feeding them one by one.
   */
  takeVerified(choices: readonly Choice[]): void {
    if (this.#finished) return;
    for (const [i, choice] of choices.entries()) {
      this.take(choice);
      if (this.#finished || this.lastToken !== this.draft[i]) return;
      this.draftAccepted++;
    }
  }

  /** Takes the choice behind the last token. */
  take({ best, logprob, frame, logits, logprobOf }: Choice): void {
    if (logprobOf !== undefined) this.others[this.tokens.length] = logprobOf;
    const token = this.#sampler && logits ? { ...this.#sampler.draw(logits), frame } : { id: best, logprob, frame };
    if (token.id === this.#limits.endOfText) {
      this.endLogprob = token.logprob;
      this.#finished = true;
      return;
    }
    if (token.id >= this.#firstTimestamp) {
      // Time does not go back.
      this.#time = Math.max(this.#time, token.id);
      this.#written.push(this.#time);
      this.#finished = this.#written.length >= this.#limit;
      return;
    }
    this.tokens.push(token);
    this.#places.push(this.#written.push(token.id) - 1);
    this.#finished = this.#endless.add(token.id) || this.#written.length >= this.#limit;
  }
}
