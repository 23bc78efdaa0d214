// Writes a Whisper of a known size with random weights: right in every shape, so that speed can be measured without the
// real ones.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeJson, writeModelFolder } from '../model-folder/write-model-folder.js';
import { dimensionsOf, shapeOf } from './network-shape.js';
import { visitTensors } from './network-tensors.js';
import { RandomTensors } from './random-tensors.js';
import type { WhisperSize } from './sizes.js';
import { synthVocabulary } from './tokenizer-file.js';
import { writeSafetensors, type WriteProgress } from '../model-folder/write-safetensors.js';

const MAX_SOURCE_POSITIONS = 1_500;
const MAX_TARGET_POSITIONS = 448;

export interface SynthOptions {
  /** The same seed gives the same weights. Default 1. */
  readonly seed?: number;
  readonly onProgress?: WriteProgress;
}

/**
 * Writes the folder in Hugging Face's layout, the weights in half precision.
 * @throws ModelError `name_taken` where the folder is there
 */
export async function synthesizeModel(
  size: WhisperSize,
  directory: string,
  { seed = 1, onProgress }: SynthOptions = {},
): Promise<void> {
  const vocabulary = synthVocabulary(size.languages);
  const shape = shapeOf(size, {
    melBins: size.melBins,
    vocabulary: vocabulary.size,
    maxSourcePositions: MAX_SOURCE_POSITIONS,
    maxTargetPositions: MAX_TARGET_POSITIONS,
  });
  const rules = {
    decoder_start_token_id: vocabulary.startOfTranscript,
    bos_token_id: vocabulary.endOfText,
    eos_token_id: vocabulary.endOfText,
    pad_token_id: vocabulary.endOfText,
    begin_suppress_tokens: [220, vocabulary.endOfText],
  };
  const tensors = new RandomTensors(shape, seed);
  visitTensors(shape, tensors);
  await writeModelFolder(directory, async (draft) => {
    await writeJson(draft, 'config.json', {
      model_type: 'whisper',
      architectures: ['WhisperForConditionalGeneration'],
      ...dimensionsOf(shape),
      activation_function: 'gelu',
      ...rules,
    });
    await writeJson(draft, 'generation_config.json', {
      is_multilingual: true,
      alignment_heads: size.alignmentHeads,
      suppress_tokens: [],
      ...rules,
    });
    await writeJson(draft, 'preprocessor_config.json', {
      feature_extractor_type: 'WhisperFeatureExtractor',
      feature_size: size.melBins,
      sampling_rate: 16_000,
      hop_length: 160,
      n_fft: 400,
      chunk_length: 30,
    });
    await writeFile(join(draft, 'tokenizer.json'), JSON.stringify(vocabulary.file));
    await writeJson(draft, 'sotto.json', {
      buckets: [2, 4, 8, 16, 30],
      provenance: { source: `random weights, seed ${seed}` },
    });
    await writeSafetensors(join(draft, 'model.safetensors'), tensors.list, onProgress);
  });
}
