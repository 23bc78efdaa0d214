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
}

export class WhisperRow {
  readonly tokens: DecodedToken[] = [];
  /** For each of `tokens`, and the end behind them, where it is known: how likely another token was. */
  readonly others: ((token: number) => number)[] = [];
  /** Verified in the first pass: text tokens only, at most as many as the row may still write. */
  readonly draft: readonly number[];
  readonly #limit: number;
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
    // Behind the last token that may be written nothing is chosen, so it need not be fed.
    this.draft = isGreedy ? draft.slice(0, Math.max(0, this.#limit - 1)) : [];
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

  /** Token to feed next: the last one written. */
  get lastToken(): number {
    return this.tokens.at(-1)?.id ?? this.#limits.endOfText;
  }

  /** Its place in the row's text. */
  get lastPosition(): number {
    return this.#prompt.tokens.length + this.tokens.length - 1;
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
    this.tokens.push(token);
    this.#finished = this.#endless.add(token.id) || this.tokens.length >= this.#limit;
  }
}
