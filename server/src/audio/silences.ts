// Silence where a container says that nothing was recorded: before a late start, and in place of missing packets.
import type { DecodedBlock } from './stream-decoder.js';

/** Shorter holes are jitter of the times, seconds. */
export const HOLE_S_MIN = 0.06;
/** Holes that are remembered until their place comes: of a whole file, where its index tells of them. */
const HOLES_MAX = 65_536;

/** Puts silence at places of what a decoder gives, however late it gives it. */
export class Silences {
  readonly #holes: { readonly atS: number; readonly lengthS: number }[] = [];
  #passedS = 0;

  /**
   * Whether it is remembered: not what is not finite, and no more than so many.
   * @param atS seconds of decoded audio before it, in rising order
   */
  add(atS: number, lengthS: number): boolean {
    if (!Number.isFinite(lengthS) || lengthS <= 0 || this.#holes.length >= HOLES_MAX) return false;
    this.#holes.push({ atS, lengthS });
    return true;
  }

  /** The block, cut where silence goes. */
  apply({ channelData, sampleRate }: DecodedBlock): DecodedBlock[] {
    const length = channelData[0]?.length ?? 0;
    if (length === 0) return [];
    const blocks: DecodedBlock[] = [];
    let from = 0;
    let silenceS = 0;
    for (let hole = this.#holes[0]; hole !== undefined; hole = this.#holes[0]) {
      const at = Math.max(from, Math.round((hole.atS - this.#passedS) * sampleRate));
      if (at >= length) break;
      if (at > from) {
        blocks.push({ channelData: channelData.map((channel) => channel.subarray(from, at)), sampleRate, silenceS });
        [from, silenceS] = [at, 0];
      }
      silenceS += hole.lengthS;
      this.#holes.shift();
    }
    blocks.push({ channelData: channelData.map((channel) => channel.subarray(from)), sampleRate, silenceS });
    this.#passedS += length / sampleRate;
    return blocks;
  }
}
