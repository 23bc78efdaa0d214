// Recognition as a service: live segments and whole recordings on shared engines.
import type { VoiceActivityDetector } from '../vad/vad.js';
import type { Engine, EngineModel } from './engine.js';
import { FileTranscriber, type HearingModel } from './files/file-transcriber.js';
import type { EarlyFinalCounts } from './early-final.js';
import { LiveSegment } from './live-segment.js';
import type { RecognizedSegment, Recognizer, SegmentOptions } from './recognizer.js';
import { FINALS_LATE_MS_MAX, type RecognizerOptions } from './recognizer-options.js';
import type { DecodeScheduler, SchedulerCounts } from './scheduling/decode-scheduler.js';
import { Scheduler } from './scheduling/scheduler.js';
import { loadTokenizer, type EngineTokenizer } from './tokenizer.js';

/** Reads the tokenizer of the engines' model and opens a recogniser over them. It owns the engines from then on. */
export async function createRecognizer(
  engines: readonly Engine[],
  options: RecognizerOptions = {},
): Promise<StreamingRecognizer> {
  const [first] = engines;
  if (!first) throw new RangeError('a recogniser needs at least one engine');
  return new StreamingRecognizer(engines, await loadTokenizer(first.model.directory), options);
}

/** Shares engines among live segments. */
export class StreamingRecognizer implements Recognizer {
  readonly model: EngineModel;
  readonly #engines: readonly Engine[];
  readonly #tokenizer: EngineTokenizer;
  readonly #scheduler: DecodeScheduler;
  readonly #options: RecognizerOptions;
  readonly #earlyFinals = { begun: 0, used: 0 };

  /** @param scheduler whose engines are elsewhere: then there are none here. Default: one over the engines */
  constructor(
    engines: readonly Engine[],
    tokenizer: EngineTokenizer,
    options: RecognizerOptions = {},
    scheduler: DecodeScheduler = new Scheduler(engines, options),
  ) {
    this.#engines = engines;
    this.#tokenizer = tokenizer;
    this.#options = options;
    this.#scheduler = scheduler;
    this.model = this.#scheduler.model;
  }

  get hearing(): HearingModel {
    const { name } = this.model;
    return { name, identity: this.#options.identity ?? name };
  }

  get refusal(): 'noEngine' | 'overloaded' | undefined {
    if (!this.#scheduler.isUp) return 'noEngine';
    const { finalsLateMsMax = FINALS_LATE_MS_MAX } = this.#options;
    return finalsLateMsMax > 0 && this.#scheduler.lateMs > finalsLateMsMax ? 'overloaded' : undefined;
  }

  get stretch(): number {
    return this.#scheduler.stretch;
  }

  /** See Scheduler. */
  limitRuns(share: number): void {
    this.#scheduler.limitRuns(share);
  }

  /** The engines give back what they keep for runs to come; where one fails, its next run tells why. */
  async shrink(): Promise<void> {
    await Promise.allSettled(this.#engines.map((engine) => engine.shrink?.()));
  }

  get counts(): SchedulerCounts {
    return this.#scheduler.counts;
  }

  /** Finals decoded before their segments were known to end, and those of them that were the final. */
  get earlyFinals(): EarlyFinalCounts {
    return { ...this.#earlyFinals };
  }

  open(options: SegmentOptions): RecognizedSegment {
    return new LiveSegment(this.#scheduler, this.#tokenizer, this.#options, this.#earlyFinals, options);
  }

  /** Recognition of whole recordings on the same engines: its windows yield to those of live segments. */
  files(detector: VoiceActivityDetector): FileTranscriber {
    return new FileTranscriber(this.#scheduler, this.#tokenizer, detector, this.#options);
  }

  /** Fails what waits (`shutting_down`), ends the runs under way, closes the engines. */
  async close(): Promise<void> {
    await this.#scheduler.close();
    await Promise.all(this.#engines.map((engine) => engine.close()));
  }
}
