// Endpointing: when an utterance begins and ends, decided frame by frame from the VAD's speech probabilities.
import { VAD_FRAME_SAMPLES } from './vad.js';
import { SAMPLES_PER_MS } from '../audio/samples.js';

export interface EndpointingOptions {
  /**
   * Speech probability (0-1) at which speech begins. Once it has begun it goes on down to {@link THRESHOLD_GAP} less.
   * Raise it in noisy places; too high loses quiet speakers.
   */
  readonly threshold: number;
  /**
   * Silence that ends an utterance (hang-over), milliseconds. Shorter brings finals earlier and cuts sentences at short
   * pauses; the final comes at least this long after the last word.
   */
  readonly minSilenceMs: number;
  /**
   * Silence that ends an utterance whose text is a complete sentence, milliseconds: a `lull` asks for it. At least the
   * utterance's tail, less than minSilenceMs; else, or absent, nobody is asked.
   */
  readonly sentenceSilenceMs?: number | undefined;
  /**
   * Speech shorter than this (dips of up to {@link DIP_MS} within it allowed) is no utterance, milliseconds. Also the
   * delay of `speechStarted`.
   */
  readonly minSpeechMs: number;
  /**
   * Audio before the detected start that belongs to the utterance (pre-roll), milliseconds: soft first sounds are
   * detected late.
   */
  readonly prefixPaddingMs: number;
  /**
   * An utterance is cut at its best pause before it grows longer than this, milliseconds. At most the model's window,
   * less the tail it wants.
   */
  readonly maxUtteranceMs: number;
  /** Audio behind the last speech frame that belongs to the utterance, milliseconds. Default {@link TAIL_MS}. */
  readonly tailMs?: number;
}

export const ENDPOINTING_DEFAULTS = {
  threshold: 0.5,
  minSilenceMs: 384,
  sentenceSilenceMs: 320,
  minSpeechMs: 96,
  prefixPaddingMs: 300,
  maxUtteranceMs: 28_000,
} as const satisfies EndpointingOptions;

/** Speech ends this much below the start threshold, as in Silero's own `get_speech_timestamps` (neg_threshold). */
export const THRESHOLD_GAP = 0.15;
/**
 * Silence within the first {@link EndpointingOptions.minSpeechMs} of speech that does not yet disprove it,
 * milliseconds.
 */
export const DIP_MS = 96;
/**
 * Audio behind the last speech frame that belongs to the utterance, milliseconds (never more than minSilenceMs): last
 * sounds fade out.
 */
export const TAIL_MS = 160;
/** A forced cut is searched in this last part of the longest utterance. */
const CUT_SEARCH_PART = 1 / 3;
/** Frames over which the probability is averaged when no pause is found: 96 ms, about a syllable. */
const CUT_SMOOTHING_FRAMES = 3;

/** Why an utterance ended: a pause, or its greatest length. */
export type EndReason = 'endpoint' | 'forced';

/** Positions are samples at 16 kHz since the first frame. An utterance is the audio in [start, end). */
export type EndpointEvent =
  /** `onset`: where its first speech frame begins; what is before is pre-roll. */
  | { readonly type: 'start'; readonly start: number; readonly onset: number }
  /**
   * The speaker has been silent for as long as the utterance's tail: `end` is where it ends if the speaker goes on
   * being so. Once for each pause.
   */
  | { readonly type: 'pause'; readonly end: number }
  /**
   * The silence is long enough for an utterance whose text is complete: {@link Endpointer.endInLull} before the next
   * frame ends it, at `end`. Once for each pause.
   */
  | { readonly type: 'lull'; readonly end: number }
  | {
      readonly type: 'end';
      readonly end: number;
      readonly reason: EndReason;
      /** Share of the utterance's frames that were speech, 0-1. */
      readonly speechRatio: number;
    };

/** Options in samples, made to fit together. */
interface Limits {
  readonly threshold: number;
  readonly endThreshold: number;
  readonly minSilence: number;
  /** Infinity: nobody is asked. */
  readonly sentenceSilence: number;
  readonly minSpeech: number;
  readonly prefix: number;
  readonly max: number;
  readonly tail: number;
}

interface Utterance {
  readonly limits: Limits;
  readonly start: number;
  readonly onset: number;
  /** Speech probability of each frame from the one that holds `start` on: as many as the longest utterance has. */
  readonly probabilities: number[];
  /** Where the last speech frame ends. */
  speechEnd: number;
  speechFrames: number;
  /** The `speechEnd` whose pause was reported. */
  pausedAt?: number;
  /** The `speechEnd` whose lull was reported. */
  lulledAt?: number;
}

type State =
  | { readonly phase: 'silence' }
  /** Speech was seen, but less than minSpeechMs. */
  | { readonly phase: 'onset'; readonly utterance: Utterance }
  | { readonly phase: 'speech'; readonly utterance: Utterance };

const SILENCE: State = { phase: 'silence' };

/**
 * The endpointing of one stream: a step function over frames of {@link VAD_FRAME_SAMPLES} samples. Its only clock is
 * the number of frames. Utterances are in order and never overlap; with minSpeechMs 0 they cover every frame at or
 * above the threshold; none is longer than maxUtteranceMs.
 */
export class Endpointer {
  #limits: Limits;
  #state: State = SILENCE;
  /** Samples judged so far. */
  #now = 0;
  /** End of the last utterance, or where a longer pre-roll was set: no later one reaches back beyond it. */
  #earliest = 0;

  /** @param start position of the first frame */
  constructor(options: EndpointingOptions, start = 0) {
    this.#now = start;
    this.#earliest = start;
    this.#limits = limitsOf(options);
  }

  /** Takes other options from the next utterance on; what a forced cut carries on keeps those it began with. */
  configure(options: EndpointingOptions): void {
    // A longer pre-roll brings nothing back that may have been forgotten.
    this.#earliest = this.horizon;
    this.#limits = limitsOf(options);
  }

  /**
   * The earliest sample with which an utterance that is yet to be reported may begin: audio before it may be forgotten.
   * The utterance in progress is collected by whoever was told of its start, and a forced cut hands the rest of it on.
   */
  get horizon(): number {
    if (this.#state.phase === 'onset') return this.#state.utterance.start;
    return Math.max(this.#earliest, this.#now - this.#limits.prefix);
  }

  /** Whether the utterance in progress has had speech after the given sample. */
  hasSpeechAfter(sample: number): boolean {
    return this.#state.phase === 'speech' && this.#state.utterance.speechEnd > sample;
  }

  /** Whether the speaker has fallen silent, but not for long enough yet that a `pause` is reported. */
  get isFallingSilent(): boolean {
    if (this.#state.phase !== 'speech') return false;
    const { speechEnd, pausedAt } = this.#state.utterance;
    return speechEnd < this.#now && speechEnd !== pausedAt;
  }

  /** Judges the next frame. */
  step(probability: number): EndpointEvent[] {
    const frame = this.#now;
    this.#now += VAD_FRAME_SAMPLES;
    if (this.#state.phase === 'silence') {
      // A frame of which a part is in the utterance before is heard there: what is left of it alone is no new one.
      if (probability < this.#limits.threshold || frame < this.#earliest) return [];
      this.#state = { phase: 'onset', utterance: this.#begin(frame) };
    }
    const { phase, utterance } = this.#state;
    take(utterance, probability, this.#now);
    return phase === 'onset' ? this.#confirm(utterance) : this.#advance(utterance);
  }

  /**
   * Ends the utterance in progress now, if there is one, at `now` (the samples received, which may lie behind the
   * judged frames) or where its tail ends. Speech that goes on makes the next utterance.
   */
  finish(now: number): Extract<EndpointEvent, { type: 'end' }> | undefined {
    if (this.#state.phase !== 'speech') return undefined;
    const { utterance } = this.#state;
    // What is behind the last frame has not been judged: while the speaker speaks, it is speech.
    const isSpeaking = utterance.speechEnd === this.#now;
    const limit = Math.min(now, utterance.start + utterance.limits.max);
    return this.#end(utterance, isSpeaking ? limit : Math.min(limit, tailEnd(utterance)));
  }

  #begin(onset: number): Utterance {
    const limits = this.#limits;
    const start = Math.max(this.#earliest, onset - limits.prefix, 0);
    // The pre-roll counts as silence.
    const probabilities = Array.from({ length: Math.floor((onset - start) / VAD_FRAME_SAMPLES) }, () => 0);
    return { limits, start, onset, probabilities, speechEnd: onset, speechFrames: 0 };
  }

  #confirm(utterance: Utterance): EndpointEvent[] {
    const { limits, speechFrames, speechEnd, start, onset } = utterance;
    if (speechFrames * VAD_FRAME_SAMPLES >= limits.minSpeech) {
      this.#state = { phase: 'speech', utterance };
      return [{ type: 'start', start, onset }, ...this.#advance(utterance)];
    }
    if (this.#now - speechEnd > DIP_MS * SAMPLES_PER_MS) this.#state = SILENCE;
    return [];
  }

  #advance(utterance: Utterance): EndpointEvent[] {
    const { limits, start, speechEnd } = utterance;
    if (this.#now - speechEnd >= limits.minSilence) {
      return [this.#end(utterance, Math.min(tailEnd(utterance), start + limits.max))];
    }
    if (this.#now + VAD_FRAME_SAMPLES - start > limits.max) return this.#cut(utterance);
    const events: EndpointEvent[] = [];
    const end = tailEnd(utterance);
    if (end <= this.#now && utterance.pausedAt !== speechEnd) {
      utterance.pausedAt = speechEnd;
      events.push({ type: 'pause', end });
    }
    if (this.#now - speechEnd >= limits.sentenceSilence && utterance.lulledAt !== speechEnd) {
      utterance.lulledAt = speechEnd;
      events.push({ type: 'lull', end });
    }
    return events;
  }

  /** Ends the utterance in progress, whose `lull` was reported last, where its tail ends: its text is complete. */
  endInLull(): Extract<EndpointEvent, { type: 'end' }> | undefined {
    if (this.#state.phase !== 'speech') return undefined;
    const { utterance } = this.#state;
    return this.#end(utterance, Math.min(tailEnd(utterance), utterance.start + utterance.limits.max));
  }

  /** Ends the utterance at its best pause; what is behind the pause goes on as the next one. */
  #cut(utterance: Utterance): EndpointEvent[] {
    const { probabilities, start } = utterance;
    const first = this.#now - probabilities.length * VAD_FRAME_SAMPLES;
    const kept = bestPause(utterance);
    const at = first + kept * VAD_FRAME_SAMPLES;
    const rest = probabilities.slice(kept);
    const restSpeech = rest.filter((probability) => probability >= utterance.limits.endThreshold).length;
    const end: EndpointEvent = {
      type: 'end',
      end: at,
      reason: 'forced',
      speechRatio: ratio(utterance.speechFrames - restSpeech, at - start),
    };
    this.#earliest = Math.max(this.#earliest, at);
    if (restSpeech === 0) {
      this.#state = SILENCE;
      return [end];
    }
    const { limits, speechEnd } = utterance;
    const next: Utterance = {
      limits,
      start: at,
      onset: at,
      probabilities: rest,
      speechEnd,
      speechFrames: restSpeech,
    };
    this.#state = { phase: 'speech', utterance: next };
    return [end, { type: 'start', start: at, onset: at }];
  }

  #end(utterance: Utterance, end: number): Extract<EndpointEvent, { type: 'end' }> {
    this.#state = SILENCE;
    this.#earliest = Math.max(this.#earliest, end);
    return { type: 'end', end, reason: 'endpoint', speechRatio: ratio(utterance.speechFrames, end - utterance.start) };
  }
}

function take(utterance: Utterance, probability: number, frameEnd: number): void {
  utterance.probabilities.push(probability);
  if (probability < utterance.limits.endThreshold) return;
  utterance.speechEnd = frameEnd;
  utterance.speechFrames++;
}

/**
 * Where to cut, as the number of the utterance's frames to keep: the middle of the longest pause in the last part, else
 * the quietest place there. Of equals the later one, so that the utterance is long.
 */
function bestPause({ probabilities, limits }: Utterance): number {
  const from = Math.max(1, Math.floor(probabilities.length * (1 - CUT_SEARCH_PART)));
  let longest = { length: 0, end: 0 };
  let length = 0;
  for (let at = from; at < probabilities.length; at++) {
    length = (probabilities[at] ?? 1) < limits.endThreshold ? length + 1 : 0;
    if (length > 0 && length >= longest.length) longest = { length, end: at + 1 };
  }
  if (longest.length > 0) return longest.end - Math.floor(longest.length / 2);
  let quietest = { sum: Infinity, at: from };
  for (let at = from; at + CUT_SMOOTHING_FRAMES <= probabilities.length; at++) {
    const sum = probabilities.slice(at, at + CUT_SMOOTHING_FRAMES).reduce((total, value) => total + value, 0);
    if (sum <= quietest.sum) quietest = { sum, at: at + Math.floor(CUT_SMOOTHING_FRAMES / 2) };
  }
  return quietest.at;
}

function tailEnd({ speechEnd, limits }: Utterance): number {
  return speechEnd + limits.tail;
}

function ratio(speechFrames: number, samples: number): number {
  return samples <= 0 ? 0 : Math.min(1, (speechFrames * VAD_FRAME_SAMPLES) / samples);
}

/** The longest utterance rules the others: pre-roll and onset together stay within three quarters of it. */
function limitsOf(options: EndpointingOptions): Limits {
  const max = options.maxUtteranceMs * SAMPLES_PER_MS;
  const minSilence = options.minSilenceMs * SAMPLES_PER_MS;
  const tail = Math.min((options.tailMs ?? TAIL_MS) * SAMPLES_PER_MS, minSilence);
  const sentenceSilence = Math.max(tail, (options.sentenceSilenceMs ?? Infinity) * SAMPLES_PER_MS);
  return {
    threshold: options.threshold,
    endThreshold: Math.max(options.threshold - THRESHOLD_GAP, 0.01),
    minSilence,
    sentenceSilence,
    // The onset of an utterance lasts at most four times its speech: each speech frame may be followed by a dip of
    // three frames.
    minSpeech: Math.min(options.minSpeechMs * SAMPLES_PER_MS, max / 8),
    prefix: Math.min(options.prefixPaddingMs * SAMPLES_PER_MS, max / 4),
    max,
    tail,
  };
}
