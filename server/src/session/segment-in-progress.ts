// One utterance on its way from its first sample to its final.
import type {
  DecodeTiming,
  PartialHypothesis,
  RecognizedSegment,
  Recognizer,
  FinalHypothesis,
  SegmentOptions,
  TextBefore,
} from '../asr/recognizer.js';
import type { LanguageEvidence } from '../asr/language-evidence.js';
import type { LeftContext } from '../asr/left-context.js';
import type { AudioRing } from './audio-ring.js';
import { SAMPLE_RATE, toMs } from '../audio/samples.js';
import { SegmentAudio } from './segment-audio.js';
import type { StreamSettings } from './session-settings.js';

/** An utterance without words in its first two seconds may have none: then partials of it are as rare as others. */
const FIRST_WORDS_SAMPLES = 2 * SAMPLE_RATE;

/** What utterances of one stream know of each other. */
export interface StreamMemory {
  readonly languages: LanguageEvidence;
  readonly leftContext: LeftContext;
}

/** What came before an utterance: what was said, and the audio ahead of its speech. */
export type WhatCameBefore = StreamMemory & Pick<SegmentOptions, 'previousText' | 'previousLanguage' | 'preRollMs'>;

export interface SegmentEvents {
  /** Whether its client is there now. Absent: it is. */
  readonly isAttended?: (() => boolean) | undefined;
  /** A new hypothesis; never after {@link SegmentInProgress.finish}. */
  readonly onPartial: (segment: SegmentInProgress, partial: PartialHypothesis) => void;
  /** A partial that could not be decoded: the segment goes on. */
  readonly onError: (segment: SegmentInProgress, error: Error) => void;
  /** See SegmentOptions. */
  readonly onDecode?: ((segment: SegmentInProgress, decode: DecodeTiming) => void) | undefined;
}

/** Holds the utterance's audio and its recognition. Positions are samples of the stream at 16 kHz. */
export class SegmentInProgress {
  readonly id: number;
  readonly start: number;
  readonly settings: StreamSettings;
  readonly #audio = new SegmentAudio();
  readonly #recognized: RecognizedSegment;
  /** Length of the audio that the last partial was asked for, and of what the last answered one heard. */
  #asked = 0;
  #heard = 0;
  #revision = 0;
  #stable = '';
  #hasText = false;
  #isEnded = false;

  constructor(
    id: number,
    start: number,
    settings: StreamSettings,
    before: WhatCameBefore,
    recognizer: Recognizer,
    events: SegmentEvents,
  ) {
    this.id = id;
    this.start = start;
    this.settings = settings;
    const { language, languages: among, task, hotwords, words } = settings;
    this.#recognized = recognizer.open({
      language,
      among,
      task,
      ...before,
      hotwords,
      words,
      isAttended: events.isAttended,
      onPartial: (partial) => {
        if (this.#isEnded) return;
        this.#heard = Math.max(this.#heard, partial.heardSamples);
        this.#stable = partial.stable;
        this.#hasText ||= (partial.stable + partial.tentative).trim() !== '';
        this.#revision++;
        events.onPartial(this, partial);
      },
      onError: (error) => {
        // What was asked for will not come: it no longer counts as work in flight.
        this.#heard = Math.max(this.#heard, this.#asked);
        events.onError(this, error);
      },
      onDecode: events.onDecode && ((decode) => events.onDecode?.(this, decode)),
    });
  }

  get startMs(): number {
    return toMs(this.start);
  }

  /** Whether its first words are yet to come, and nothing is under way that may bring them. */
  get lacksWords(): boolean {
    return !this.#hasText && this.#asked <= this.#heard && this.#asked < FIRST_WORDS_SAMPLES;
  }

  /** Position behind the last sample that the segment has. */
  get end(): number {
    return this.start + this.#audio.length;
  }

  get revision(): number {
    return this.#revision;
  }

  /** What has been settled of its text. */
  get stableText(): string {
    return this.#stable;
  }

  /** Position up to which no decode is owed: all of the audio while none is asked for. */
  get processed(): number {
    if (this.#isEnded) return this.start + this.#heard;
    return this.#asked > this.#heard ? this.start + this.#heard : Infinity;
  }

  /** Adds audio of the ring up to a position. */
  extend(ring: AudioRing, to: number): void {
    this.#audio.appendFrom(ring, this.end, to);
  }

  /** Adds samples. */
  append(samples: Float32Array): void {
    this.#audio.append(samples);
  }

  /** The audio from a position on. */
  audioFrom(position: number): Float32Array {
    return this.#audio.view(position - this.start);
  }

  /** Position up to which a partial was asked for. */
  get askedUntil(): number {
    return this.start + this.#asked;
  }

  /** Asks for a partial over all of the audio; `spacing`: see RecognizedSegment. */
  update(spacing?: number): void {
    this.#asked = this.#audio.length;
    this.#recognized.update(this.#audio.view(), spacing);
  }

  /**
   * Has the final decoded early, for the case that the utterance ends at a position. In the meantime it is a partial.
   */
  anticipate(end: number): void {
    const audio = this.#audio.view(0, end - this.start);
    if (this.#recognized.anticipate(audio)) this.#asked = Math.max(this.#asked, audio.length);
  }

  /** Whether its text is complete if it ends at a position. `before`: as for {@link finish}. */
  isComplete(end: number, before: Promise<TextBefore>): Promise<boolean> {
    return this.#recognized.isComplete(this.#audio.view(0, end - this.start), before);
  }

  /**
   * Ends the utterance at a position: its last word. `before`: the text before it, once that is known. Rejects with
   * what the recogniser rejects with.
   */
  finish(end: number, speechRatio: number, before: Promise<TextBefore>): Promise<FinalHypothesis> {
    this.#isEnded = true;
    return this.#recognized.finish(this.#audio.view(0, end - this.start), speechRatio, before);
  }

  /**
   * Its final is there, or will not be: what is still under way for it has no say any more, and its audio is given up.
   */
  release(): void {
    this.#audio.release();
  }

  cancel(): void {
    this.#isEnded = true;
    this.#recognized.cancel();
  }
}
