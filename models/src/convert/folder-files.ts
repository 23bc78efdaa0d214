// The JSON files of a converted model, as Hugging Face's own conversion writes them.
import type { WhisperTokenizer } from '../tokenizer/index.js';
import { isMultilingualVocabulary } from '../tokenizer/tokenizer-file.js';
import { alignmentHeadsOf } from './alignment-heads.js';
import type { SourceDimensions, SourceRules } from './model-source.js';
import { beginSuppressedTokens, suppressedTokens } from './vocabulary/suppressed-tokens.js';

export interface FolderFiles {
  readonly config: object;
  readonly generation: object;
  readonly preprocessor: object;
}

export function folderFiles(
  dimensions: SourceDimensions,
  rules: SourceRules,
  tokenizer: WhisperTokenizer,
  isTied: boolean,
): FolderFiles {
  const { special } = tokenizer;
  const isMultilingual = isMultilingualVocabulary(dimensions.vocabulary);
  const heads = rules.alignmentHeads ?? alignmentHeadsOf(dimensions, isMultilingual);
  const tokens = {
    bos_token_id: special.endOfText,
    eos_token_id: special.endOfText,
    pad_token_id: special.endOfText,
    decoder_start_token_id: special.startOfTranscript,
    suppress_tokens: rules.suppressTokens ?? suppressedTokens(tokenizer),
    begin_suppress_tokens: rules.beginSuppressTokens ?? beginSuppressedTokens(tokenizer),
  };
  const languages = [...special.languages].map(([code, id]) => [`<|${code}|>`, id]);
  return {
    config: {
      model_type: 'whisper',
      architectures: ['WhisperForConditionalGeneration'],
      d_model: dimensions.width,
      encoder_layers: dimensions.encoderLayers,
      decoder_layers: dimensions.decoderLayers,
      encoder_attention_heads: dimensions.encoderHeads,
      decoder_attention_heads: dimensions.decoderHeads,
      encoder_ffn_dim: dimensions.inner,
      decoder_ffn_dim: dimensions.inner,
      num_hidden_layers: dimensions.encoderLayers,
      vocab_size: dimensions.vocabulary,
      num_mel_bins: dimensions.melBins,
      max_source_positions: dimensions.maxSourcePositions,
      max_target_positions: dimensions.maxTargetPositions,
      activation_function: 'gelu',
      scale_embedding: false,
      tie_word_embeddings: isTied,
      ...tokens,
    },
    generation: {
      ...(heads && { alignment_heads: heads }),
      ...tokens,
      is_multilingual: isMultilingual,
      ...(isMultilingual && {
        lang_to_id: Object.fromEntries(languages),
        task_to_id: { transcribe: special.transcribe, translate: special.translate },
      }),
      no_timestamps_token_id: special.noTimestamps,
      prev_sot_token_id: special.startOfPrevious,
      max_initial_timestamp_index: 50,
      max_length: dimensions.maxTargetPositions,
      return_timestamps: false,
    },
    preprocessor: {
      feature_extractor_type: 'WhisperFeatureExtractor',
      processor_class: 'WhisperProcessor',
      feature_size: dimensions.melBins,
      sampling_rate: 16_000,
      hop_length: 160,
      n_fft: 400,
      chunk_length: 30,
      n_samples: 480_000,
      nb_max_frames: 3_000,
    },
  };
}
