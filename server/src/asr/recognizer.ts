// What the session sees of recognition: segments that take growing audio and answer partials and one final.
import type { Word } from '@sotto/protocol';
import type { LanguageEvidence } from './language-evidence.js';
import type { LeftContext } from './left-context.js';

/** How one decode of a segment went; times are milliseconds of the scheduler's clock. */
export interface DecodeTiming {
  readonly kind: 'partial' | 'final';
  readonly queuedAt: number;
  readonly beganAt: number;
  readonly endedAt: number;
  /** Windows of its run. */
  readonly windows: number;
  readonly hasFailed: boolean;
}

/** How a segment is to be recognised. */
export interface SegmentOptions {
  /** A language as people write it (`en`, `zh-TW`), or `auto`. */
  readonly language: string;
  /** Languages that `auto` chooses from, as people write them. Absent or empty: the recogniser's own. */
  readonly among?: readonly string[];
  /**
   * What was spoken before in this stream, and will have been: where the language is `auto` it is chosen by that.
   * Absent: by each segment alone.
   */
  readonly languages?: LanguageEvidence;
  /**
   * What was heard before in this stream, and will have been: an unclear segment is heard once more behind it. Absent:
   * each segment is heard alone.
   */
  readonly leftContext?: LeftContext;
  readonly task: 'transcribe' | 'translate';
  /** Text before this segment: the caller's prompt and the finals before it. */
  readonly previousText: string;
  /** What that is in: where another language is spoken it is not told. Absent: not known. */
  readonly previousLanguage?: string | undefined;
  /** Audio ahead of its speech, milliseconds: no word is said there. Default 0. */
  readonly preRollMs?: number;
  readonly hotwords: readonly string[];
  /** Whether the final carries words. */
  readonly words: boolean;
  /** Whether its client is there now: else it gives way to others. Absent: it is. */
  readonly isAttended?: (() => boolean) | undefined;
  /** Called with every new hypothesis, in order; never after `finish` settled or `cancel`. */
  readonly onPartial: (partial: PartialHypothesis) => void;
  /** Called when a partial could not be decoded; the segment goes on. */
  readonly onError: (error: Error) => void;
  /** Called at the end of each run that it took part in. Absent: nobody wants to know. */
  readonly onDecode?: ((decode: DecodeTiming) => void) | undefined;
}

/** A hypothesis over the audio so far. Concatenated, `stable` + `tentative` is the text. */
export interface PartialHypothesis {
  /** Never changes again; each one begins with the one before. */
  readonly stable: string;
  readonly tentative: string;
  /** Samples of the segment (16 kHz) that were heard. */
  readonly heardSamples: number;
}

/** The last word on a segment. Times are milliseconds since the segment's first sample. */
export interface FinalHypothesis {
  /** Empty if `noise` is set. */
  readonly text: string;
  readonly noise?: 'noSpeech' | 'lowConfidence' | 'repetition' | 'empty';
  readonly words: readonly Word[];
  readonly language: string;
  readonly avgLogprob: number;
  readonly noSpeechProb: number;
}

/** The text before a segment. */
export interface TextBefore {
  readonly text: string;
  /** See {@link SegmentOptions.previousLanguage}. */
  readonly language?: string | undefined;
}

/** One utterance being recognised. */
export interface RecognizedSegment {
  /**
   * Asks for a partial over the whole segment so far (16 kHz mono). A newer request supersedes one that still waits;
   * the audio must not change until it is superseded or answered. `spacing`: the {@link Recognizer.stretch} by which
   * it was spaced out from the one before it; absent: it was not.
   */
  update(audio: Float32Array, spacing?: number): void;
  /**
   * Says that the segment may end with this audio: its final is decoded early. `finish` with as much audio then has its
   * answer sooner; if more comes, what was heard has served as a partial. As for `update`, it supersedes a request that
   * waits and its audio must not change. False where it is not done now, because the engines are busy: partials are
   * then asked for as if nothing had been said.
   */
  anticipate(audio: Float32Array): boolean;
  /**
   * Whether the segment says a complete sentence if it ends with this audio: by its final, decoded now if it was not
   * anticipated; `finish` with as much audio has that answer. It does not depend on time. `before`: as for `finish`.
   * False where that cannot be told.
   */
  isComplete(audio: Float32Array, before: Promise<TextBefore>): Promise<boolean>;
  /**
   * Decodes the whole segment once more, free of what partials called stable. `speechRatio`: share of the VAD's frames
   * that were speech, 0-1. `before`: the text before the segment, once the finals before it are there, so that a final
   * does not depend on when they came; absent: as at the beginning. Rejects with AsrError: `recognition_failed`,
   * `overloaded`, `shutting_down`, or `cancelled` after `cancel`.
   */
  finish(audio: Float32Array, speechRatio: number, before?: Promise<TextBefore>): Promise<FinalHypothesis>;
  /** Forgets the segment; nothing is called any more. */
  cancel(): void;
}

/** Recognition as a service to sessions. */
export interface Recognizer {
  readonly model: { readonly name: string; readonly languages: readonly string[] };
  /** By how much sessions should stretch their partial interval now: 1 when idle, more under load. */
  readonly stretch: number;
  /**
   * Why no further stream should begin now: no engine runs, those that run are late already, or the operator wants
   * none.
   */
  readonly refusal?: 'noEngine' | 'overloaded' | 'paused' | undefined;
  open(options: SegmentOptions): RecognizedSegment;
  close(): Promise<void>;
}
