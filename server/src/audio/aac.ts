// AAC: what its decoder, FAAD2, leaves out at the beginning; and bare AAC in ADTS, which has no container to tell of
// it.
import { Silences } from './silences.js';
import type { BlockDecoder, DecodedBlock, StreamDecoder } from './stream-decoder.js';

/**
 * Samples of a frame, at the rate of its core: half that of the output with spectral band replication. The decoder
 * gives nothing for the first one.
 */
export const AAC_FRAME = 1_024;
/** By so many samples of its output the filters of spectral band replication are late (ISO/IEC 14496-3, 4.6.18). */
const REPLICATION_DELAY = 962;
/** By the index in a header of ADTS (ISO/IEC 14496-3, table 1.18), Hz. */
const RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
] as const;
/** Of a header: up to the index. */
const HEADER_BYTES = 3;

/** Puts silence in place of the first frame, as players play it. */
export class AdtsStream implements StreamDecoder {
  readonly #decoder: BlockDecoder;
  readonly #silences = new Silences();
  #header: readonly number[] = [];
  #hasBegun = false;

  constructor(decoder: BlockDecoder) {
    this.#decoder = decoder;
  }

  async decode(bytes: Uint8Array): Promise<readonly DecodedBlock[]> {
    if (this.#header.length < HEADER_BYTES) this.#header = [...this.#header, ...bytes.subarray(0, HEADER_BYTES)];
    return this.#placed(await this.#decoder.decode(bytes));
  }

  async flush(): Promise<readonly DecodedBlock[]> {
    const last = await this.#decoder.flush?.();
    return last === undefined ? [] : this.#placed(last);
  }

  free(): void {
    this.#decoder.free();
  }

  #placed(block: DecodedBlock): readonly DecodedBlock[] {
    if (!this.#hasBegun && block.channelData.length > 0) {
      this.#hasBegun = true;
      this.#silences.add(0, this.#withheldS(block.sampleRate));
    }
    return this.#silences.apply(block);
  }

  /**
   * At low rates the decoder always doubles them: a bare stream does not say whether there is something to replicate.
   */
  #withheldS(outputRate: number): number {
    const rate = RATES[((this.#header[2] ?? 0) >> 2) & 15];
    if (rate === undefined) return 0;
    return AAC_FRAME / rate - (outputRate > 1.5 * rate ? REPLICATION_DELAY / outputRate : 0);
  }
}
