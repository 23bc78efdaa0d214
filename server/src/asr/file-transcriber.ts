// Transcribes whole recordings: cut where the VAD hears pauses, decoded in batches, handed on in order.
import type { WhisperTokenizer } from '@sotto/models';
import type { Word } from '@sotto/protocol';
import { Endpointer, ENDPOINTING_DEFAULTS, type EndpointingOptions } from '../vad/endpointing.js';
import { VAD_FRAME_SAMPLES, type VadStream, type VoiceActivityDetector } from '../vad/vad.js';
import type { DecodeResult } from './engine.js';
import { AsrError } from './errors.js';
import { decodeFinal, type FinalAsk, type Noise } from './final-decode.js';
import { timeWords } from './hypothesis/word-timing.js';
import { previousTokens } from './previous-text.js';
import type { Scheduler } from './scheduler.js';

export interface TranscribeOptions {
  /** Language code, or `auto` (the default): chosen for each segment. */
  readonly language?: string;
  readonly task?: 'transcribe' | 'translate';
  /** Text that sets the style of every segment. Segments are decoded side by side: none is told the text of the one before. */
  readonly prompt?: string;
  readonly hotwords?: readonly string[];
}

/** A stretch of speech in a recording. Times are milliseconds since its first sample. */
export interface TranscribedSegment {
  /** Empty if `noise` is set. */
  readonly text: string;
  readonly noise?: Noise;
  readonly startMs: number;
  readonly endMs: number;
  readonly words: readonly Word[];
  readonly language: string;
  readonly avgLogprob: number;
  readonly noSpeechProb: number;
}

/** Nobody waits for the end of an utterance here: segments end at pauses between sentences rather than within them. */
const FILE_ENDPOINTING = { ...ENDPOINTING_DEFAULTS, minSilenceMs: 1_000 } as const satisfies EndpointingOptions;
/** Segments under way at a time, so that batches fill while memory stays small. */
const SEGMENTS_AHEAD_MAX = 16;
/** Files are not live: when they are due matters among themselves only, milliseconds. */
const FILE_DUE_MS = 60_000;

interface Stretch {
  /** Samples of the recording. */
  readonly start: number;
  readonly end: number;
  readonly speechRatio: number;
}

/** Shares a scheduler with whatever else uses it; its windows yield to live ones. Owns neither scheduler nor detector. */
export class FileTranscriber {
  constructor(
    private readonly scheduler: Scheduler,
    private readonly tokenizer: WhisperTokenizer,
    private readonly detector: VoiceActivityDetector,
  ) {}

  /**
   * Segments in order, each as soon as it and those before it are decoded. The samples (16 kHz mono) must not change meanwhile. Throws AsrError or
   * VadError; the recording is then given up.
   */
  async *transcribe(samples: Float32Array, options: TranscribeOptions = {}): AsyncGenerator<TranscribedSegment> {
    const stream = this.detector.open();
    const ahead: Promise<TranscribedSegment>[] = [];
    /** What waits for an engine is known by it. */
    const recording = {};
    try {
      for await (const stretch of this.#stretches(samples, stream)) {
        const segment = this.#decode(samples, stretch, recording, options);
        // A failure is met when its turn comes.
        segment.catch(() => undefined);
        ahead.push(segment);
        if (ahead.length >= SEGMENTS_AHEAD_MAX) yield await (ahead.shift() as Promise<TranscribedSegment>);
      }
      while (ahead.length > 0) yield await (ahead.shift() as Promise<TranscribedSegment>);
    } finally {
      stream.close();
      this.scheduler.cancel(recording);
    }
  }

  async *#stretches(samples: Float32Array, stream: VadStream): AsyncGenerator<Stretch> {
    const { buckets, tailSilenceSamples } = this.scheduler.model;
    const windowMs = Math.floor(((buckets.at(-1) ?? 0) - tailSilenceSamples) / 16);
    const endpointer = new Endpointer({
      ...FILE_ENDPOINTING,
      maxUtteranceMs: Math.min(FILE_ENDPOINTING.maxUtteranceMs, windowMs),
    });
    let start = 0;
    for (let at = 0; at < samples.length; at += VAD_FRAME_SAMPLES) {
      for (const event of endpointer.step(await stream.push(frameAt(samples, at)))) {
        if (event.type === 'start') ({ start } = event);
        else yield { start, end: Math.min(event.end, samples.length), speechRatio: event.speechRatio };
      }
    }
    const last = endpointer.finish(samples.length);
    if (last) yield { start, end: last.end, speechRatio: last.speechRatio };
  }

  async #decode(
    samples: Float32Array,
    { start, end, speechRatio }: Stretch,
    recording: object,
    options: TranscribeOptions,
  ): Promise<TranscribedSegment> {
    const { language = 'auto', task = 'transcribe', prompt = '', hotwords = [] } = options;
    const audio = samples.subarray(start, end);
    const previous = this.scheduler.model.usesPreviousText ? previousTokens(this.tokenizer, prompt, hotwords) : [];
    const decode = async ({ temperature, seed, withPrevious }: FinalAsk): Promise<DecodeResult> => {
      const outcome = await this.scheduler.submit({
        segment: recording,
        kind: 'file',
        dueInMs: FILE_DUE_MS,
        samples: audio.length,
        request: () => ({
          audio,
          prompt: {
            language: language === 'auto' ? null : language,
            task,
            previous: withPrevious ? previous : [],
            committed: [],
          },
          draft: [],
          temperature,
          seed,
        }),
      });
      if (outcome.status !== 'decoded') throw new AsrError('cancelled', 'the recording was given up');
      return outcome.result;
    };
    const { tokens, text, noise, ...facts } = await decodeFinal(decode, speechRatio, this.tokenizer, {
      fallbackBudgetMs: Infinity,
    });
    const startMs = start / 16;
    const words = timeWords(tokens, facts.language, audio.length / 16, this.tokenizer).map((word) => ({
      ...word,
      startMs: word.startMs + startMs,
      endMs: word.endMs + startMs,
    }));
    return { ...facts, text, words, startMs, endMs: end / 16, ...(noise ? { noise } : {}) };
  }
}

/** The VAD's frame at a sample; the last one is filled up with silence. */
function frameAt(samples: Float32Array, at: number): Float32Array {
  const frame = samples.subarray(at, at + VAD_FRAME_SAMPLES);
  if (frame.length === VAD_FRAME_SAMPLES) return frame;
  const filled = new Float32Array(VAD_FRAME_SAMPLES);
  filled.set(frame);
  return filled;
}
