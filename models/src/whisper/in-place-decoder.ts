// A decoder whose cache is a buffer of fixed size: a run writes behind each row's last place, nothing is copied.
import { OrtError } from '../onnxruntime/errors.js';
import type { MemoryPlace, OrtBinding, OrtSession, OrtValue } from '../onnxruntime/index.js';
import type { WhisperConfig } from './config.js';
import {
  bindChoices,
  bindInput,
  bindTensor,
  int64,
  presentOf,
  takeChoices,
  type Choices,
  type DecoderInput,
  type WhisperDecoder,
} from './decoder.js';
import type { Precision } from './layers.js';

export class InPlaceDecoder implements WhisperDecoder {
  readonly #binding: OrtBinding;
  /** `pastKey_i`, `pastValue_i` [batch, heads, maxTargetPositions, headWidth]: each is its own present, too. */
  readonly #cache: ReadonlyMap<string, OrtValue>;
  /** How many places of each row hold its text. */
  readonly #lengths: number[];

  /** Takes over `heard`. @param frames encoder frames of each row before the padding */
  constructor(
    session: OrtSession,
    private readonly config: WhisperConfig,
    precision: Precision,
    place: MemoryPlace,
    heard: ReadonlyMap<string, OrtValue>,
    frames: readonly number[],
  ) {
    const { decoderLayers, decoderHeads, maxTargetPositions, width } = config;
    this.#binding = session.bind();
    this.#lengths = frames.map(() => 0);
    for (const [name, value] of heard) {
      this.#binding.input(name, value);
      value.close();
    }
    bindTensor(this.#binding, 'audioFrames', int64(frames));
    const dims = [frames.length, decoderHeads, maxTargetPositions, width / decoderHeads];
    const cache = new Map<string, OrtValue>();
    for (let i = 0; i < decoderLayers; i++) {
      for (const kind of ['Key', 'Value']) {
        const value = session.allocate(precision, dims, place);
        cache.set(`past${kind}_${i}`, value);
        this.#binding.input(`past${kind}_${i}`, value);
      }
    }
    this.#cache = cache;
  }

  /** Several tokens of a row at once only as its first ones; the padding of a row is behind them. */
  async advance(input: DecoderInput): Promise<Choices> {
    const { batch, tokens, present } = input;
    const width = tokens.length / batch;
    const isFirst = this.places === 0;
    if (width > 1 && !isFirst) {
      throw new OrtError('invalidArgument', `${width} tokens at once are not the first of their rows`);
    }
    const added = this.#lengths.map((_, row) => textBefore(present, row * width, width));
    const reached = this.#lengths.map((length, row) => length + (added[row] ?? 0));
    // A row without a new token is fed one all the same: it is written behind its text, and overwritten or never looked at.
    const lastPlace = Int32Array.from(this.#lengths, (length, row) => length + Math.max(1, added[row] ?? 0) - 1);
    const places = isFirst ? width : Math.max(...lastPlace) + 1;
    if (places > this.config.maxTargetPositions) {
      throw new OrtError('invalidArgument', `${places} places are more than ${this.config.maxTargetPositions}`);
    }
    bindInput(this.#binding, input);
    bindTensor(this.#binding, 'lastPlace', { type: 'int32', dims: [batch], data: lastPlace });
    bindTensor(this.#binding, 'places', { type: 'int32', dims: [1], data: Int32Array.of(places) });
    for (const [name, value] of this.#cache) this.#binding.output(presentOf(name), value);
    bindChoices(this.#binding, this.config.isMultilingual, input.logits);
    const outputs = await this.#binding.run();
    for (const [row, length] of reached.entries()) this.#lengths[row] = length;
    return takeChoices(outputs);
  }

  get places(): number {
    return Math.max(...this.#lengths);
  }

  forget(row: number, from: number, to: number): void {
    if (from === to) return;
    if (to !== this.#lengths[row]) throw new OrtError('invalidArgument', 'only the last places of a row are forgotten');
    this.#lengths[row] = from;
  }

  restart(): void {
    this.#lengths.fill(0);
  }

  close(): void {
    for (const value of this.#cache.values()) value.close();
    this.#binding.close();
  }
}

/** How many of `width` places from `start` on are present; those behind them must not be. Throws OrtError. */
function textBefore(present: readonly boolean[], start: number, width: number): number {
  const row = present.slice(start, start + width);
  const end = row.indexOf(false);
  const count = end < 0 ? width : end;
  if (row.includes(true, count)) throw new OrtError('invalidArgument', 'a row holds text behind its padding');
  return count;
}
