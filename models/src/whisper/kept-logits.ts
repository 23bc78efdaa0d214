// Logits of a run that stay in ONNX Runtime's memory, so that single ones can be looked up long after it.
import type { OrtValue } from '../onnxruntime/index.js';

export class KeptLogits {
  readonly #logits: OrtValue;
  readonly #best: readonly number[];
  readonly #logprob: Float32Array;

  /** @param logits [select, vocabulary], closed with this; `best`, `logprob`: what was chosen for each of `select` */
  constructor(logits: OrtValue, best: readonly number[], logprob: Float32Array) {
    this.#logits = logits;
    this.#best = best;
    this.#logprob = logprob;
  }

  get bytes(): number {
    return this.#logits.dims.reduce((product, size) => product * size, Float32Array.BYTES_PER_ELEMENT);
  }

  /** Natural log of a token's probability behind the `at`th of `select`. Throws OrtError once it is closed. */
  logprobOf(at: number, token: number): number {
    const start = at * (this.#logits.dims[1] ?? 0);
    const [logit = 0, best = 0] = this.#logits.pick([start + token, start + (this.#best[at] ?? 0)]);
    // The probability of the best one tells how logits are shifted.
    return logit - best + (this.#logprob[at] ?? 0);
  }

  /** May be called twice. */
  close(): void {
    this.#logits.close();
  }
}
