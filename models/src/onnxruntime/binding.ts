// Inputs and outputs of a run bound by name, so that tensors can stay where they are from one run to the next.
import koffi from 'koffi';
import { OrtEnvironment, cpuMemory, type MemoryPlace } from './environment.js';
import { check, offThread, ortApi, outOf, type Pointer } from './library.js';
import { NativeHandle } from './native-handle.js';
import { OrtValue } from './value.js';

/** In a session with `enable_cuda_graph`: a run that is not to be one. In others it means nothing. */
const notRecorded = -1;

/**
 * One set of bound inputs and outputs of a session. Inputs stay bound until they are bound anew; outputs are bound for
 * one run. A bound value may be closed at once: the binding keeps it (and its array) for as long as it needs it.
 */
export class OrtBinding extends NativeHandle {
  readonly #session: Pointer;
  /** Lets go of the bound values, by name: their arrays must outlive the run. */
  readonly #inputs: Map<string, () => void>;
  readonly #outputs: Map<string, BoundOutput>;

  /** Made by `OrtSession.bind`. `letGoOfSession` is called when the native binding is gone. */
  constructor(session: Pointer, letGoOfSession: () => void) {
    const pointer = outOf<Pointer>((out) => ortApi().createIoBinding(session, out));
    const inputs = new Map<string, () => void>();
    const outputs = new Map<string, BoundOutput>();
    super('binding', pointer, () => {
      ortApi().releaseIoBinding(pointer);
      for (const letGo of inputs.values()) letGo();
      for (const { letGo } of outputs.values()) letGo();
      letGoOfSession();
    });
    this.#session = session;
    this.#inputs = inputs;
    this.#outputs = outputs;
  }

  /** Binds an input. A value of the CPU is copied to the device here if the graph wants it there. */
  input(name: string, value: OrtValue): this {
    check(ortApi().bindInput(this.pointer, name, value.pointer));
    this.#inputs.get(name)?.();
    this.#inputs.set(name, value.retain());
    return this;
  }

  /** Binds an output of the next run: written into a value, or allocated in `place` by ONNX Runtime. */
  output(name: string, target: OrtValue | MemoryPlace = cpuMemory): this {
    if (target instanceof OrtValue) {
      check(ortApi().bindOutput(this.pointer, name, target.pointer));
      this.#setOutput(name, { letGo: target.retain() });
    } else {
      const memory = OrtEnvironment.shared.memoryInfo(target);
      check(ortApi().bindOutputToDevice(this.pointer, name, memory));
      this.#setOutput(name, { place: target, letGo: () => {} });
    }
    return this;
  }

  /**
   * Runs off the event loop, then unbinds the outputs. Returns those that ONNX Runtime allocated, by name: the caller
   * closes them. One run of a binding at a time.
   * @param shrinks whether the session then gives back memory that it keeps for later runs
   */
  async run(shrinks = false): Promise<Map<string, OrtValue>> {
    const pointer = this.pointer;
    const done = this.retain();
    try {
      const options = OrtEnvironment.shared.runOptions(notRecorded, shrinks);
      await offThread(ortApi().runWithBinding, this.#session, options, pointer);
      return this.#allocatedOutputs(pointer);
    } finally {
      this.#unbindOutputs(pointer);
      done();
    }
  }

  /**
   * In a session with `enable_cuda_graph`: records the CUDA graph of that number at the first call and plays it from
   * then on, off the event loop. Everything stays bound, outputs too, which must all be bound to values; their contents
   * may change, the values may not.
   */
  async play(cudaGraph: number): Promise<void> {
    const done = this.retain();
    try {
      const options = OrtEnvironment.shared.runOptions(cudaGraph);
      await offThread(ortApi().runWithBinding, this.#session, options, this.pointer);
    } finally {
      done();
    }
  }

  /** The same as `run` on the calling thread. */
  runSync(): Map<string, OrtValue> {
    const pointer = this.pointer;
    try {
      check(ortApi().runWithBinding(this.#session, null, pointer));
      return this.#allocatedOutputs(pointer);
    } finally {
      this.#unbindOutputs(pointer);
    }
  }

  /** ONNX Runtime lists outputs in the order in which they were bound, as the map does. */
  #allocatedOutputs(binding: Pointer): Map<string, OrtValue> {
    const environment = OrtEnvironment.shared;
    const count: [number | null] = [null];
    const list = outOf<Pointer>((out) => ortApi().getBoundOutputValues(binding, environment.allocator, out, count));
    const values = new Map<string, OrtValue>();
    let index = 0;
    for (const [name, { place }] of this.#outputs) {
      const pointer = koffi.decode(list, index++ * koffi.sizeof('void *'), 'void *') as Pointer;
      if (place) values.set(name, new OrtValue(pointer, place));
      else ortApi().releaseValue(pointer);
    }
    environment.free(list);
    return values;
  }

  #setOutput(name: string, output: BoundOutput): void {
    this.#outputs.get(name)?.letGo();
    this.#outputs.set(name, output);
  }

  #unbindOutputs(binding: Pointer): void {
    ortApi().clearBoundOutputs(binding);
    for (const { letGo } of this.#outputs.values()) letGo();
    this.#outputs.clear();
  }
}

interface BoundOutput {
  /** Where ONNX Runtime allocates it; absent when it is written into a value of the caller's. */
  readonly place?: MemoryPlace;
  readonly letGo: () => void;
}
