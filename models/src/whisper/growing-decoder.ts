// A decoder whose cache grows with every run, and from which a mask may leave out places.
import { OrtValue, type MemoryPlace, type OrtBinding, type OrtSession, type Tensor } from '../onnxruntime/index.js';
import type { WhisperConfig } from './config.js';
import {
  bindChoices,
  bindInput,
  bindTensor,
  int64,
  presentOf,
  take,
  takeChoices,
  type Choices,
  type DecoderInput,
  type WhisperDecoder,
} from './decoder.js';
import type { DecoderMemory } from './decoder-memory.js';

export class GrowingDecoder implements WhisperDecoder {
  readonly extendsRows = true;
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
    this.#rows.forEach((row, i) => row.push(...present.slice(i * width, (i + 1) * width)));
    const mask = Uint8Array.from(this.#rows.flat(), Number);
    bindInput(this.#binding, input);
    bindTensor(this.#binding, 'mask', { type: 'bool', dims: [batch, mask.length / batch], data: mask });
    for (const [name, value] of this.#past) this.#binding.input(name, value);
    for (const name of this.#past.keys()) this.#binding.output(presentOf(name), this.#place);
    bindChoices(this.#binding, this.#config.isMultilingual, input.logits || input.candidates !== undefined);
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

  retract(row: number, count: number): void {
    const places = this.#rows[row] ?? [];
    for (let at = places.length - 1, left = count; at >= 0 && left > 0; at--) {
      if (places[at] !== true) continue;
      places[at] = false;
      left--;
    }
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
