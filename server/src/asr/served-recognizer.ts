// The recogniser of a server whose model can be changed while people speak: what begins goes to the newest model, and
// an older one is let go when its last utterance and recording have ended.
import type { VoiceActivityDetector } from '../vad/vad.js';
import type { EngineModel } from './engine.js';
import { AsrError } from './errors.js';
import type { FileTranscriber, HearingModel } from './files/file-transcriber.js';
import type { FinalHypothesis, RecognizedSegment, Recognizer, SegmentOptions, TextBefore } from './recognizer.js';
import type { SchedulerCounts } from './scheduling/decode-scheduler.js';
import type { EarlyFinalCounts } from './early-final.js';
import type { StreamingRecognizer } from './streaming-recognizer.js';

/** What is told of a model to those who ask it for something. */
export type ModelFacts = Pick<EngineModel, 'name' | 'languages' | 'isMultilingual'>;

type Transcribe = FileTranscriber['transcribe'];

export interface ServedOptions {
  readonly vad: VoiceActivityDetector;
  /** Whether what is around the recognisers is full. Absent: never. */
  readonly isFull?: (() => boolean) | undefined;
  /** Whether somebody else wants no further stream. Absent: nobody does. */
  readonly isPaused?: (() => boolean) | undefined;
  /** By how much partials should be spaced out for its sake. Absent: 1, not at all. */
  readonly stretch?: (() => number) | undefined;
  /** A recogniser whose last utterance has ended is closed; here is told what that failed with. */
  readonly onCloseFailed: (error: unknown) => void;
}

/** Owns the recognisers that it is given. */
export class ServedRecognizer implements Recognizer {
  /** Of the model that serves at the moment of reading. */
  readonly model: ModelFacts;
  /** Whether no further stream is to begin; those that there are go on. */
  isPaused = false;
  readonly #options: ServedOptions;
  #current: Generation;
  /** Replaced, and not done yet. */
  readonly #leaving = new Set<Generation>();
  /** What those that are gone have done. */
  #past: Totals = NOTHING_DONE;
  #share = 1;
  #isClosed = false;

  constructor(first: StreamingRecognizer, options: ServedOptions) {
    this.#options = options;
    this.#current = new Generation(first, options.vad);
    const current = (): EngineModel => this.#current.recognizer.model;
    this.model = {
      get name() {
        return current().name;
      },
      get languages() {
        return current().languages;
      },
      get isMultilingual() {
        return current().isMultilingual;
      },
    };
  }

  /** What hears the next recording. */
  get hearing(): HearingModel {
    return this.#current.recognizer.hearing;
  }

  /** All that is known of the model that serves now. */
  get engineModel(): EngineModel {
    return this.#current.recognizer.model;
  }

  get stretch(): number {
    return Math.max(this.#current.recognizer.stretch, this.#options.stretch?.() ?? 1);
  }

  get refusal(): Recognizer['refusal'] {
    if (this.isPaused || this.#options.isPaused?.() === true) return 'paused';
    return this.#current.recognizer.refusal ?? (this.#options.isFull?.() === true ? 'overloaded' : undefined);
  }

  /** Of all models since the start. */
  get counts(): SchedulerCounts {
    return this.#totals.counts;
  }

  get earlyFinals(): EarlyFinalCounts {
    return this.#totals.earlyFinals;
  }

  /** Models that were replaced and still have something to end. */
  get leaving(): number {
    return this.#leaving.size;
  }

  /** See Scheduler. */
  limitRuns(share: number): void {
    this.#share = share;
    for (const { recognizer } of this.#generations) recognizer.limitRuns(share);
  }

  /** The engines of all models give back what they keep for runs to come. */
  async shrink(): Promise<void> {
    await Promise.all([...this.#generations].map(({ recognizer }) => recognizer.shrink()));
  }

  open(options: SegmentOptions): RecognizedSegment {
    const generation = this.#current;
    return new CountedSegment(generation.recognizer.open(options), this.#use(generation));
  }

  /** See FileTranscriber. */
  async *transcribe(...[blocks, options, run]: Parameters<Transcribe>): ReturnType<Transcribe> {
    const generation = this.#current;
    const done = this.#use(generation);
    try {
      run?.onModel?.(generation.recognizer.hearing);
      yield* generation.files.transcribe(blocks, options, run);
    } finally {
      done();
    }
  }

  /** What begins from now on is `next`'s, which this owns then. @throws AsrError `shutting_down` after {@link close} */
  replaceBy(next: StreamingRecognizer): void {
    if (this.#isClosed) throw new AsrError('shutting_down', 'the recogniser is closed');
    next.limitRuns(this.#share);
    const former = this.#current;
    this.#current = new Generation(next, this.#options.vad);
    this.#leaving.add(former);
    this.#letGo(former);
  }

  /** Closes all models. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#generations].map(({ recognizer }) => recognizer.close()));
  }

  get #generations(): Iterable<Generation> {
    return [this.#current, ...this.#leaving];
  }

  get #totals(): Totals {
    return [...this.#generations].reduce((sum, { recognizer }) => plus(sum, recognizer), this.#past);
  }

  /** Counts a use of a generation; what is returned ends it, once. */
  #use(generation: Generation): () => void {
    generation.uses += 1;
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      generation.uses -= 1;
      this.#letGo(generation);
    };
  }

  #letGo(generation: Generation): void {
    if (generation.uses > 0 || this.#isClosed || !this.#leaving.has(generation)) return;
    this.#leaving.delete(generation);
    const { recognizer } = generation;
    this.#past = plus(this.#past, recognizer);
    recognizer.close().catch(this.#options.onCloseFailed);
  }
}

/** A model, and how much it is used. */
class Generation {
  readonly recognizer: StreamingRecognizer;
  readonly files: FileTranscriber;
  /** Utterances and recordings that it has not ended. */
  uses = 0;

  constructor(recognizer: StreamingRecognizer, vad: VoiceActivityDetector) {
    this.recognizer = recognizer;
    this.files = recognizer.files(vad);
  }
}

/** Tells when a segment is over. */
class CountedSegment implements RecognizedSegment {
  readonly #segment: RecognizedSegment;
  readonly #onOver: () => void;

  constructor(segment: RecognizedSegment, onOver: () => void) {
    this.#segment = segment;
    this.#onOver = onOver;
  }

  update(audio: Float32Array, spacing?: number): void {
    this.#segment.update(audio, spacing);
  }

  anticipate(audio: Float32Array): boolean {
    return this.#segment.anticipate(audio);
  }

  isComplete(audio: Float32Array, before: Promise<TextBefore>): Promise<boolean> {
    return this.#segment.isComplete(audio, before);
  }

  finish(audio: Float32Array, speechRatio: number, before?: Promise<TextBefore>): Promise<FinalHypothesis> {
    return this.#segment.finish(audio, speechRatio, before).finally(this.#onOver);
  }

  cancel(): void {
    this.#segment.cancel();
    this.#onOver();
  }
}

interface Totals {
  readonly counts: SchedulerCounts;
  readonly earlyFinals: EarlyFinalCounts;
}

const NOTHING_DONE: Totals = {
  counts: {
    waiting: { final: 0, partial: 0, file: 0 },
    running: 0,
    decoded: 0,
    runs: 0,
    superseded: 0,
    dropped: 0,
    refused: 0,
    retried: 0,
    failed: 0,
    busyMs: 0,
  },
  earlyFinals: { begun: 0, used: 0 },
};

function plus(a: Totals, b: Totals): Totals {
  return {
    counts: { ...sum(a.counts, b.counts), waiting: sum(a.counts.waiting, b.counts.waiting) },
    earlyFinals: sum(a.earlyFinals, b.earlyFinals),
  };
}

/** Adds the numbers of two objects of one shape. */
function sum<T extends object>(a: T, b: T): T {
  const numbers = (Object.keys(a) as (keyof T)[]).map((key) => {
    const [x, y] = [a[key], b[key]];
    return [key, typeof x === 'number' && typeof y === 'number' ? x + y : x] as const;
  });
  return Object.fromEntries(numbers) as T;
}
