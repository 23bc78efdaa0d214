// Compiles a Hugging Face Whisper folder into two ONNX graphs over the weights as they lie on disk.
import { ModelError } from '../model-error.js';
import { WhisperTokenizer, type SpecialTokens } from '../tokenizer/index.js';
import { readWhisperConfig, type WhisperConfig } from './config.js';
import { addDecodeGraph, type Cache } from './decode-graph.js';
import { addEncodeGraph } from './encode-graph.js';
import { GraphBuilder } from './graph-builder.js';
import { readInt8Weights, type Int8Weight } from './int8-weights.js';
import { decodeMaps, encodeMaps, type ActivationBytes } from './integer-maps.js';
import { sumsBytesExactly } from '../onnxruntime/cpu-features.js';
import { LayerBuilder, type Kernels, type Precision } from './layers.js';
import { readWeights } from './safetensors.js';

/**
 * The graphs hold no weights but those that were rounded to int8: the others are read from `weightsFolder`, at the
 * places that the graphs name.
 */
export interface CompiledWhisper {
  readonly config: WhisperConfig;
  readonly special: SpecialTokens;
  readonly precision: Precision;
  /**
   * Serialised ONNX models. Small and quick to make, so they are made anew each time and never lie stale in a cache.
   */
  readonly encode: Uint8Array;
  readonly decode: Uint8Array;
  readonly weightsFolder: string;
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
}

/** Throws ModelError `fileMissing`, `fileInvalid` or `unsupported`. */
export async function compileWhisper(
  directory: string,
  precision: Precision,
  options: CompileOptions = {},
): Promise<CompiledWhisper> {
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
  const build = async (
    name: string,
    maps: ReadonlyMap<string, ActivationBytes>,
    add: (layers: LayerBuilder) => void,
  ): Promise<Uint8Array> => {
    const graph = new GraphBuilder(name);
    const rounded = int8 ? await readInt8Weights(weights, maps, isExact) : new Map<string, Int8Weight>();
    add(new LayerBuilder(graph, config, weights, precision, kernels, rounded, isExact));
    return graph.build();
  };
  return {
    config,
    special,
    precision,
    encode: await build('encode', encodeMaps(config), addEncodeGraph),
    decode: await build('decode', decodeMaps(config), (layers) => addDecodeGraph(layers, special, cache)),
    weightsFolder: weights.folder,
  };
}
