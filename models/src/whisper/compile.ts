// Compiles a Hugging Face Whisper folder into two ONNX graphs over the weights as they lie on disk.
import { ModelError } from '../model-error.js';
import { WhisperTokenizer, type SpecialTokens } from '../tokenizer/index.js';
import { readWhisperConfig, type WhisperConfig } from './config.js';
import { addDecodeGraph, type Cache } from './decode-graph.js';
import { addEncodeGraph, roundableMaps } from './encode-graph.js';
import { GraphBuilder } from './graph-builder.js';
import { readInt8Weights, type Int8Weight } from './int8-weights.js';
import { LayerBuilder, type Kernels, type Precision } from './layers.js';
import { readWeights } from './safetensors.js';

/** The graphs hold no weights but those that were rounded to int8: the others are read from `weightsFolder`, at the places that the graphs name. */
export interface CompiledWhisper {
  readonly config: WhisperConfig;
  readonly special: SpecialTokens;
  readonly precision: Precision;
  /** Serialised ONNX models. Small and quick to make, so they are made anew each time and never lie stale in a cache. */
  readonly encode: Uint8Array;
  readonly decode: Uint8Array;
  readonly weightsFolder: string;
}

export interface CompileOptions {
  /** Whether the linear maps of the encode graph are calculated in integers: on CPUs only, in a float32 graph. Default false. */
  readonly int8Encoder?: boolean;
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
  const { int8Encoder = false, kernels = precision === 'float32' ? 'cpu' : 'cuda', cache = 'growing' } = options;
  if (int8Encoder && precision !== 'float32') {
    throw new ModelError('unsupported', `an int8 encoder calculates the rest in float32, not in ${precision}`);
  }
  const [config, weights, { special }] = await Promise.all([
    readWhisperConfig(directory),
    readWeights(directory),
    WhisperTokenizer.load(directory),
  ]);
  const int8 = int8Encoder ? await readInt8Weights(weights, roundableMaps(config)) : new Map<string, Int8Weight>();
  const build = (name: string, add: (layers: LayerBuilder) => void): Uint8Array => {
    const graph = new GraphBuilder(name);
    add(new LayerBuilder(graph, config, weights, precision, kernels, int8));
    return graph.build();
  };
  return {
    config,
    special,
    precision,
    encode: build('encode', addEncodeGraph),
    decode: build('decode', (layers) => addDecodeGraph(layers, special, cache)),
    weightsFolder: weights.folder,
  };
}
