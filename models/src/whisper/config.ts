// Reads what a Hugging Face Whisper folder says about its network, its features and its generation rules.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ModelError } from '../model-error.js';
import { parseJson } from '../parse-json.js';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const tokenId = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const tokenIds = v.array(tokenId);

const ConfigFile = v.looseObject({
  d_model: count,
  encoder_layers: count,
  decoder_layers: count,
  encoder_attention_heads: count,
  decoder_attention_heads: count,
  encoder_ffn_dim: count,
  decoder_ffn_dim: count,
  vocab_size: count,
  num_mel_bins: count,
  max_source_positions: count,
  max_target_positions: count,
  activation_function: v.optional(v.string(), 'gelu'),
  scale_embedding: v.optional(v.boolean(), false),
  tie_word_embeddings: v.optional(v.boolean(), true),
  suppress_tokens: v.nullish(tokenIds),
  begin_suppress_tokens: v.nullish(tokenIds),
});

/** Absent in some fine-tunes: everything in it has a fallback. */
const GenerationFile = v.looseObject({
  alignment_heads: v.nullish(v.array(v.tuple([tokenId, tokenId]))),
  is_multilingual: v.nullish(v.boolean()),
  suppress_tokens: v.nullish(tokenIds),
  begin_suppress_tokens: v.nullish(tokenIds),
});

const PreprocessorFile = v.looseObject({
  feature_size: v.optional(count),
  sampling_rate: v.optional(v.number(), 16_000),
  hop_length: v.optional(v.number(), 160),
  n_fft: v.optional(v.number(), 400),
});

/** The network and its rules, in this project's words. */
export interface WhisperConfig {
  /** Width of the hidden states. */
  readonly width: number;
  /** Widths inside the feed-forward blocks. */
  readonly encoderInner: number;
  readonly decoderInner: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly encoderHeads: number;
  readonly decoderHeads: number;
  readonly vocabularySize: number;
  readonly melBins: number;
  /** Longest audio context in encoder frames of 20 ms. */
  readonly maxSourcePositions: number;
  /** Longest prompt and text together, in tokens. */
  readonly maxTargetPositions: number;
  /** Whether token embeddings are multiplied by the square root of the width. */
  readonly scaleEmbedding: boolean;
  /** Whether the output projection is the token embedding. */
  readonly tiedEmbedding: boolean;
  readonly isMultilingual: boolean;
  /** Tokens that are never chosen. */
  readonly suppressTokens: readonly number[];
  /** Tokens that are not chosen as the first of a text. */
  readonly beginSuppressTokens: readonly number[];
  /** Cross-attention heads that follow time, as [decoder layer, head]. */
  readonly alignmentHeads: readonly (readonly [layer: number, head: number])[];
}

/**
 * Reads config.json, generation_config.json and preprocessor_config.json; the latter two may be absent.
 * @throws ModelError `file_missing`, `file_invalid`, or `unsupported` for what is no Whisper or a Whisper with other
 * features
 */
export async function readWhisperConfig(directory: string): Promise<WhisperConfig> {
  const file = join(directory, 'config.json');
  const text = (await readText(file)) ?? '';
  const { model_type: type } = parseJson(v.looseObject({ model_type: v.optional(v.string()) }), text, file);
  if (type !== 'whisper') throw new ModelError('unsupported', `${file}: model_type is "${type}", not "whisper"`);
  const config = parseJson(ConfigFile, text, file);
  const generationFile = join(directory, 'generation_config.json');
  const generation = parseJson(GenerationFile, (await readText(generationFile, true)) ?? '{}', generationFile);
  await checkFeatures(join(directory, 'preprocessor_config.json'), config.num_mel_bins);
  if (config.activation_function !== 'gelu') {
    throw new ModelError('unsupported', `${file}: activation_function "${config.activation_function}" is not "gelu"`);
  }
  for (const heads of [config.encoder_attention_heads, config.decoder_attention_heads]) {
    if (config.d_model % heads !== 0) {
      throw new ModelError('file_invalid', `${file}: d_model ${config.d_model} is not a multiple of ${heads} heads`);
    }
  }
  return {
    width: config.d_model,
    encoderInner: config.encoder_ffn_dim,
    decoderInner: config.decoder_ffn_dim,
    encoderLayers: config.encoder_layers,
    decoderLayers: config.decoder_layers,
    encoderHeads: config.encoder_attention_heads,
    decoderHeads: config.decoder_attention_heads,
    vocabularySize: config.vocab_size,
    melBins: config.num_mel_bins,
    maxSourcePositions: config.max_source_positions,
    maxTargetPositions: config.max_target_positions,
    scaleEmbedding: config.scale_embedding,
    tiedEmbedding: config.tie_word_embeddings,
    // openai/whisper `model.py`: the English-only vocabularies are smaller than this.
    isMultilingual: generation.is_multilingual ?? config.vocab_size >= 51_865,
    suppressTokens: generation.suppress_tokens ?? config.suppress_tokens ?? [],
    beginSuppressTokens: generation.begin_suppress_tokens ?? config.begin_suppress_tokens ?? [],
    alignmentHeads: alignmentHeads(generation.alignment_heads ?? null, config, generationFile),
  };
}

/** openai/whisper `model.py`: without measured heads, all heads of the upper half of the decoder. */
function alignmentHeads(
  given: readonly (readonly [number, number])[] | null,
  config: v.InferOutput<typeof ConfigFile>,
  file: string,
): readonly (readonly [number, number])[] {
  const { decoder_layers: layers, decoder_attention_heads: heads } = config;
  if (given === null || given.length === 0) {
    const first = Math.floor(layers / 2);
    return Array.from(
      { length: (layers - first) * heads },
      (_, i) => [first + Math.floor(i / heads), i % heads] as const,
    );
  }
  const outside = given.find(([layer, head]) => layer >= layers || head >= heads);
  if (outside) throw new ModelError('file_invalid', `${file}: there is no alignment head [${outside.join(', ')}]`);
  return given;
}

async function checkFeatures(file: string, melBins: number): Promise<void> {
  const text = (await readText(file, true)) ?? '{}';
  const {
    feature_size: size,
    sampling_rate: rate,
    hop_length: hop,
    n_fft: fft,
  } = parseJson(PreprocessorFile, text, file);
  if (rate !== 16_000 || hop !== 160 || fft !== 400 || (size !== undefined && size !== melBins)) {
    throw new ModelError(
      'unsupported',
      `${file}: ${size ?? melBins} mel bins at ${rate} Hz, hop ${hop}, n_fft ${fft}; needed are ${melBins} at 16000 Hz, hop 160, n_fft 400`,
    );
  }
}

/** `undefined` when the file is absent and may be. */
async function readText(file: string, optional = false): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (optional && cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  }
}
