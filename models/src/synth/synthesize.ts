// Writes a Whisper of a known size with random weights: right in every shape, so that speed can be measured without the real ones.
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RandomTensor, writeRandomWeights } from './random-weights.js';
import type { WhisperSize } from './sizes.js';
import { synthVocabulary } from './tokenizer-file.js';

const MAX_SOURCE_POSITIONS = 1_500;
const MAX_TARGET_POSITIONS = 448;

export interface SynthOptions {
  /** The same seed gives the same weights. Default 1. */
  readonly seed?: number;
  /** Bytes of weights written so far, and in all. */
  readonly onProgress?: (written: number, total: number) => void;
}

/** Writes the folder in Hugging Face's layout, the weights in half precision and last: a folder with weights is whole. */
export async function synthesizeModel(
  size: WhisperSize,
  directory: string,
  { seed = 1, onProgress }: SynthOptions = {},
): Promise<void> {
  const vocabulary = synthVocabulary(size.languages);
  await mkdir(directory, { recursive: true });
  const json = (file: string, content: object): Promise<void> =>
    writeFile(join(directory, file), `${JSON.stringify(content, null, 2)}\n`);
  await json('config.json', {
    model_type: 'whisper',
    architectures: ['WhisperForConditionalGeneration'],
    d_model: size.width,
    encoder_layers: size.encoderLayers,
    decoder_layers: size.decoderLayers,
    encoder_attention_heads: size.heads,
    decoder_attention_heads: size.heads,
    encoder_ffn_dim: 4 * size.width,
    decoder_ffn_dim: 4 * size.width,
    vocab_size: vocabulary.size,
    num_mel_bins: size.melBins,
    max_source_positions: MAX_SOURCE_POSITIONS,
    max_target_positions: MAX_TARGET_POSITIONS,
    activation_function: 'gelu',
    decoder_start_token_id: vocabulary.startOfTranscript,
    bos_token_id: vocabulary.endOfText,
    eos_token_id: vocabulary.endOfText,
    pad_token_id: vocabulary.endOfText,
    begin_suppress_tokens: [220, vocabulary.endOfText],
    torch_dtype: 'float16',
  });
  await json('generation_config.json', {
    is_multilingual: true,
    alignment_heads: size.alignmentHeads,
    begin_suppress_tokens: [220, vocabulary.endOfText],
    suppress_tokens: [],
    decoder_start_token_id: vocabulary.startOfTranscript,
    bos_token_id: vocabulary.endOfText,
    eos_token_id: vocabulary.endOfText,
    pad_token_id: vocabulary.endOfText,
  });
  await json('preprocessor_config.json', {
    feature_extractor_type: 'WhisperFeatureExtractor',
    feature_size: size.melBins,
    sampling_rate: 16_000,
    hop_length: 160,
    n_fft: 400,
    chunk_length: 30,
  });
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(vocabulary.file));
  await json('sotto.json', { buckets: [2, 4, 8, 16, 30], provenance: { source: `random weights, seed ${seed}` } });
  const weights = join(directory, 'model.safetensors');
  const draft = `${weights}.${process.pid}.new`;
  try {
    await writeRandomWeights(draft, tensorsOf(size, vocabulary.size), seed, onProgress);
    await rename(draft, weights);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Every tensor of WhisperForConditionalGeneration; activations keep about their size from layer to layer. */
function tensorsOf(size: WhisperSize, vocabulary: number): RandomTensor[] {
  const { width, melBins } = size;
  const tensors: RandomTensor[] = [];
  const add = (name: string, shape: readonly number[], deviation: number, mean = 0): void => {
    tensors.push({ name: `model.${name}`, shape, deviation, mean });
  };
  const linear = (name: string, outputs: number, inputs: number, bias = true): void => {
    add(`${name}.weight`, [outputs, inputs], 1 / Math.sqrt(inputs));
    if (bias) add(`${name}.bias`, [outputs], 0.02);
  };
  const norm = (name: string): void => {
    add(`${name}.weight`, [width], 0.1, 1);
    add(`${name}.bias`, [width], 0.02);
  };
  const attention = (name: string): void => {
    linear(`${name}.q_proj`, width, width);
    linear(`${name}.k_proj`, width, width, false);
    linear(`${name}.v_proj`, width, width);
    linear(`${name}.out_proj`, width, width);
    norm(`${name}_layer_norm`);
  };
  const feedForward = (name: string): void => {
    linear(`${name}.fc1`, 4 * width, width);
    linear(`${name}.fc2`, width, 4 * width);
    norm(`${name}.final_layer_norm`);
  };
  const convolution = (name: string, inputs: number): void => {
    add(`${name}.weight`, [width, inputs, 3], 1 / Math.sqrt(3 * inputs));
    add(`${name}.bias`, [width], 0.02);
  };
  convolution('encoder.conv1', melBins);
  convolution('encoder.conv2', width);
  add('encoder.embed_positions.weight', [MAX_SOURCE_POSITIONS, width], 0.5);
  for (let i = 0; i < size.encoderLayers; i++) {
    attention(`encoder.layers.${i}.self_attn`);
    feedForward(`encoder.layers.${i}`);
  }
  norm('encoder.layer_norm');
  add('decoder.embed_tokens.weight', [vocabulary, width], 0.05);
  add('decoder.embed_positions.weight', [MAX_TARGET_POSITIONS, width], 0.05);
  for (let i = 0; i < size.decoderLayers; i++) {
    attention(`decoder.layers.${i}.self_attn`);
    attention(`decoder.layers.${i}.encoder_attn`);
    feedForward(`decoder.layers.${i}`);
  }
  norm('decoder.layer_norm');
  return tensors;
}
