// Compiles a Hugging Face Whisper folder into two ONNX graphs over the weights as they lie on disk.
import { ModelError } from '../model-error.js';
import { WhisperTokenizer, type SpecialTokens } from '../tokenizer/index.js';
import { readWhisperConfig, type WhisperConfig } from './config.js';
import { addDecodeGraph, type Cache } from './decode-graph.js';
import { addEncodeGraph } from './encode-graph.js';
import { GraphBuilder, type Graph } from './graph-builder.js';
import { int8Bytes, readInt8Weights, type Int8Weight } from './int8-weights.js';
import { decodeMaps, encodeMaps, type ActivationBytes } from './integer-maps.js';
import { cpuMemory, MemoryBlock } from '../onnxruntime/index.js';
import { sumsBytesExactly } from '../onnxruntime/cpu-features.js';
import { heardFormOf, LayerBuilder, type HeardForm, type Kernels, type Precision } from './layers.js';
import { readWeights } from './safetensors.js';
import { timestampsOf, type Timestamps } from './token-choice.js';

interface WhisperFacts {
  readonly config: WhisperConfig;
  readonly special: SpecialTokens;
  readonly precision: Precision;
  readonly heardForm: HeardForm;
  /** Those that may be chosen. */
  readonly timestamps: Timestamps | undefined;
  readonly weightsFolder: string;
}

/**
 * A graph is quick to make, so it is made anew each time and never lies stale in a cache. It holds no weights: those
 * that were rounded to int8 come beside it, the others are read from `weightsFolder`, at the places that it names.
 */
export type GraphName = 'encode' | 'decode';

export interface CompiledGraph extends Graph {
  /** Its weights are no longer wanted: a session has its own. */
  close(): void;
}

export interface WhisperPlan extends WhisperFacts {
  /** Throws ModelError. */
  compile(name: GraphName): Promise<CompiledGraph>;
}

export interface CompiledWhisper extends WhisperFacts {
  readonly encode: CompiledGraph;
  readonly decode: CompiledGraph;
}

export interface CompileOptions {
  /** Whether linear maps are calculated in integers: on CPUs only, in float32 graphs. Default false. */
  readonly int8?: boolean;
  /**
   * Whether the CPU that will run the graphs sums products of bytes exactly, whatever they are. Default: whether this
   * one does.
   */
  readonly isExact?: boolean;
  /** Default: those of the device that calculates in this precision, the CPU in float32 and CUDA in float16. */
  readonly kernels?: Kernels;
  /** How the decoder remembers; see the decode graph. Default `growing`. */
  readonly cache?: Cache;
  /**
   * Whether timestamps may be chosen. Default: with a CPU's kernels. On a GPU, where steps are recorded as CUDA graphs,
   * the operators that this takes were never run.
   */
  readonly timestamps?: boolean;
}

/** Both graphs at once. Throws ModelError `file_missing`, `file_invalid` or `unsupported`. */
export async function compileWhisper(
  directory: string,
  precision: Precision,
  options: CompileOptions = {},
): Promise<CompiledWhisper> {
  const { compile, ...facts } = await planWhisper(directory, precision, options);
  return { ...facts, encode: await compile('encode'), decode: await compile('decode') };
}

/**
 * The graphs one by one, so that the weights of one are gone before those of the next are read. Throws ModelError
 * `file_missing`, `file_invalid` or `unsupported`.
 */
export async function planWhisper(
  directory: string,
  precision: Precision,
  options: CompileOptions = {},
): Promise<WhisperPlan> {
  const { int8 = false, kernels = precision === 'float32' ? 'cpu' : 'cuda', cache = 'growing' } = options;
  if (int8 && (precision !== 'float32' || kernels !== 'cpu')) {
    throw new ModelError('unsupported', `int8 is for CPUs, and the rest is then in float32, not in ${precision}`);
  }
  const { isExact = int8 && (await sumsBytesExactly()) } = options;
  const [config, weights, { special }] = await Promise.all([
    readWhisperConfig(directory),
    readWeights(directory),
    WhisperTokenizer.load(directory),
  ]);
  const timestamps = (options.timestamps ?? kernels === 'cpu') ? timestampsOf(config, special) : undefined;
  const build = async (
    name: GraphName,
    maps: ReadonlyMap<string, ActivationBytes>,
    add: (layers: LayerBuilder) => void,
  ): Promise<CompiledGraph> => {
    const graph = new GraphBuilder(name);
    // Not the garbage collector's memory: it is to be free when the session is there.
    const bytes = int8 ? int8Bytes(weights, maps) : 0;
    const room = bytes === 0 ? undefined : MemoryBlock.allocate(cpuMemory, bytes);
    const close = (): void => room?.close();
    try {
      const rounded = int8
        ? await readInt8Weights(weights, maps, isExact, room?.bytes ?? new Uint8Array())
        : new Map<string, Int8Weight>();
      add(new LayerBuilder(graph, config, weights, precision, kernels, rounded, isExact));
      return { ...graph.build(), close };
    } catch (error) {
      close();
      throw error;
    }
  };
  return {
    config,
    special,
    precision,
    heardForm: heardFormOf(kernels, int8),
    timestamps,
    weightsFolder: weights.folder,
    compile: (name) =>
      name === 'encode'
        ? build(name, encodeMaps(config), addEncodeGraph)
        : build(name, decodeMaps(config), (layers) => addDecodeGraph(layers, special, { cache, timestamps })),
  };
}
