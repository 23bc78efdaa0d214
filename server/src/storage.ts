// Puts together what is kept: the store, the transcripts, jobs and results in it, and what clients may ask of them.
import type { Logger } from 'pino';
import { CachedTranscription } from './recordings/cached-transcription.js';
import { ResultCache } from './recordings/result-cache.js';
import type { Settings } from './config/settings.js';
import type { FileTranscription } from './recordings/file-transcription.js';
import { AddressGuard } from './http/outbound/address-guard.js';
import { HttpError } from './http/http-error.js';
import type { Route } from './http/router.js';
import type { JobOptions } from './jobs/job.js';
import { jobRoutes } from './api/jobs/job-routes.js';
import type { DecodeRecording } from './jobs/job-runner.js';
import type { Jobs } from './jobs/jobs.js';
import { openJobs } from './jobs/open-jobs.js';
import type { MetricsRegistry } from './metrics/metrics-registry.js';
import { createStorageMetrics, type StorageMetrics } from './metrics/storage-metrics.js';
import type { Polishing } from './polish/polishing.js';
import { changePolish, NO_POLISH, refusePolish } from './polish/polish-settings.js';
import type { SessionFactory } from './session/session-port.js';
import { ListingGuard } from './api/transcripts/listing-guard.js';
import { openStore, type OpenStore } from './store/open-store.js';
import { StoreError } from './store/store-error.js';
import { StoreHealth } from './store/store-health.js';
import { routesWithoutStore } from './api/transcripts/store-routes.js';
import { RecordingSession } from './transcripts/recording-session.js';
import { SessionRecorder } from './transcripts/session-recorder.js';
import { transcriptRoutes } from './api/transcripts/transcript-routes.js';
import { Transcripts } from './transcripts/transcripts.js';

/** How often due webhooks are looked for, and what could not be written is tried again, milliseconds. */
const TEND_INTERVAL_MS = 1_000;
/** Of that many times, how often what is too old is looked for. */
const SWEEP_TICKS = 10;

const PATHS = ['/v1/transcripts', '/v1/transcripts/:id', '/v1/jobs', '/v1/jobs/:id', '/v1/jobs/:id/events'] as const;

/** What recognises and polishes, once the model is loaded. */
export interface Recognition {
  readonly files: FileTranscription;
  readonly decode: DecodeRecording;
  readonly polishing: Polishing | undefined;
  readonly model: { readonly name: string; readonly languages: readonly string[] };
  /** Tells apart what hears differently: the model's weights, their precision, the version of the server. */
  readonly identity: string;
}

export interface Served {
  readonly routes: readonly Route[];
  /** For every request that transcribes a recording. */
  readonly transcription: CachedTranscription;
  /** Leaves the jobs under way to be gone on with: before the engines are closed. */
  close(): Promise<void>;
}

export interface Storage {
  readonly health: StoreHealth;
  /** Keeps the transcripts of a factory's sessions. */
  recording(create: SessionFactory): SessionFactory;
  /** Begins to do jobs, those first that a process before this has left undone. Called once. */
  serve(recognition: Recognition): Promise<Served>;
  /** Writes what is not written yet, and lets go of the store. */
  close(): Promise<void>;
}

/**
 * Opens what the settings ask for. A data folder that cannot be used costs the transcripts, not the server: it goes on without, and says so. Rejects with StoreError
 * where that would hide a mistake: the folder is another server's, or Redis is not there.
 */
export async function openStorage(settings: Settings, log: Logger, metrics: MetricsRegistry): Promise<Storage> {
  const health = new StoreHealth(log, settings.store === 'none');
  const store = await openOrDegrade(settings, health);
  return store === undefined ? new NoStorage(health) : StoreStorage.open(store, settings, log, health, metrics);
}

class NoStorage implements Storage {
  constructor(readonly health: StoreHealth) {}

  recording(create: SessionFactory): SessionFactory {
    return create;
  }

  async serve({ files }: Recognition): Promise<Served> {
    return {
      routes: routesWithoutStore(PATHS, this.health.state === 'off'),
      transcription: new CachedTranscription(files, undefined, this.health),
      close: () => Promise.resolve(),
    };
  }

  async close(): Promise<void> {}
}

class StoreStorage implements Storage {
  readonly health: StoreHealth;
  readonly #store: OpenStore;
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #guard: AddressGuard;
  readonly #transcripts: Transcripts;
  readonly #recorder: SessionRecorder;
  readonly #timer: NodeJS.Timeout;
  #jobs: Jobs | undefined;
  #cache: ResultCache | undefined;
  #tending: Promise<void> | undefined;
  #ticks = 0;
  readonly #metrics: StorageMetrics;
  /** As of the last look. */
  #jobsWaiting = 0;

  private constructor(
    store: OpenStore,
    settings: Settings,
    log: Logger,
    health: StoreHealth,
    metrics: MetricsRegistry,
  ) {
    this.#store = store;
    this.#settings = settings;
    this.#log = log;
    this.health = health;
    this.#guard = AddressGuard.of(settings.outboundAllow);
    this.#transcripts = new Transcripts({ store: store.data, retentionMs: settings.retentionMs, wallNow: Date.now });
    this.#recorder = new SessionRecorder(this.#transcripts, health);
    this.#metrics = createStorageMetrics(metrics, {
      jobs: () => ({ waiting: this.#jobsWaiting, running: this.#jobs?.running ?? 0 }),
      cacheBytes: () => this.#cache?.bytes ?? 0,
      isWell: () => health.state === 'ok',
    });
    this.#timer = setInterval(() => this.#tend(), TEND_INTERVAL_MS);
    this.#timer.unref();
  }

  static async open(
    store: OpenStore,
    settings: Settings,
    log: Logger,
    health: StoreHealth,
    metrics: MetricsRegistry,
  ): Promise<StoreStorage> {
    const storage = new StoreStorage(store, settings, log, health, metrics);
    if (!store.isShared) await storage.#transcripts.recover();
    return storage;
  }

  recording(create: SessionFactory): SessionFactory {
    return (sink) => new RecordingSession(create, sink, this.#recorder);
  }

  async serve({ files, decode, polishing, model, identity }: Recognition): Promise<Served> {
    const { cacheBytesMax, retentionMs, uploadBytesMax, listing, host } = this.#settings;
    const store = this.#store;
    const wallNow = Date.now;
    this.#cache =
      cacheBytesMax === 0
        ? undefined
        : new ResultCache({ store: store.data, identity, bytesMax: cacheBytesMax, retentionMs, wallNow });
    const transcription = new CachedTranscription(files, this.#cache, this.health, (outcome) =>
      this.#metrics.cacheLookups.add(1, outcome),
    );
    const { jobs, webhooks } = await openJobs({
      store,
      transcription,
      decode,
      polishing,
      wallNow,
      transcripts: this.#transcripts,
      model: model.name,
      health: this.health,
      log: this.#log,
      guard: this.#guard,
      settings: this.#settings,
      onOver: (state) => this.#metrics.jobsOver.add(1, state),
    });
    this.#jobs = jobs;
    jobs.start();
    const guard = new ListingGuard(listing, host);
    const check = (options: JobOptions): void => {
      refuse(options, model, polishing);
      if (options.webhook !== undefined) webhooks.check(options.webhook.url);
    };
    return {
      routes: [
        ...transcriptRoutes(this.#transcripts, guard, (id) => jobs.forgetResult(id)),
        ...jobRoutes({ jobs, listing: guard, uploadBytesMax, check, wallNow }),
      ],
      transcription,
      close: async () => {
        await jobs.close();
        // Here already: an engine that does not end in time would leave no time for it.
        await this.#recorder.close();
      },
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tending;
    await this.#recorder.close();
    await this.#store.data.close();
  }

  /** Never twice at a time. */
  #tend(): void {
    this.#tending ??= this.#tendOnce()
      .catch((error: unknown) => this.health.failed(error))
      .finally(() => (this.#tending = undefined));
  }

  async #tendOnce(): Promise<void> {
    await this.#probe();
    await this.#recorder.retry();
    await this.#jobs?.deliver();
    this.#jobsWaiting = (await this.#jobs?.waiting()) ?? 0;
    if (this.#ticks++ % SWEEP_TICKS !== 0) return;
    await this.#transcripts.sweep();
    await this.#jobs?.sweep();
    await this.#cache?.sweep();
  }

  /** Whether a store that failed can be written again. */
  async #probe(): Promise<void> {
    if (this.health.state !== 'degraded') return;
    await this.#store.data.commit([{ map: 'meta', key: 'probe', value: new Uint8Array() }]);
    this.health.succeeded();
  }
}

/** Throws HttpError 400 for what the model or the polisher cannot do. */
function refuse({ language, task, polish }: JobOptions, model: Recognition['model'], polishing?: Polishing): void {
  if (language !== 'auto' && !model.languages.includes(language)) {
    const known = model.languages.join(', ');
    throw new HttpError(400, 'unsupported_language', `${model.name} does not know "${language}"; it knows ${known}.`);
  }
  if (task === 'translate' && model.languages.length < 2) {
    throw new HttpError(400, 'unsupported_option', `${model.name} knows one language and cannot translate.`);
  }
  const refusal = refusePolish(changePolish(NO_POLISH, polish), polishing);
  if (refusal !== undefined) throw new HttpError(400, refusal.code, refusal.message);
}

async function openOrDegrade(settings: Settings, health: StoreHealth): Promise<OpenStore | undefined> {
  try {
    return await openStore(settings);
  } catch (error) {
    const isRedis = settings.store === 'redis' || (settings.store === 'auto' && settings.redisUrl !== '');
    if (!(error instanceof StoreError) || error.code === 'store_in_use' || isRedis) throw error;
    health.failed(error);
    return undefined;
  }
}
