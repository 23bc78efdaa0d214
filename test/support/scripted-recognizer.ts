// A recogniser that hears what a test wants: its words follow the length of the audio, and its answers come when the
// test says.
import type {
  FinalHypothesis,
  RecognizedSegment,
  Recognizer,
  SegmentOptions,
} from '../../server/src/asr/recognizer.js';

/** A request that a segment made. */
export interface ScriptedCall {
  readonly segment: number;
  readonly kind: 'update' | 'anticipate' | 'finish';
  readonly audio: Float32Array;
  /** The audio as it was when it was handed over. */
  readonly snapshot: Float32Array;
  readonly speechRatio?: number;
  /** Answers: a partial over the audio (of what was anticipated too), or the final. */
  answer(): void;
  fail(error?: Error): void;
}

export interface ScriptedRecognizerOptions {
  /**
   * Whether requests are answered by themselves in the next turn of the event loop. Default true; else the test answers
   * `calls`.
   */
  readonly answers?: boolean;
  /** Whether `opened` and `calls` (with a copy of the audio) are kept. Default true. */
  readonly records?: boolean;
  /** Whether finals are begun early. Default false. */
  readonly anticipates?: boolean;
  /** Whether a text of so many samples is complete. Default: none is. */
  readonly isComplete?: (samples: number) => boolean | Promise<boolean>;
  readonly languages?: readonly string[];
  /** Samples from which a partial has words. Default 0. */
  readonly hearsFrom?: number;
}

/** One word for each half second of audio: `w0 w1 …`, all but the last stable. */
export function textOf(samples: number): { stable: string; tentative: string } {
  const words = Array.from({ length: Math.floor(samples / 8_000) }, (_, index) => `w${index}`);
  const stable = words.slice(0, -1).join(' ');
  const last = words.at(-1) ?? '';
  return { stable, tentative: stable === '' ? last : ` ${last}` };
}

export class ScriptedRecognizer implements Recognizer {
  readonly model: Recognizer['model'];
  stretch = 1;
  readonly calls: ScriptedCall[] = [];
  /** The options of every segment that was opened. */
  readonly opened: SegmentOptions[] = [];
  cancelled = 0;
  readonly #options: ScriptedRecognizerOptions;
  #count = 0;

  constructor(options: ScriptedRecognizerOptions = {}) {
    this.#options = options;
    this.model = { name: 'scripted', languages: options.languages ?? ['en', 'de'] };
  }

  open(options: SegmentOptions): RecognizedSegment {
    const segment = this.#count++;
    if (this.#options.records !== false) this.opened.push(options);
    let isOver = false;
    // Hypotheses come in order: an answer over less audio than the last one is superseded.
    let heard = 0;
    const call = (
      kind: ScriptedCall['kind'],
      audio: Float32Array,
      rest: Omit<ScriptedCall, 'segment' | 'kind' | 'audio' | 'snapshot'>,
    ) => {
      if (this.#options.records !== false) this.calls.push({ segment, kind, audio, snapshot: audio.slice(), ...rest });
      if (this.#options.answers !== false) setImmediate(rest.answer);
    };
    const preview = (kind: 'update' | 'anticipate', audio: Float32Array) =>
      call(kind, audio, {
        answer: () => {
          if (isOver || audio.length <= heard) return;
          heard = audio.length;
          const isHeard = heard >= (this.#options.hearsFrom ?? 0);
          options.onPartial({ ...(isHeard ? textOf(heard) : { stable: '', tentative: '' }), heardSamples: heard });
        },
        fail: (error = new Error('scripted')) => {
          if (!isOver) options.onError(error);
        },
      });
    return {
      update: (audio) => preview('update', audio),
      anticipate: (audio) => {
        if (this.#options.anticipates === true) preview('anticipate', audio);
        return this.#options.anticipates === true;
      },
      isComplete: async (audio) => (await this.#options.isComplete?.(audio.length)) ?? false,
      finish: (audio, speechRatio) =>
        new Promise((resolve, reject) => {
          call('finish', audio, {
            speechRatio,
            answer: () => {
              isOver = true;
              resolve(finalOf(audio.length));
            },
            fail: (error = new Error('scripted')) => {
              isOver = true;
              reject(error);
            },
          });
        }),
      cancel: () => {
        isOver = true;
        this.cancelled++;
      },
    };
  }

  async close(): Promise<void> {}
}

function finalOf(samples: number): FinalHypothesis {
  const { stable, tentative } = textOf(samples);
  const texts = (stable + tentative).split(/(?= )/).filter((text) => text !== '');
  const words = texts.map((text, index) => ({ text, startMs: index * 500, endMs: index * 500 + 500, confidence: 0.9 }));
  return { text: stable + tentative, words, language: 'en', avgLogprob: -0.1, noSpeechProb: 0.01 };
}
