// Logits of the runs that wrote a group's texts, kept until the caller's terms have been tried: how a term would begin
// at a place is looked up there, where only a few of a long list's terms are asked about. To copy out those of all
// terms at each step made the step 1 to 7 % dearer.
import type { KeptLogits } from '@sotto/models';

/** Beyond this nothing more is kept: terms are then tried by passes alone. */
const BYTES_MAX = 32 * 2 ** 20;
/** Where all others together are less likely, natural log, no term can be likely enough. */
const OTHERS_MIN = -16;

export class LogitsShelf {
  readonly #kept = new Set<KeptLogits>();
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax = BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** Takes over a run's. `logprob`: of what was chosen in it. Returns whether they are kept. */
  add(logits: KeptLogits, logprob: Float32Array): boolean {
    const { bytes } = logits;
    const isCertain = logprob.every((one) => -one < Math.exp(OTHERS_MIN));
    if (isCertain || this.#bytes + bytes > this.#bytesMax) {
      logits.close();
      return false;
    }
    this.#kept.add(logits);
    this.#bytes += bytes;
    return true;
  }

  /** Lets all go. */
  clear(): void {
    for (const logits of this.#kept) logits.close();
    this.#kept.clear();
    this.#bytes = 0;
  }
}
