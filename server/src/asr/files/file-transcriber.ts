// Transcribes whole recordings as their samples come: cut where the VAD hears pauses, decoded in batches, handed on in order.
import type { WhisperTokenizer } from '@sotto/models';
import type { Word } from '@sotto/protocol';
import type { VoiceActivityDetector } from '../../vad/vad.js';
import { QUEUE_BOUNDS } from '../scheduling/decode-queue.js';
import type { DecodeResult } from '../engine.js';
import { AsrError } from '../errors.js';
import { decodeFinal, joined, type FinalAsk, type FinalDecode, type Noise } from '../hypothesis/final-decode.js';
import { FRAME_SAMPLES } from '../hypothesis/stability-policy.js';
import { timeWords } from '../hypothesis/word-timing.js';
import { previousTokens } from '../hypothesis/previous-text.js';
import type { Scheduler } from '../scheduling/scheduler.js';
import { speechStretches, type CuttingOptions, type SpeechStretch } from './speech-stretches.js';
import { unheardFrom } from './unheard-speech.js';
import { Semaphore } from '../../time/semaphore.js';
import { SAMPLES_PER_MS } from '../../audio/samples.js';

export interface TranscribeOptions {
  /** Language code, or `auto` (the default): chosen for each segment. */
  readonly language?: string;
  readonly task?: 'transcribe' | 'translate';
  /** Text that sets the style of every segment. Segments are decoded side by side: none is told the text of the one before. */
  readonly prompt?: string;
  readonly hotwords?: readonly string[];
  /** Of the first decode, 0-1; a doubtful hypothesis is decoded again at higher ones. Default 0: greedy. */
  readonly temperature?: number;
  /** Where the recording is cut. Default: at pauses of a second, before segments get longer than the model hears. */
  readonly cutting?: CuttingOptions | undefined;
}

export interface TranscribeRun {
  /** Ends the work at once: the iteration then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called as the recording is heard, with the time before which everything is decoded, milliseconds; it never goes back. */
  readonly onProgress?: (heardMs: number) => void;
}

/** A stretch of speech in a recording. Times are milliseconds since its first sample. */
export interface TranscribedSegment {
  /** Empty if `noise` is set. */
  readonly text: string;
  readonly noise?: Noise;
  readonly startMs: number;
  readonly endMs: number;
  readonly words: readonly Word[];
  /** What the text was decoded from, in order; concatenated, their texts are the text but for space at its ends. */
  readonly tokens: readonly TranscribedToken[];
  readonly language: string;
  readonly avgLogprob: number;
  readonly noSpeechProb: number;
  readonly temperature: number;
}

export interface TranscribedToken {
  readonly id: number;
  readonly text: string;
  readonly logprob: number;
}

/** Segments of one recording under way at a time, so that batches fill while memory stays small. */
const SEGMENTS_AHEAD_MAX = 16;
/** Files are not live: when they are due matters among themselves only, milliseconds. */
const FILE_DUE_MS = 60_000;
/** How often a segment that ended early is decoded on. */
const CONTINUATIONS_MAX = 4;

/** A segment that is being decoded. */
class SegmentAhead {
  isDone = false;
  /** Sample of the recording. */
  readonly start: number;
  readonly segment: Promise<TranscribedSegment>;

  constructor(start: number, segment: Promise<TranscribedSegment>) {
    this.start = start;
    this.segment = segment;
    void this.#watch();
  }

  async #watch(): Promise<void> {
    try {
      await this.segment;
    } catch {
      // Met when its turn comes.
    }
    this.isDone = true;
  }
}

/** Shares a scheduler with whatever else uses it; its windows yield to live ones. Owns neither scheduler nor detector. */
export class FileTranscriber {
  /** A few less than may wait, so that a window that is tried again is never refused. */
  readonly #slots = new Semaphore(QUEUE_BOUNDS.filesMax - SEGMENTS_AHEAD_MAX);
  readonly #scheduler: Scheduler;
  readonly #tokenizer: WhisperTokenizer;
  readonly #detector: VoiceActivityDetector;

  constructor(scheduler: Scheduler, tokenizer: WhisperTokenizer, detector: VoiceActivityDetector) {
    this.#scheduler = scheduler;
    this.#tokenizer = tokenizer;
    this.#detector = detector;
  }

  /**
   * Segments in order, each as soon as it and those before it are decoded. Takes samples (16 kHz mono, blocks of any size) as it needs them, so that a
   * recording of any length is heard in bounded memory; the blocks must not change. Throws AsrError, VadError, what `blocks` throws, or the signal's
   * reason; the recording is then given up.
   */
  async *transcribe(
    blocks: AsyncIterable<Float32Array>,
    options: TranscribeOptions = {},
    { signal, onProgress = () => {} }: TranscribeRun = {},
  ): AsyncGenerator<TranscribedSegment, void, undefined> {
    const { buckets, tailSilenceSamples } = this.#scheduler.model;
    const stretchMsMax = Math.floor(((buckets.at(-1) ?? 0) - tailSilenceSamples) / SAMPLES_PER_MS);
    const stream = this.#detector.open();
    const ahead: SegmentAhead[] = [];
    /** What waits for an engine is known by it. */
    const recording = {};
    const cancel = (): void => this.#scheduler.cancel(recording);
    signal?.addEventListener('abort', cancel, { once: true });
    const next = async (): Promise<TranscribedSegment> => {
      const segment = await (ahead[0] as SegmentAhead).segment;
      ahead.shift();
      return segment;
    };
    try {
      for await (const { heardSamples, stretch } of speechStretches(blocks, stream, stretchMsMax, options.cutting)) {
        signal?.throwIfAborted();
        if (stretch !== undefined) {
          const release = await this.#slots.take(signal);
          const segment = this.#transcribeStretch(stretch, recording, options).finally(release);
          ahead.push(new SegmentAhead(stretch.start, segment));
        }
        while (ahead[0]?.isDone === true || ahead.length >= SEGMENTS_AHEAD_MAX) yield await next();
        onProgress((ahead[0]?.start ?? heardSamples) / SAMPLES_PER_MS);
      }
      while (ahead.length > 0) {
        yield await next();
        signal?.throwIfAborted();
        if (ahead[0] !== undefined) onProgress(ahead[0].start / SAMPLES_PER_MS);
      }
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      stream.close();
      cancel();
    }
  }

  async #transcribeStretch(
    { start, end, audio, speechRatio, speech }: SpeechStretch,
    recording: object,
    options: TranscribeOptions,
  ): Promise<TranscribedSegment> {
    const decoded = await this.#decodeWhole(audio, speech, speechRatio, recording, options);
    const { tokens, text, noise, ...facts } = decoded;
    const startMs = start / SAMPLES_PER_MS;
    const words = timeWords(tokens, facts.language, audio.length / SAMPLES_PER_MS, this.#tokenizer).map((word) => ({
      ...word,
      startMs: word.startMs + startMs,
      endMs: word.endMs + startMs,
    }));
    return {
      ...facts,
      text,
      words,
      tokens: tokens.map(({ id, logprob }) => ({ id, logprob, text: this.#tokenizer.decode([id]) })),
      startMs,
      endMs: end / SAMPLES_PER_MS,
      ...(noise ? { noise } : {}),
    };
  }

  /** Decodes a stretch, and on from where the model stopped listening although the speaker went on. */
  async #decodeWhole(
    audio: Float32Array,
    speech: Float32Array,
    speechRatio: number,
    recording: object,
    options: TranscribeOptions,
  ): Promise<FinalDecode> {
    let whole = await this.#decode(audio, speechRatio, recording, options);
    let from = 0;
    for (let times = 0; times < CONTINUATIONS_MAX && whole.noise === null; times += 1) {
      const unheard = unheardFrom(whole.tokens, speech);
      if (unheard === undefined || unheard <= from || unheard >= audio.length) break;
      from = unheard;
      const rest = await this.#decode(audio.subarray(from), speechRatio, recording, options);
      if (rest.noise !== null) break;
      whole = joined(whole, rest, Math.round(from / FRAME_SAMPLES), this.#tokenizer);
    }
    return whole;
  }

  #decode(
    audio: Float32Array,
    speechRatio: number,
    recording: object,
    { language = 'auto', task = 'transcribe', prompt = '', hotwords = [], temperature = 0 }: TranscribeOptions,
  ): Promise<FinalDecode> {
    const previous = this.#scheduler.model.usesPreviousText ? previousTokens(this.#tokenizer, prompt, hotwords) : [];
    const decode = async (ask: FinalAsk): Promise<DecodeResult> => {
      const outcome = await this.#scheduler.submit({
        segment: recording,
        kind: 'file',
        dueInMs: FILE_DUE_MS,
        samples: ask.audio.length,
        request: () => ({
          audio: ask.audio,
          prompt: {
            language: language === 'auto' ? null : language,
            task,
            previous: ask.withPrevious ? previous : [],
            committed: [],
          },
          draft: [],
          temperature: ask.temperature,
          seed: ask.seed,
          givesWay: true,
        }),
      });
      if (outcome.status !== 'decoded') throw new AsrError('cancelled', 'the recording was given up');
      return outcome.result;
    };
    return decodeFinal(decode, { audio, speechRatio }, this.#tokenizer, { fallbackBudgetMs: Infinity, temperature });
  }
}
