// Compiles a Hugging Face Whisper folder into two ONNX graphs over the weights as they lie on disk.
import { WhisperTokenizer, type SpecialTokens } from '../tokenizer/index.js';
import { readWhisperConfig, type WhisperConfig } from './config.js';
import { addDecodeGraph } from './decode-graph.js';
import { addEncodeGraph } from './encode-graph.js';
import { GraphBuilder } from './graph-builder.js';
import { LayerBuilder, type Precision } from './layers.js';
import { readWeights } from './safetensors.js';

/** The graphs hold no weights: those are read from `weightsFolder`, at the places that the graphs name. */
export interface CompiledWhisper {
  readonly config: WhisperConfig;
  readonly special: SpecialTokens;
  readonly precision: Precision;
  /** Serialised ONNX models. Small and quick to make, so they are made anew each time and never lie stale in a cache. */
  readonly encode: Uint8Array;
  readonly decode: Uint8Array;
  readonly weightsFolder: string;
}

/** Throws ModelError `fileMissing`, `fileInvalid` or `unsupported`. */
export async function compileWhisper(directory: string, precision: Precision): Promise<CompiledWhisper> {
  const [config, weights, { special }] = await Promise.all([
    readWhisperConfig(directory),
    readWeights(directory),
    WhisperTokenizer.load(directory),
  ]);
  const build = (name: string, add: (layers: LayerBuilder) => void): Uint8Array => {
    const graph = new GraphBuilder(name);
    add(new LayerBuilder(graph, config, weights, precision));
    return graph.build();
  };
  return {
    config,
    special,
    precision,
    encode: build('encode', addEncodeGraph),
    decode: build('decode', (layers) => addDecodeGraph(layers, special)),
    weightsFolder: weights.folder,
  };
}
