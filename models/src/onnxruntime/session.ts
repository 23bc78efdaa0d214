// A loaded graph: runs plain tensors through it, or hands out bindings for tensors that stay where they are.
import { OrtBinding } from './binding.js';
import type { Tensor } from './element-types.js';
import { OrtEnvironment, cpuMemory } from './environment.js';
import { OrtError } from './errors.js';
import { check, offThread, ortApi, outOf, type Pointer } from './library.js';
import { NativeHandle } from './native-handle.js';
import { withSessionOptions, type SessionOptions } from './session-options.js';
import { OrtValue } from './value.js';

export class OrtSession extends NativeHandle {
  /** Names in the graph's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];

  /**
   * Loads a model, a file or its bytes, off the event loop. Throws OrtError (`no_such_file`, `invalid_protobuf`,
   * `invalid_graph`, `fail`, ...).
   */
  static async load(model: string | Uint8Array, options: SessionOptions = {}): Promise<OrtSession> {
    const environment = OrtEnvironment.shared.pointer;
    return withSessionOptions(options, async (native) => {
      const out: [Pointer | null] = [null];
      if (typeof model === 'string') await offThread(ortApi().createSession, environment, model, native, out);
      else await offThread(ortApi().createSessionFromArray, environment, model, model.byteLength, native, out);
      if (out[0] === null) throw new OrtError('fail', 'ONNX Runtime returned no session');
      return new OrtSession(out[0]);
    });
  }

  private constructor(pointer: Pointer) {
    super('session', pointer, () => ortApi().releaseSession(pointer));
    const api = ortApi();
    this.inputs = names(pointer, api.sessionGetInputCount, api.sessionGetInputName);
    this.outputs = names(pointer, api.sessionGetOutputCount, api.sessionGetOutputName);
  }

  /**
   * Runs the graph on plain tensors, off the event loop, and copies the outputs out (all of them, or those named).
   * Several runs may be in flight at once; the feeds' arrays must not change until the run has ended.
   */
  async run<Name extends string = string>(
    feeds: Readonly<Record<string, Tensor>>,
    outputNames: readonly Name[] = this.outputs as readonly Name[],
  ): Promise<Record<Name, Tensor>> {
    const call = this.#prepare(feeds, outputNames);
    try {
      await offThread(ortApi().run, ...call.arguments);
      return call.results();
    } finally {
      call.end();
    }
  }

  /** The same on the calling thread: for tests and for worker threads that have nothing else to do. */
  runSync<Name extends string = string>(
    feeds: Readonly<Record<string, Tensor>>,
    outputNames: readonly Name[] = this.outputs as readonly Name[],
  ): Record<Name, Tensor> {
    const call = this.#prepare(feeds, outputNames);
    try {
      check(ortApi().run(...call.arguments));
      return call.results();
    } finally {
      call.end();
    }
  }

  /** A binding for tensors that stay values of ONNX Runtime between runs. Close it when done. */
  bind(): OrtBinding {
    const letGo = this.retain();
    try {
      return new OrtBinding(this.pointer, letGo);
    } catch (error) {
      letGo();
      throw error;
    }
  }

  /** Ends the profile begun by `profilePrefix` and returns its file. */
  endProfiling(): string {
    const environment = OrtEnvironment.shared;
    return environment.takeString(
      outOf<Pointer>((out) => ortApi().sessionEndProfiling(this.pointer, environment.allocator, out)),
    );
  }

  #prepare<Name extends string>(feeds: Readonly<Record<string, Tensor>>, outputNames: readonly Name[]) {
    const letGo = this.retain();
    const inputs: OrtValue[] = [];
    const results: OrtValue[] = [];
    const end = (): void => {
      for (const value of [...inputs, ...results]) value.close();
      letGo();
    };
    try {
      for (const tensor of Object.values(feeds)) inputs.push(OrtValue.fromTensor(tensor));
    } catch (error) {
      end();
      throw error;
    }
    const outputs: (Pointer | null)[] = outputNames.map(() => null);
    return {
      arguments: [
        this.pointer,
        null,
        Object.keys(feeds),
        inputs.map((value) => value.pointer),
        inputs.length,
        outputNames,
        outputs.length,
        outputs,
      ] as const satisfies Parameters<ReturnType<typeof ortApi>['run']>,
      results: (): Record<Name, Tensor> => {
        for (const pointer of outputs) if (pointer !== null) results.push(new OrtValue(pointer, cpuMemory));
        const tensors = outputNames.map((name, i) => {
          const value = results[i];
          if (value === undefined) throw new OrtError('fail', `the run gave no ${name}`);
          return [name, value.read()] as const;
        });
        return Object.fromEntries(tensors) as Record<Name, Tensor>;
      },
      end,
    };
  }
}

function names(
  session: Pointer,
  count: ReturnType<typeof ortApi>['sessionGetInputCount'],
  name: ReturnType<typeof ortApi>['sessionGetInputName'],
): string[] {
  const environment = OrtEnvironment.shared;
  return Array.from({ length: outOf<number>((out) => count(session, out)) }, (_, i) =>
    environment.takeString(outOf<Pointer>((out) => name(session, i, environment.allocator, out))),
  );
}
