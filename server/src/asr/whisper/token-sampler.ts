// Draws tokens by their probabilities, repeatably: the same seed gives the same tokens.

/** A token drawn from logits, and its log-probability at temperature 1, as openai/whisper `decoding.py` counts it. */
export interface DrawnToken {
  readonly id: number;
  readonly logprob: number;
}

export class TokenSampler {
  #state: number;
  readonly #temperature: number;

  /** @param temperature above 0: the higher, the flatter; @param seed any integer */
  constructor(temperature: number, seed: number) {
    this.#temperature = temperature;
    this.#state = seed >>> 0;
  }

  /** @param logits unnormalised natural-log scores, -Infinity for tokens that are ruled out */
  draw(logits: Float32Array): DrawnToken {
    let highest = -Infinity;
    for (const logit of logits) if (logit > highest) highest = logit;
    let total = 0;
    let flattened = 0;
    for (const logit of logits) {
      total += Math.exp(logit - highest);
      flattened += Math.exp((logit - highest) / this.#temperature);
    }
    let rest = this.#random() * flattened;
    let id = logits.indexOf(highest);
    for (let i = 0; i < logits.length; i++) {
      rest -= Math.exp(((logits[i] ?? -Infinity) - highest) / this.#temperature);
      if (rest < 0) {
        id = i;
        break;
      }
    }
    return { id, logprob: (logits[id] ?? -Infinity) - highest - Math.log(total) };
  }

  /** Uniform in [0, 1): mulberry32 (Tommy Ettinger, public domain), 32 bits of state. */
  #random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  }
}
