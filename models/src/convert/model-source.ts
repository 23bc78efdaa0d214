// What every foreign model file is read into: dimensions, tensors by their Hugging Face names, vocabulary and rules.
import type { WeightType } from '../whisper/safetensors.js';

/** The network's sizes; what `config.json` says of them. */
export interface SourceDimensions {
  readonly width: number;
  readonly encoderHeads: number;
  readonly decoderHeads: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  /** Width inside the feed-forward blocks. */
  readonly inner: number;
  readonly melBins: number;
  readonly vocabulary: number;
  readonly maxSourcePositions: number;
  readonly maxTargetPositions: number;
}

/** A tensor that is read when it is written. */
export interface SourceTensor {
  readonly type: WeightType;
  readonly shape: readonly number[];
  /** Its values, row-major, piece by piece. */
  pieces(): AsyncIterable<Uint8Array>;
}

/** The text tokens of a vocabulary, in GPT-2's byte-level alphabet. */
export interface TextVocabulary {
  /** Entry by token id, from 0 on without a gap. */
  readonly entries: readonly string[];
  /** Pairs of entries that join, the earliest first. */
  readonly merges: readonly (readonly [left: string, right: string])[];
}

/** Rules of generation that a format carries itself; those of OpenAI's models stand in for what is absent. */
export interface SourceRules {
  readonly alignmentHeads?: readonly (readonly [layer: number, head: number])[] | undefined;
  readonly suppressTokens?: readonly number[] | undefined;
  readonly beginSuppressTokens?: readonly number[] | undefined;
}

export interface ModelSource {
  /** The format in words, as in "CTranslate2". */
  readonly format: string;
  readonly path: string;
  readonly dimensions: SourceDimensions;
  /** By names without `model.`. */
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  /** The content of a tokenizer.json, or a vocabulary to build one from; absent where the format carries neither. */
  readonly tokenizer?: unknown;
  readonly vocabulary?: TextVocabulary | undefined;
  readonly rules: SourceRules;
  close(): Promise<void>;
}
