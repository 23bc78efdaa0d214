// Transcribes whole recordings as their samples come: cut where the VAD hears pauses, decoded in batches, handed on in
// order.
import type { Word } from '@sotto/protocol';
import { VAD_FRAME_SAMPLES, type VoiceActivityDetector } from '../../vad/vad.js';
import { QUEUE_BOUNDS } from '../scheduling/decode-queue.js';
import type { DecodeResult } from '../engine.js';
import { AsrError } from '../errors.js';
import { decodeFinal, type FinalAsk, type FinalDecode, type Noise } from '../hypothesis/final-decode.js';
import { SegmentScript } from '../hypothesis/segment-script.js';
import { inOneLanguage, LanguageEvidence, type LanguageProbabilities } from '../language-evidence.js';
import { findLanguage, languageCodes } from '../model-languages.js';
import type { ChineseScript } from '../../text/chinese-script.js';
import { soundRuns, type SoundRun } from '../hypothesis/sound-runs.js';
import { timeWords } from '../hypothesis/word-timing.js';
import { hotwordsOf } from '../hotwords/hotwords.js';
import { previousTokens } from '../hypothesis/previous-text.js';
import type { DecodeScheduler } from '../scheduling/decode-scheduler.js';
import { mayBeMixed, partsByLanguage, piecesOf, speechMs, type HeardPiece } from './language-parts.js';
import { speechStretches, type CuttingOptions, type SpeechStretch } from './speech-stretches.js';
import { segmentsOf, type WindowSegment } from './window-segments.js';
import { longestUnheardMs } from './unheard-speech.js';
import { decodeWhole, spokenTokens } from './whole-window.js';
import { Semaphore } from '../../time/semaphore.js';
import { SAMPLE_RATE, SAMPLES_PER_MS } from '../../audio/samples.js';
import type { EngineTokenizer } from '../tokenizer.js';

export interface TranscribeOptions {
  /**
   * A language as people write it (`en`, `zh-TW`), or `auto` (the default): chosen for each segment, by those before it
   * too.
   */
  readonly language?: string;
  readonly task?: 'transcribe' | 'translate';
  /**
   * Text that sets the style of every segment. Segments are decoded side by side: none is told the text of the one
   * before.
   */
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
  /**
   * Called as the recording is heard, with the time before which everything is decoded, milliseconds; it never goes
   * back.
   */
  readonly onProgress?: (heardMs: number) => void;
  /** Called before anything is heard: by what. Another model may serve by the end. */
  readonly onModel?: ((model: HearingModel) => void) | undefined;
}

/** The model that hears a recording from its beginning to its end. */
export interface HearingModel {
  readonly name: string;
  /** Equal for equal weights: what depends on what a model hears is known by it. */
  readonly identity: string;
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
  /** Which channel it was said in, from 0 on; absent where channels were mixed. */
  readonly channel?: number | undefined;
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

/**
 * From this length on a window mostly holds several utterances, and a model that writes no timestamps leaves some out:
 * of those of two speakers with 0.2 to 2 s between, 33 minutes in all, 615 words of 4,080 were wrong without and 577
 * with them. A sentence by itself is heard no better: with timestamps in windows of any length 145 words of 1,002 were
 * wrong, and 133 without.
 */
const TIMED_SAMPLES_MIN = 12 * SAMPLE_RATE;

const NOTHING = (): void => undefined;

/** In a language, or the one that the model hears. */
type LanguageRun = (ask: FinalAsk, language: string | null) => Promise<DecodeResult>;

interface LanguageChoice {
  readonly choose: (result: DecodeResult) => Promise<string>;
  /** No choice will be made any more: the segments behind need not wait for it. */
  readonly settle: () => void;
}

/** What the segments of one recording share. What waits for an engine is known by it. */
class RecordingInProgress {
  readonly #evidence = new LanguageEvidence();
  readonly #among: readonly string[];
  /** Settles when the languages of all segments so far are known, or will not be. */
  #known: Promise<unknown> = Promise.resolve();

  /** @param among the languages that it may be in; empty: all */
  constructor(among: readonly string[]) {
    this.#among = among;
  }

  /** The language of the next segment, once its own probabilities are there and those of the segments before it. */
  languageOf(speechMs: number): LanguageChoice {
    const before = this.#known;
    let settle = NOTHING;
    this.#known = Promise.all([before, new Promise<void>((resolve) => (settle = resolve))]);
    const choose = async ({ language, languageProbabilities = { [language]: 1 } }: DecodeResult): Promise<string> => {
      await before;
      const chosen = this.#evidence.take(languageProbabilities, speechMs, this.#among) ?? language;
      settle();
      return chosen;
    };
    return { choose, settle };
  }
}

/** A window that is being decoded. */
class SegmentAhead {
  isDone = false;
  /** Sample of the recording. */
  readonly start: number;
  readonly segments: Promise<readonly TranscribedSegment[]>;

  constructor(start: number, segments: Promise<readonly TranscribedSegment[]>) {
    this.start = start;
    this.segments = segments;
    void this.#watch();
  }

  async #watch(): Promise<void> {
    try {
      await this.segments;
    } catch {
      // Met when its turn comes.
    }
    this.isDone = true;
  }
}

/** What counts where a recording's language tag does not say. */
export interface FileDefaults {
  /** Characters of Chinese text. */
  readonly chineseScript?: ChineseScript | 'mixed';
  /** Languages that `auto` chooses from; none: all. */
  readonly languages?: readonly string[];
}

/**
 * Shares a scheduler with whatever else uses it; its windows yield to live ones. Owns neither scheduler nor detector.
 */
export class FileTranscriber {
  /** A few less than may wait, so that a window that is tried again is never refused. */
  readonly #slots = new Semaphore(QUEUE_BOUNDS.filesMax - SEGMENTS_AHEAD_MAX);

  readonly #scheduler: DecodeScheduler;
  readonly #tokenizer: EngineTokenizer;
  readonly #detector: Pick<VoiceActivityDetector, 'openRecording'>;
  readonly #chineseScript: ChineseScript | 'mixed' | undefined;
  readonly #languages: readonly string[];

  constructor(
    scheduler: DecodeScheduler,
    tokenizer: EngineTokenizer,
    detector: Pick<VoiceActivityDetector, 'openRecording'>,
    { chineseScript, languages = [] }: FileDefaults = {},
  ) {
    this.#scheduler = scheduler;
    this.#tokenizer = tokenizer;
    this.#detector = detector;
    this.#chineseScript = chineseScript;
    this.#languages = languages;
  }

  /**
   * Segments in order, each as soon as it and those before it are decoded. Takes samples (16 kHz mono, blocks of any
   * size) as it needs them, so that a recording of any length is heard in bounded memory; the blocks must not change.
   * Throws AsrError, VadError, what `blocks` throws, or the signal's reason; the recording is then given up.
   */
  async *transcribe(
    blocks: AsyncIterable<Float32Array>,
    options: TranscribeOptions = {},
    { signal, onProgress = () => {} }: TranscribeRun = {},
  ): AsyncGenerator<TranscribedSegment, void, undefined> {
    const { buckets, tailSilenceSamples } = this.#scheduler.model;
    const stretchMsMax = Math.floor(((buckets.at(-1) ?? 0) - tailSilenceSamples) / SAMPLES_PER_MS);
    const detector = this.#detector.openRecording();
    const ahead: SegmentAhead[] = [];
    /** What waits for an engine is known by it. */
    const recording = new RecordingInProgress(languageCodes(this.#languages, this.#scheduler.model.languages));
    const cancel = (): void => this.#scheduler.cancel(recording);
    signal?.addEventListener('abort', cancel, { once: true });
    const next = async (): Promise<readonly TranscribedSegment[]> => {
      const segments = await (ahead[0] as SegmentAhead).segments;
      ahead.shift();
      return segments;
    };
    try {
      for await (const { heardSamples, stretch } of speechStretches(blocks, detector, stretchMsMax, options.cutting)) {
        signal?.throwIfAborted();
        if (stretch !== undefined) {
          const release = await this.#slots.take(signal);
          const segments = this.#transcribeStretch(stretch, recording, options).finally(release);
          ahead.push(new SegmentAhead(stretch.start, segments));
        }
        while (ahead[0]?.isDone === true || ahead.length >= SEGMENTS_AHEAD_MAX) yield* await next();
        onProgress((ahead[0]?.start ?? heardSamples) / SAMPLES_PER_MS);
      }
      while (ahead.length > 0) {
        yield* await next();
        signal?.throwIfAborted();
        if (ahead[0] !== undefined) onProgress(ahead[0].start / SAMPLES_PER_MS);
      }
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', cancel);
      detector.close();
      cancel();
    }
  }

  async #transcribeStretch(
    { start, end, audio, speechRatio, speech }: SpeechStretch,
    recording: RecordingInProgress,
    options: TranscribeOptions,
  ): Promise<TranscribedSegment[]> {
    const asked = findLanguage(options.language ?? 'auto', this.#scheduler.model.languages);
    const language = asked === undefined || asked.code === 'auto' ? null : asked.code;
    const { choose, settle } = recording.languageOf((audio.length / SAMPLES_PER_MS) * speechRatio);
    let heard: LanguageProbabilities = {};
    const run = this.#runOf(recording, options);
    const decode = inOneLanguage(run, language, (result) => {
      heard = result.languageProbabilities ?? {};
      return choose(result);
    });
    const { temperature = 0 } = options;
    const decodePart = (part: Float32Array): Promise<FinalDecode> =>
      decodeFinal(decode, { audio: part, speechRatio }, this.#tokenizer, { fallbackBudgetMs: Infinity, temperature });
    const decoded = await decodeWhole(decodePart, audio, speech, this.#tokenizer).finally(settle);
    const unheardMs = longestUnheardMs(spokenTokens(decoded, this.#tokenizer), speech);
    const isMixed = language === null && mayBeMixed(heard, unheardMs, decoded.avgLogprob);
    const parts = isMixed ? await this.#partsByLanguage(audio, speech, run) : [];
    if (parts.length > 1) {
      const segments: TranscribedSegment[] = [];
      for (const { from, to, language } of parts) {
        const part = partOf({ start, end, audio, speechRatio, speech }, from, to);
        segments.push(...(await this.#transcribeStretch(part, recording, { ...options, language })));
      }
      return segments;
    }
    const { tokens, noise, ...facts } = decoded;
    if (noise !== null) {
      const times = { startMs: start / SAMPLES_PER_MS, endMs: end / SAMPLES_PER_MS };
      return [{ ...facts, text: '', words: [], tokens: [], noise, ...times }];
    }
    const script = new SegmentScript(asked?.script, this.#chineseScript);
    const segments = segmentsOf(tokens, facts.language, speech, audio.length, options.cutting ?? {}, this.#tokenizer);
    const window = { start, sound: soundRuns(audio) };
    return Promise.all(segments.map((segment) => this.#segmentOf(segment, window, facts, script)));
  }

  /**
   * What is said in which language, where there are several; empty where there is one. One piece after the other: a
   * stretch has one place in the queue.
   */
  async #partsByLanguage(audio: Float32Array, speech: Float32Array, run: LanguageRun) {
    const pieces = piecesOf(speech, audio.length);
    if (pieces.length < 2) return [];
    const among = languageCodes(this.#languages, this.#scheduler.model.languages);
    const heard: HeardPiece[] = [];
    for (const piece of pieces) {
      const ask = { audio: audio.subarray(piece.from, piece.to), temperature: 0, seed: 0, withPrevious: false };
      const { language, languageProbabilities: probabilities = { [language]: 1 } } = await run(ask, null);
      const spokenMs = speechMs(speech, piece.from, piece.to);
      const guess = new LanguageEvidence().guess(probabilities, spokenMs, among);
      heard.push({ ...piece, guess, probabilities });
    }
    return partsByLanguage(heard);
  }

  /** A part of a window, with times of the recording. */
  async #segmentOf(
    { start, end, tokens }: WindowSegment,
    window: { readonly start: number; readonly sound: readonly SoundRun[] },
    facts: Omit<FinalDecode, 'tokens' | 'noise'>,
    script: SegmentScript,
  ): Promise<TranscribedSegment> {
    const [fromMs, toMs] = [start / SAMPLES_PER_MS, end / SAMPLES_PER_MS];
    const windowMs = window.start / SAMPLES_PER_MS;
    const said = timeWords(tokens, facts.language, [fromMs, toMs], this.#tokenizer, window.sound);
    const timed = said.map((word) => ({ ...word, startMs: word.startMs + windowMs, endMs: word.endMs + windowMs }));
    const heard = this.#tokenizer.decode(tokens.map(({ id }) => id)).trim();
    const { text, words } = await script.of({ text: heard, words: timed }, facts.language);
    return {
      ...facts,
      text,
      words,
      tokens: tokens.map(({ id, logprob }) => ({ id, logprob, text: this.#tokenizer.decode([id]) })),
      startMs: fromMs + windowMs,
      endMs: toMs + windowMs,
    };
  }

  #runOf(recording: object, { task = 'transcribe', prompt = '', hotwords = [] }: TranscribeOptions): LanguageRun {
    const previous = this.#scheduler.model.usesPreviousText ? previousTokens(this.#tokenizer, prompt) : [];
    const terms = hotwordsOf(hotwords);
    return async ({ audio, withPrevious, temperature, seed, isSpoken = false }, language) => {
      const outcome = await this.#scheduler.submit({
        segment: recording,
        kind: 'file',
        dueInMs: FILE_DUE_MS,
        samples: audio.length,
        request: () => ({
          audio,
          prompt: { language, task, previous: withPrevious ? previous : [], committed: [] },
          draft: [],
          temperature,
          seed,
          hotwords: terms,
          isSpoken,
          timestamps: audio.length >= TIMED_SAMPLES_MIN,
        }),
      });
      if (outcome.status !== 'decoded') throw new AsrError('cancelled', 'the recording was given up');
      return outcome.result;
    };
  }
}

function partOf({ start, audio, speech, speechRatio }: SpeechStretch, from: number, to: number): SpeechStretch {
  return {
    start: start + from,
    end: start + to,
    audio: audio.subarray(from, to),
    speech: speech.subarray(Math.floor(from / VAD_FRAME_SAMPLES), Math.ceil(to / VAD_FRAME_SAMPLES)),
    speechRatio,
  };
}
