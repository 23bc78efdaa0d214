// Single steps as a CUDA graph: every buffer of a shape stays at its place, and a step is played as it was recorded.
import type { MemoryPlace, OrtBinding, OrtSession, OrtValue, Tensor } from '../onnxruntime/index.js';
import { int64, presentOf, type Choices, type DecoderInput } from './decoder.js';

/** The steps of one shape of batch and audio context. Used by one decoder at a time. */
export class StepGraph {
  readonly #inputs: ReadonlyMap<string, OrtValue>;
  readonly #outputs: ReadonlyMap<string, OrtValue>;
  readonly #binding: OrtBinding;

  /**
   * @param session made with `enable_cuda_graph`
   * @param memory another session, whose memory the recorded graph does not use for what it forgets
   * @param kept everything that steps read and write on the device and that stays where it is: `heard` and `cache`
   * @param capacity places in the cache
   * @param graph the number of the CUDA graph, from 1
   */
  constructor(
    session: OrtSession,
    memory: OrtSession,
    place: MemoryPlace,
    { heard, cache }: { heard: ReadonlyMap<string, OrtValue>; cache: ReadonlyMap<string, OrtValue> },
    private readonly batch: number,
    capacity: number,
    private readonly graph: number,
  ) {
    const int64s = (name: string, ...dims: number[]) => [name, memory.allocate('int64', dims, place)] as const;
    this.#inputs = new Map([
      int64s('tokens', batch, 1),
      int64s('positions', batch, 1),
      int64s('select', batch),
      int64s('atBegin', batch),
      int64s('audioFrames', batch),
      ['lastPlace', memory.allocate('int32', [batch], place)],
    ]);
    this.#outputs = new Map([
      int64s('best', batch),
      int64s('frame', batch),
      ['logprob', memory.allocate('float32', [batch], place)],
      ...[...cache].map(([name, value]) => [presentOf(name), value] as const),
    ]);
    this.#binding = session.bind();
    for (const values of [heard, cache, this.#inputs]) {
      for (const [name, value] of values) this.#binding.input(name, value);
    }
    // Read by the host while the graph is recorded: the most that a row may ever have.
    const places = memory.allocate('int32', [1], { device: 'cpu', id: 0 });
    places.write({ type: 'int32', dims: [1], data: Int32Array.of(capacity) });
    this.#binding.input('places', places);
    places.close();
  }

  /** Begins with other windows. @param frames encoder frames of each row before the padding */
  open(frames: readonly number[]): void {
    const rows = Array.from({ length: this.batch }, (_, row) => row);
    this.#write('select', int64(rows));
    this.#write('atBegin', int64(rows.map(() => 0)));
    this.#write('audioFrames', int64(frames));
  }

  /** Feeds one token to each row; no choice may be the first of a text, and logits are not told. */
  async step({ tokens, positions, select }: DecoderInput, lastPlace: Int32Array): Promise<Choices> {
    this.#write('tokens', int64(tokens));
    this.#write('positions', int64(positions));
    this.#write('lastPlace', { type: 'int32', dims: [lastPlace.length], data: lastPlace });
    for (const [name, value] of this.#outputs) this.#binding.output(name, value);
    const bound = await this.#binding.run(this.graph);
    for (const value of bound.values()) value.close();
    const logprob = this.#read('logprob');
    const [best, frame] = [this.#read('best'), this.#read('frame')];
    return {
      best: select.map((row) => Number(best[row])),
      logprob: Float32Array.from(select, (row) => Number(logprob[row])),
      frame: select.map((row) => Number(frame[row])),
      noSpeech: new Float32Array(select.length),
      languages: new Float32Array(0),
      logits: new Float32Array(0),
    };
  }

  close(): void {
    this.#binding.close();
    for (const value of this.#inputs.values()) value.close();
    for (const name of ['best', 'frame', 'logprob']) this.#outputs.get(name)?.close();
  }

  #read(name: string): Tensor['data'] {
    return this.#outputs.get(name)?.read().data ?? new Float32Array(0);
  }

  #write(name: string, tensor: Tensor): void {
    this.#inputs.get(name)?.write(tensor);
  }
}
