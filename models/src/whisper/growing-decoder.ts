// A decoder whose cache grows with every run, and from which a mask may leave out places.
import { OrtValue, type MemoryPlace, type OrtBinding, type OrtSession, type Tensor } from '../onnxruntime/index.js';
import type { WhisperConfig } from './config.js';
import {
  bindChoices,
  bindInput,
  bindTensor,
  bindUnchanged,
  int64,
  presentOf,
  take,
  takeChoices,
  type Choices,
  type DecoderInput,
  type View,
  type WhisperDecoder,
} from './decoder.js';
import type { DecoderMemory } from './decoder-memory.js';

export class GrowingDecoder implements WhisperDecoder {
  readonly branches = true;
  readonly #binding: OrtBinding;
  /** `pastKey_i`, `pastValue_i`. */
  #past: Map<string, OrtValue>;
  /** Which places of the cache hold tokens of their row's text, row by row. */
  readonly #rows: boolean[][];
  #isClosed = false;
  readonly #config: WhisperConfig;
  readonly #place: MemoryPlace;
  readonly #memory: DecoderMemory;

  /** @param frames encoder frames of each row before the padding */
  constructor(
    session: OrtSession,
    config: WhisperConfig,
    place: MemoryPlace,
    memory: DecoderMemory,
    frames: readonly number[],
  ) {
    this.#config = config;
    this.#place = place;
    this.#memory = memory;
    this.#binding = session.bind();
    this.#rows = frames.map(() => []);
    for (const [name, value] of memory.heard) this.#binding.input(name, value);
    bindTensor(this.#binding, 'audioFrames', int64(frames));
    this.#past = this.#emptyCache();
  }

  async advance(input: DecoderInput): Promise<Choices> {
    const { batch, tokens, present } = input;
    const width = tokens.length / batch;
    const views = input.views === undefined ? undefined : this.#seen(input, input.views);
    this.#rows.forEach((row, i) =>
      row.push(...present.slice(i * width, (i + 1) * width).map((is) => is && views === undefined)),
    );
    const mask = views ?? Uint8Array.from(this.#rows.flat(), Number);
    const masks = views === undefined ? 1 : width;
    bindInput(this.#binding, input);
    bindTensor(this.#binding, 'mask', { type: 'bool', dims: [batch, masks, mask.length / batch / masks], data: mask });
    for (const [name, value] of this.#past) this.#binding.input(name, value);
    for (const name of this.#past.keys()) this.#binding.output(presentOf(name), this.#place);
    bindUnchanged(this.#binding, this.#memory.heard);
    bindChoices(this.#binding, this.#config.isMultilingual, input);
    const outputs = await this.#binding.run(input.shrinks);
    for (const [name, value] of this.#past) {
      value.close();
      this.#past.set(name, take(outputs, presentOf(name)));
    }
    return takeChoices(outputs, input);
  }

  get places(): number {
    return this.#rows[0]?.length ?? 0;
  }

  forget(row: number, from: number, to: number): void {
    this.#rows[row]?.fill(false, from, to);
  }

  restart(): void {
    this.#closeCache();
    this.#past = this.#emptyCache();
    for (const row of this.#rows) row.length = 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeCache();
    this.#binding.close();
    this.#memory.release();
  }

  /** The mask of tokens that see each a part: [B, n, P + n]. */
  #seen({ batch, tokens }: DecoderInput, views: readonly View[]): Uint8Array {
    const width = tokens.length / batch;
    const size = this.places + width;
    const mask = new Uint8Array(tokens.length * size);
    for (const [at, { kept, first }] of views.entries()) {
      const start = at * size;
      const column = at % width;
      let left = kept;
      for (const [place, isText] of (this.#rows[Math.floor(at / width)] ?? []).entries()) {
        if (left === 0) break;
        if (!isText) continue;
        mask[start + place] = 1;
        left--;
      }
      mask.fill(1, start + this.places + first, start + this.places + column + 1);
    }
    return mask;
  }

  #emptyCache(): Map<string, OrtValue> {
    const { decoderLayers, decoderHeads, width } = this.#config;
    const dims = [this.#rows.length, decoderHeads, 0, width / decoderHeads];
    const cache = new Map<string, OrtValue>();
    for (let i = 0; i < decoderLayers; i++) {
      for (const kind of ['Key', 'Value']) {
        const tensor: Tensor =
          this.#place.device === 'cpu'
            ? { type: 'float32', dims, data: new Float32Array(0) }
            : { type: 'float16', dims, data: new Uint16Array(0) };
        cache.set(`past${kind}_${i}`, OrtValue.fromTensor(tensor));
      }
    }
    return cache;
  }

  #closeCache(): void {
    for (const value of this.#past.values()) value.close();
  }
}
