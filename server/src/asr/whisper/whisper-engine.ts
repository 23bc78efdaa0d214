// The engine: one Whisper on one device, decoding batches of windows with their last hypotheses as drafts.
import { messageOf } from '@sotto/protocol';
import {
  buildPrompt,
  OrtError,
  WhisperNetwork,
  type CpuPrecision,
  type CudaProvider,
  type Prompt,
} from '@sotto/models';
import * as v from 'valibot';
import { mostUrgent, type DecodeRequest, type DecodeResult, type Engine, type EngineModel } from '../engine.js';
import type { LanguageProbabilities } from '../language-evidence.js';
import { EngineError } from '../errors.js';
import { samplesThatFit } from './cpu-limits.js';
import { batchThatFits, isDeviceLost } from './gpu-limits.js';
import { TermLists } from '../hotwords/term-lists.js';
import { IdleTime } from './idle-time.js';
import { groupWindows, type WindowGroup } from './window-groups.js';
import { cpuShapes, gpuShapes, type WindowShape } from './warm-up-shapes.js';
import { RunTraffic, type BeforePass } from './run-traffic.js';
import { firstPass, languagePass, stepPass, type FirstPass } from './whisper-passes.js';
import { LogitsShelf } from './logits-shelf.js';
import { tryTerms } from './term-trials.js';
import { WhisperRow } from './whisper-row.js';
import { SAMPLE_RATE, toSamples } from '../../audio/samples.js';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** A language that is less probable is not told. */
const LANGUAGE_PROBABILITY_MIN = 0.001;

/** Plain data, so that an engine can be made in another process. */
const Options = v.object({
  /** The model's name in answers and metrics. */
  name: v.string(),
  /** Folder of the Hugging Face files. */
  directory: v.string(),
  /** Context lengths that windows are padded to, seconds, ascending. Default: 30, which every Whisper takes. */
  buckets: v.optional(v.pipe(v.array(v.number()), v.minLength(1)), [30]),
  /** Silence that the model wants behind the speech, milliseconds. Default 0. */
  tailSilenceMs: v.optional(v.number(), 0),
  /** Whether the model was trained with previous text as prompt. Default true. */
  usesPreviousText: v.optional(v.boolean(), true),
  /** Threads of one run. Default: as many as there are physical cores. */
  threads: v.optional(count),
  /** Largest batch of one run. Default 8. */
  maxBatch: v.optional(count, 8),
  /** Memory that an engine on the CPU may take, bytes: runs are as large as fits. Default: no bound. */
  memoryBytes: v.optional(v.number()),
  /**
   * Batches that a GPU is handed at once: it works through them in turn, and one gets ready while the one before is on
   * the device. Default 1.
   */
  runsInFlight: v.optional(count, 1),
  /**
   * What a CPU calculates in; see NetworkOptions. `auto`: int8. A GPU calculates in float16 and refuses the others.
   * Default `auto`.
   */
  precision: v.optional(v.picklist(['auto', 'fp32', 'int8']), 'auto'),
  /**
   * How the decoder remembers, whose operators the graphs are built of, and where traces go; see NetworkOptions. For
   * studies.
   */
  cache: v.optional(v.picklist(['growing', 'inPlace'])),
  kernels: v.optional(v.picklist(['cpu', 'cuda'])),
  stepGraphs: v.optional(v.boolean()),
  profilePrefix: v.optional(v.string()),
  /** Default: the CPU. */
  cuda: v.optional(
    v.object({ deviceId: v.pipe(v.number(), v.safeInteger()), options: v.optional(v.record(v.string(), v.string())) }),
  ),
});

export type WhisperEngineOptions = v.InferInput<typeof Options>;

/** Where the time of one batch went, for benchmarks. */
export interface DecodeTiming {
  readonly batch: number;
  /** Context of the windows, samples. */
  readonly bucket: number;
  readonly encodeMs: number;
  /** Prompt and draft in parallel, the second pass after a detected language included. */
  readonly promptMs: number;
  /** All single steps together. */
  readonly stepsMs: number;
  /** Terms of the caller's that were tried in the finished texts. */
  readonly termsMs: number;
  readonly steps: number;
}

/** Makes the engine: the door for engine hosts. Rejects with EngineError `engine_load_failed`. */
export async function createEngine(options: unknown): Promise<Engine> {
  return WhisperEngine.load(options);
}

export class WhisperEngine implements Engine {
  readonly model: EngineModel;
  readonly maxBatch: number;
  readonly samplesMax: number;
  readonly sharesTime: boolean;
  readonly runsInFlight: number;
  readonly #onTiming: (timing: DecodeTiming) => void;
  /** The language tried first where none is asked for: the last one detected. Saves a pass, changes no result. */
  #likelyLanguage: string;
  /** Shapes that are run once before there is work. */
  readonly #shapesToWarm: readonly WindowShape[];
  /** Settles when everything that was begun has ended. */
  #queue: Promise<unknown> = Promise.resolve();
  readonly #traffic = new RunTraffic();
  readonly #terms: TermLists;
  readonly #idle = new IdleTime(() => void this.shrink());
  #closed = false;
  #isUp = true;
  readonly #network: WhisperNetwork;

  /** @param onTiming is called after each batch of windows of one bucket */
  static async load(options: unknown, onTiming: (timing: DecodeTiming) => void = () => {}): Promise<WhisperEngine> {
    let device: CudaProvider | 'cpu' = 'cpu';
    try {
      const parsed = v.parse(Options, options);
      const { cuda, threads, cache, kernels, stepGraphs, profilePrefix } = parsed;
      if (cuda) device = { name: 'cuda', deviceId: cuda.deviceId, ...(cuda.options && { options: cuda.options }) };
      const precision = parsed.precision === 'auto' ? autoPrecision(device) : parsed.precision;
      // With a precision that GPUs do not have, loading says so.
      const maxBatch = cuda && precision === undefined ? await batchThatFits(parsed, cuda.deviceId) : parsed.maxBatch;
      const network = await WhisperNetwork.load(parsed.directory, {
        device,
        ...(precision && { precision }),
        ...(threads && { threads }),
        ...(cache && { cache }),
        ...(kernels && { kernels }),
        ...(stepGraphs !== undefined && { stepGraphs }),
        ...(cuda && { largest: { windows: maxBatch, seconds: parsed.buckets.at(-1) ?? 30 } }),
        ...(profilePrefix && { profilePrefix }),
      });
      const samplesMax = cuda ? Infinity : await samplesThatFit({ ...parsed, precision });
      return new WhisperEngine(network, { ...parsed, maxBatch, samplesMax }, onTiming);
    } catch (cause) {
      const hint = cause instanceof OrtError ? ' (npx sotto doctor says what keeps the GPU from being used)' : '';
      const message =
        device === 'cpu' ? messageOf(cause) : `cuda:${device.deviceId}: ${messageOf(cause).trim()}${hint}`;
      throw new EngineError('engine_load_failed', message, { cause });
    }
  }

  private constructor(
    network: WhisperNetwork,
    options: v.InferOutput<typeof Options> & { readonly samplesMax: number },
    onTiming: (timing: DecodeTiming) => void,
  ) {
    this.#onTiming = onTiming;
    this.#network = network;
    const { config, special } = network;
    const languages = config.isMultilingual ? [...special.languages.keys()] : ['en'];
    this.maxBatch = options.maxBatch;
    this.samplesMax = options.samplesMax;
    this.sharesTime = options.cuda === undefined;
    this.runsInFlight = options.runsInFlight;
    const buckets = options.buckets.map((seconds) => Math.round(seconds * SAMPLE_RATE));
    this.#shapesToWarm = options.cuda === undefined ? cpuShapes(buckets) : gpuShapes(buckets, options.maxBatch);
    this.model = {
      name: options.name,
      languages,
      isMultilingual: config.isMultilingual,
      usesPreviousText: options.usesPreviousText,
      buckets,
      tailSilenceSamples: toSamples(options.tailSilenceMs),
      maxTextTokens: Math.floor(config.maxTargetPositions / 2),
      directory: options.directory,
    };
    this.#terms = new TermLists(options.directory);
    this.#likelyLanguage = languages[0] ?? 'en';
  }

  /** False once a run has failed in a way that CUDA does not recover from within a process. */
  get isUp(): boolean {
    return this.#isUp;
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    // Before its turn: while the batch before is on the device, this one gets ready.
    const groups = groupWindows(batch, this.model, this.maxBatch);
    const run = async (before: BeforePass): Promise<DecodeResult[]> => {
      const results: DecodeResult[] = [];
      for (const group of groups) {
        const decoded = await this.#decodeGroup(group, this.model.maxTextTokens, before);
        for (const [i, result] of decoded.entries()) results[group.indices[i] ?? 0] = result;
      }
      return results;
    };
    const urgency = mostUrgent(batch.map((request) => request.urgency ?? 'awaited'));
    const done = this.#begin(() => this.#traffic.run(urgency, run));
    if (this.sharesTime) this.#idle.watch(done);
    return done;
  }

  async warmUp(): Promise<void> {
    const prompt = { language: this.#likelyLanguage, task: 'transcribe', previous: [], committed: [] } as const;
    const request = { audio: new Float32Array(0), prompt, draft: [], temperature: 0, seed: 0 };
    await this.#begin(async () => {
      for (const { bucket, windows } of this.#shapesToWarm) {
        const requests = Array.from({ length: windows }, () => request);
        await this.#decodeGroup({ requests, audio: new Float32Array(windows * bucket) }, 2);
      }
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#idle.stop();
    await this.#queue;
    this.#network.close();
  }

  /**
   * A GPU runs one batch at a time. On a CPU what is asked at once runs at once, each on all threads: two at a time
   * bring 10 % more windows through two cores (measured: a model of 23 M parameters, 8 windows of 6 s), and each takes
   * up to twice as long. Whoever asks decides what may go beside what.
   */
  #begin<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new EngineError('engine_closed', 'the engine is closed'));
    const done = (this.sharesTime ? work() : this.#queue.then(work)).catch((cause: unknown) => {
      if (cause instanceof EngineError) throw cause;
      if (!this.sharesTime && isDeviceLost(messageOf(cause))) this.#isUp = false;
      throw new EngineError('engine_failed', messageOf(cause), { cause });
    });
    this.#queue = Promise.all([this.#queue, done.catch(() => {})]);
    return done;
  }

  /** What a long file took is given back when it is over: nothing else does it. */
  async shrink(): Promise<void> {
    // Where it fails, memory is kept, and the next decode tells why.
    await this.#begin(() => this.#network.shrink()).catch(() => {});
  }

  /** Decodes windows of one bucket together. */
  async #decodeGroup(
    { requests, audio }: Omit<WindowGroup, 'indices'>,
    maxTextTokens: number,
    before: BeforePass = async () => {},
  ): Promise<DecodeResult[]> {
    const { config, special } = this.#network;
    const begin = performance.now();
    const limits = {
      endOfText: special.endOfText,
      maxTextTokens,
      maxTokens: config.maxTargetPositions,
      firstTimestamp: this.#network.firstTimestamp,
    };
    const terms = await Promise.all(requests.map(({ hotwords }) => this.#terms.open(hotwords)));
    // A GPU's recorded steps tell of no other tokens than the best.
    const hasTerms = terms.some((list) => list !== undefined);
    const shelf = this.sharesTime && hasTerms ? new LogitsShelf() : undefined;
    const decoder = await this.#network.hear(
      audio,
      requests.map((request) => request.audio.length),
      { before },
    );
    try {
      const heard = performance.now();
      await before();
      const alone =
        config.isMultilingual && requests.some(hearsLanguage)
          ? await languagePass(decoder, requests.length, special.startOfTranscript)
          : [];
      const languages = requests.map(({ prompt }, i) => this.#languageOf(prompt.language, alone[i]));
      const rows = requests.map((request, i) => new WhisperRow(request, this.#promptOf(request, languages[i]), limits));
      let first = await firstPass(decoder, rows, special.endOfText, shelf);
      if (alone.length === 0 && this.#correctLanguages(rows, languages, first)) {
        decoder.restart();
        shelf?.clear();
        first = await firstPass(decoder, rows, special.endOfText, shelf);
      }
      for (const [i, row] of rows.entries()) {
        row.takeVerified(first.text[i] ?? []);
        const draftStart = row.prompt.tokens.length;
        decoder.forget(i, draftStart + row.draftAccepted, draftStart + row.draft.length);
      }
      const verified = performance.now();
      let steps = 0;
      for (; rows.some((row) => !row.finished); steps++) {
        await before();
        await stepPass(decoder, rows, special.endOfText, shelf);
      }
      const written = performance.now();
      await tryTerms(decoder, rows, terms, special.endOfText, before);
      this.#onTiming({
        batch: requests.length,
        bucket: audio.length / requests.length,
        encodeMs: heard - begin,
        promptMs: verified - heard,
        stepsMs: written - verified,
        termsMs: performance.now() - written,
        steps,
      });
      return rows.map((row, i) => this.#resultOf(row, languages[i] ?? 'en', first, i, alone[i] ?? first.languages[i]));
    } finally {
      shelf?.clear();
      decoder.close();
    }
  }

  #resultOf(
    row: WhisperRow,
    language: string,
    first: FirstPass,
    index: number,
    languages: Float32Array | undefined,
  ): DecodeResult {
    const languageIndex = this.model.languages.indexOf(language);
    return {
      tokens: row.tokens,
      endLogprob: row.endLogprob,
      language,
      languageProbability: this.model.isMultilingual ? (languages?.[languageIndex] ?? 0) : 1,
      ...(this.model.isMultilingual ? { languageProbabilities: this.#probabilitiesOf(languages) } : {}),
      noSpeechProbability: first.noSpeech[index] ?? 0,
      draftAccepted: row.draftAccepted,
      steps: row.steps,
    };
  }

  #probabilitiesOf(probabilities: Float32Array = new Float32Array()): LanguageProbabilities {
    const { languages } = this.model;
    return Object.fromEntries(
      Array.from(probabilities, (probability, at) => [languages[at] ?? '', probability] as const).filter(
        ([language, probability]) => language !== '' && probability >= LANGUAGE_PROBABILITY_MIN,
      ),
    );
  }

  /** The language asked for, the one that is heard, or the one to try first. */
  #languageOf(asked: string | null, heard: Float32Array | undefined): string {
    if (asked === null) {
      if (heard?.length) this.#likelyLanguage = this.#likeliestOf(heard) ?? this.#likelyLanguage;
      return this.#likelyLanguage;
    }
    if (this.model.languages.includes(asked)) return asked;
    throw new EngineError('engine_failed', `${this.model.name} does not know the language "${asked}"`);
  }

  #promptOf({ prompt, timestamps = false }: DecodeRequest, language: string | undefined): Prompt {
    const { config, special } = this.#network;
    const firstTimestamp = timestamps ? this.#network.firstTimestamp : undefined;
    const { committed, task, previousLanguage = language } = prompt;
    const previous = previousLanguage === language ? prompt.previous : [];
    const stranger = [...previous, ...committed].find((token) => !(token >= 0 && token < config.vocabularySize));
    if (stranger !== undefined) throw new EngineError('engine_failed', `the prompt holds no token ${stranger}`);
    if (committed.length > this.model.maxTextTokens) {
      throw new EngineError('engine_failed', `${committed.length} committed tokens are more than a window holds`);
    }
    const languageToken = config.isMultilingual && language !== undefined ? special.languages.get(language) : undefined;
    return buildPrompt(config, special, { languageToken, task, previous, committed, firstTimestamp });
  }

  #likeliestOf(probabilities: Float32Array): string | undefined {
    return this.model.languages[probabilities.indexOf(Math.max(...probabilities))];
  }

  /**
   * Puts the detected language into the prompts of rows that asked for none and were given another. What the model says
   * at <|startoftranscript|> does not depend on the language behind it. Returns whether any prompt has changed.
   */
  #correctLanguages(rows: readonly WhisperRow[], languages: string[], { languages: heard }: FirstPass): boolean {
    if (!this.model.isMultilingual) return false;
    let changed = false;
    for (const [i, row] of rows.entries()) {
      const probabilities = heard[i];
      if (row.request.prompt.language !== null || !probabilities?.length) continue;
      const detected = this.#likeliestOf(probabilities) ?? languages[i];
      if (detected === undefined || detected === languages[i]) continue;
      languages[i] = detected;
      row.reprompt(this.#promptOf(row.request, detected));
      this.#likelyLanguage = detected;
      changed = true;
    }
    return changed;
  }
}

/** Whether its language is heard by itself: behind previous text the model hears that text's. */
function hearsLanguage({ prompt: { language, isGuess = false, previous } }: DecodeRequest): boolean {
  return previous.length > 0 && (language === null || isGuess);
}

/** int8 where there is a choice: bench/README.md says what it gains and costs. */
function autoPrecision(device: CudaProvider | 'cpu'): CpuPrecision | undefined {
  return device === 'cpu' ? 'int8' : undefined;
}
