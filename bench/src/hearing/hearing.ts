// A whole recogniser in this process, for questions of quality: live streams and files, with no clock in what is heard.
import { setImmediate as turn } from 'node:timers/promises';
import { ModelRegistry } from '@sotto/models';
import type { FinalMessage, PartialMessage, ServerMessage, StartMessage } from '@sotto/protocol';
import {
  createRecognizer,
  createSessionFactory,
  SESSION_DEFAULTS,
  SileroVad,
  WhisperEngine,
  whisperEngineSpec,
  type DecodeRequest,
  type DecodeResult,
  type Engine,
  type RecognizerOptions,
  type SessionFactory,
  type SessionSettings,
  type StreamingRecognizer,
  type TranscribedSegment,
  type TranscribeOptions,
} from '@sotto/server';
import { BenchError } from '../bench-error.js';
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import type { TimedEvent } from '../stream/segment-trace.js';

export interface HearingOptions {
  /** Installed model; default: the one that a server would take. */
  readonly model?: string | undefined;
  /** Folder of installed models; default: the user's. */
  readonly models?: string | undefined;
  readonly threads?: number | undefined;
  readonly recognition?: RecognizerOptions;
}

/** What a client would have been told. */
export interface HeardStream {
  /** Each with how much audio had been sent, milliseconds. */
  readonly events: readonly TimedEvent[];
  readonly finals: readonly FinalMessage[];
  readonly partials: readonly PartialMessage[];
}

/** Audio of one message, milliseconds: the VAD judges it before more comes. */
const CHUNK_MS = 64;
/** Times go as the audio does, and so nothing is late, stretched or superseded. */
const STANDING_CLOCK = { now: () => 0, after: () => () => undefined };

/** Tells when nothing is being decoded. */
class WatchedEngine implements Engine {
  readonly model;
  readonly maxBatch;
  readonly sharesTime;
  readonly runsInFlight;
  readonly #engine: Engine;
  #underWay: Promise<unknown> = Promise.resolve();
  #count = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    ({
      model: this.model,
      maxBatch: this.maxBatch,
      sharesTime: this.sharesTime = false,
      runsInFlight: this.runsInFlight = 1,
    } = engine);
  }

  get isIdle(): boolean {
    return this.#count === 0;
  }

  /** What was under way has ended. */
  idle(): Promise<unknown> {
    return this.#underWay;
  }

  decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    this.#count += 1;
    const done = this.#engine.decode(batch).finally(() => (this.#count -= 1));
    this.#underWay = Promise.allSettled([this.#underWay, done]);
    return done;
  }

  warmUp(): Promise<void> {
    return this.#engine.warmUp();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}

/**
 * Audio goes in as fast as it is heard: more of it comes when all that was asked for has been decoded. So every partial
 * that is due is decoded, on any machine, and the same audio gives the same partials and finals.
 */
export class Hearing {
  readonly #vad: SileroVad;
  readonly #engine: WatchedEngine;
  readonly #recognizer: StreamingRecognizer;
  readonly #sessions: SessionFactory;

  static async open({ model, models, threads, recognition = {} }: HearingOptions = {}): Promise<Hearing> {
    const registry = models === undefined ? new ModelRegistry() : new ModelRegistry(models);
    const installed = await (model === undefined ? registry.choose() : registry.find(model));
    const spec = whisperEngineSpec(installed, threads === undefined ? {} : { threads });
    const engine = new WatchedEngine(await WhisperEngine.load(spec.options));
    const recognizer = await createRecognizer([engine], { clock: STANDING_CLOCK, ...recognition });
    return new Hearing(await SileroVad.load(), engine, recognizer);
  }

  private constructor(
    vad: SileroVad,
    engine: WatchedEngine,
    recognizer: StreamingRecognizer,
    settings: SessionSettings = SESSION_DEFAULTS,
  ) {
    this.#vad = vad;
    this.#engine = engine;
    this.#recognizer = recognizer;
    this.#sessions = createSessionFactory({ vad, recognizer, settings });
  }

  get modelName(): string {
    return this.#engine.model.name;
  }

  /** Recognition, and sessions, with other options on the same engine. */
  async with(recognition: RecognizerOptions, settings?: SessionSettings): Promise<Hearing> {
    return new Hearing(
      this.#vad,
      this.#engine,
      await createRecognizer([this.#engine], { clock: STANDING_CLOCK, ...recognition }),
      settings,
    );
  }

  /** A whole live stream (16 kHz mono). */
  async live(audio: Float32Array, start: Partial<StartMessage> = {}): Promise<HeardStream> {
    const finals: FinalMessage[] = [];
    const partials: PartialMessage[] = [];
    const events: TimedEvent[] = [];
    const failures: string[] = [];
    let sent = 0;
    const over = new AbortController();
    const session = this.#sessions({
      send: (message: ServerMessage) => {
        if (message.type === 'final') finals.push(message);
        if (message.type === 'error') failures.push(message.message);
        if (message.type === 'partial') partials.push(message);
        events.push({ atMs: sent / SAMPLES_PER_MS, event: message });
      },
      end: () => over.abort(),
    });
    session.receive({
      type: 'start',
      audio: { encoding: 'pcm_f32le', sampleRate: SAMPLES_PER_MS * 1_000, channels: 1 },
      words: true,
      ...start,
    });
    const chunk = CHUNK_MS * SAMPLES_PER_MS;
    for (let from = 0; from < audio.length && !over.signal.aborted; from = sent) {
      sent = Math.min(audio.length, from + chunk);
      const data = new Uint8Array(audio.slice(from, sent).buffer);
      session.receive({ type: 'audio', offset: from, data });
      await this.#settled(() => session.backlogMs < 32);
    }
    session.receive({ type: 'stop' });
    while (!over.signal.aborted) await this.#settled(() => over.signal.aborted);
    if (failures.length > 0) throw new BenchError('server_failed', failures.join(' '));
    return { events, finals, partials };
  }

  /** A whole recording (16 kHz mono). */
  async file(audio: Float32Array, options: TranscribeOptions = {}): Promise<TranscribedSegment[]> {
    const blocks = async function* (): AsyncGenerator<Float32Array> {
      yield audio;
    };
    const segments: TranscribedSegment[] = [];
    for await (const segment of this.#recognizer.files(this.#vad).transcribe(blocks(), options)) segments.push(segment);
    return segments;
  }

  async close(): Promise<void> {
    await this.#recognizer.close();
    await this.#vad.close();
  }

  /** All of the audio is judged, and what it led to is decoded. */
  async #settled(isJudged: () => boolean): Promise<void> {
    do {
      await this.#engine.idle();
      // What was decided is asked for in the next turns of the event loop.
      for (let turns = 0; turns < 3; turns += 1) await turn();
    } while (!this.#engine.isIdle || !isJudged());
  }
}

/** The words of some finals, in order. */
export const textOf = (finals: readonly { readonly text: string }[]): string =>
  finals
    .map(({ text }) => text.trim())
    .filter((text) => text !== '')
    .join(' ');
