// Puts the server together, from the ground up; rooms of several parts open themselves (`open-*.ts`).
import { messageOf, CodedError } from '@sotto/protocol';
import { EMBEDDED_MODEL, ModelError, ModelRegistry, OrtError, type InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { AccessError } from './access/access-error.js';
import { keysMarker, openAccess } from './access/open-access.js';
import { ClientAddresses, ProxyListError } from './access/client-address.js';
import type { Client } from './access/principal.js';
import { Admission } from './admission/admission.js';
import { spendRecording } from './admission/admit-request.js';
import { BoundedSession } from './admission/bounded-session.js';
import { nameOfDevice, parseDevices } from './asr/devices.js';
import { defaultMemoryBytes, MemoryBound } from './asr/memory-bound.js';
import { openDeviceEngines, type OpenedEngine } from './asr/open-device-engines.js';
import { EngineError } from './asr/errors.js';
import { refuseLanguage } from './asr/model-languages.js';
import { NullEngine } from './asr/null-engine.js';
import { createRecognizer } from './asr/streaming-recognizer.js';
import { Checkpoints } from './checkpoints/checkpoints.js';
import { createApi } from './api/api.js';
import { openWyoming } from './api/wyoming/open-wyoming.js';
import { openJobs } from './jobs/open-jobs.js';
import { createStorageCounters, registerFileMetrics, registerStorageMetrics } from './metrics/storage-metrics.js';
import { CachedTranscription } from './recordings/cached-transcription.js';
import { ResultCache } from './recordings/result-cache.js';
import { openStoreOrDegrade, type StoreHandle } from './store/open-store.js';
import { StoreError } from './store/store-error.js';
import { StoreHealth } from './store/store-health.js';
import { openTranscripts } from './transcripts/open-transcripts.js';
import { decodeAudio } from './audio/decode-audio.js';
import { warmUpDecoders } from './audio/decoder/decode-in-process.js';
import { useFfmpeg } from './audio/ffmpeg/find-ffmpeg.js';
import type { Settings } from './config/settings.js';
import { FileTranscription } from './recordings/file-transcription.js';
import { RewrittenTranscription } from './recordings/rewritten-transcription.js';
import { chooseTransport, TransportUnavailableError, WS_COSTS } from './transport/choose-transport.js';
import { Gateway } from './gateway/gateway.js';
import { TlsError, tlsFiles } from './transport/tls.js';
import { ListenError } from './transport/transport.js';
import { isLoopback } from './http/hosts.js';
import { AddressGuard, AddressListError } from './http/outbound/address-guard.js';
import { GpuReadings } from './metrics/gpu-readings.js';
import { HISTORY_INTERVAL_MS, MetricHistory } from './metrics/metric-history.js';
import { type Counter, MetricsRegistry } from './metrics/metrics-registry.js';
import {
  createEngineDeaths,
  registerMemoryMetrics,
  registerRecognitionMetrics,
} from './metrics/recognition-metrics.js';
import { openPolish } from './polish/open-polish.js';
import type { SessionFactory } from './session/session-port.js';
import type { SessionSettings } from './session/session-settings.js';
import { RewritingSession } from './session/rewriting-session.js';
import { createSessionFactory } from './session/session.js';
import { defaultRewriting } from './text/rewriting/default-rewriting.js';
import { NullVad } from './vad/null-vad.js';
import { SileroVad } from './vad/silero-vad.js';
import { systemClock } from './time/clock.js';
import { VERSION } from './version.js';
import { Pages } from './api/status/pages.js';
import type { PanelOptions } from './api/panel/panel-routes.js';
import { statusRoutes } from './api/status/status-routes.js';
import { captionRoutes } from './api/captions/caption-routes.js';

export interface RunningServer {
  /** `http://HOST:PORT` (`https:` with TLS); the WebSocket is at the same place. */
  readonly url: string;
  readonly model: ServedModel;
  /** Lets the running sessions finish, takes no new ones. */
  drain(): Promise<void>;
  /** Drops what is left and releases everything. */
  close(): Promise<void>;
  /** Notes an error that nobody caught, for the metrics. */
  countStrayError(): void;
  /** Calls when an operator asks the server to end. */
  onceStopAsked(callback: () => void): void;
}

export interface ServedModel {
  readonly name: string;
  readonly device: string;
  /** The small model that comes with Sotto. */
  readonly isEmbedded: boolean;
}

/** The server cannot start; the message says all that a person needs. */
export class StartError extends CodedError<'start_failed'> {
  override readonly name = 'StartError';

  constructor(message: string, options?: ErrorOptions) {
    super('start_failed', message, options);
  }
}

/** Listens, loads and warms up the model, then takes sessions. Rejects with {@link StartError}. */
export async function startServer(settings: Settings, log: Logger): Promise<RunningServer> {
  const opened: Closable[] = [];
  try {
    return await start(settings, log, opened);
  } catch (error) {
    await closeAll(opened);
    if (PLAIN_FAILURES.some((kind) => error instanceof kind)) throw new StartError(messageOf(error), { cause: error });
    throw error;
  }
}

/** After the start, a decoder is made ready for the first compressed file, milliseconds. */
const DECODER_AFTER_MS = 5_000;

interface Closable {
  close(): Promise<void>;
}

/** Failures of the outside world: a person can mend them, and needs no stack for it. */
const PLAIN_FAILURES = [
  ListenError,
  TlsError,
  AddressListError,
  TransportUnavailableError,
  ModelError,
  EngineError,
  OrtError,
  StoreError,
  AccessError,
  ProxyListError,
] as const;

/**
 * A server that the network reaches serves those who have a key, unless its operator wants it otherwise. @throws
 * StartError
 */
export function refuseOpenHost(host: string, isGuarded: boolean): void {
  if (isLoopback(host) || isGuarded) return;
  throw new StartError(
    `--host ${host} would let anybody who reaches this machine use it: make a key first (sotto keys create), ` +
      'or allow clients without one (--allow-anonymous true).',
  );
}

/** Wyoming has no keys: on the network it is for those who let anybody in. @throws StartError */
function refuseOpenWyoming({ host, wyomingPort, allowAnonymous }: Settings): void {
  if (wyomingPort === 0 || isLoopback(host) || allowAnonymous) return;
  throw new StartError(
    `--wyoming-port on --host ${host} would let anybody who reaches this machine use it, since Wyoming has no keys: ` +
      'add --allow-anonymous true, or leave it out.',
  );
}

async function start(settings: Settings, log: Logger, opened: Closable[]): Promise<RunningServer> {
  useFfmpeg(settings.ffmpeg);
  const installed = await findModel(settings);
  const isNull = settings.engine === 'null';
  const model = {
    name: isNull ? 'null' : installed.name,
    device: isNull ? 'cpu' : parseDevices(settings.devices).map(nameOfDevice).join(','),
    isEmbedded: !isNull && installed.name === EMBEDDED_MODEL,
  };
  const metrics = new MetricsRegistry();
  const strayErrors = metrics.counter(
    'sotto_stray_errors_total',
    'Errors that no handler caught; each costs at most the request that it belongs to.',
  );
  const guard = AddressGuard.of(settings.outboundAllow);
  const tls = tlsFiles(settings.tlsCert, settings.tlsKey);

  // What is kept.
  const health = new StoreHealth(log, settings.store === 'none');
  const store = await openStoreOrDegrade(settings, health);
  const kept = store && (await openTranscripts(store, health, settings.retentionMs));
  if (kept !== undefined) opened.push(kept);

  const checkpoints =
    store &&
    new Checkpoints({
      store: store.data,
      isShared: store.isShared,
      health,
      windowMs: settings.resumeGraceMs,
      wallNow: Date.now,
    });
  if (checkpoints !== undefined) opened.push(checkpoints);
  if (checkpoints !== undefined) kept?.tending.add(checkpoints);

  // Who may use it.
  const marker = store === undefined && settings.store === 'none' ? undefined : keysMarker(settings);
  const { access, ring, tokens, tended } = await openAccess({
    policy: settings.keys,
    store: store?.data,
    marker,
    onFailed: (error) => health.failed(error),
  });
  if (tended !== undefined) kept?.tending.add(tended);
  refuseOpenHost(settings.host, access.isDemanded || settings.allowAnonymous);
  refuseOpenWyoming(settings);
  if (access.hasLostKeys) log.error('the keys cannot be read: all clients are refused until the store works');

  const addresses = new ClientAddresses(listOf(settings.trustedProxies));
  const admission = new Admission(settings);
  const polishing = await openPolish(settings, log, metrics);
  if (polishing !== undefined) opened.push(polishing);

  // The front: it listens first, so that a port in use is known at once, and /health answers while a large model loads.
  let missingTransport: string | undefined;
  const gateway = new Gateway({
    createTransport: (options) =>
      chooseTransport(settings.transport, { ...options, tls }, (why) => {
        missingTransport = why;
      }),
    limits: settings,
    log,
    access,
    admission,
    addressOf: (head) => addresses.of(head),
    site: {
      host: settings.host,
      allowedHosts: listOf(settings.allowedHosts),
      corsOrigins: listOf(settings.corsOrigins),
      isTrustedProxy: (address) => addresses.isTrusted(address),
    },
    sharing: { isEnabled: settings.shareEnabled, viewersMax: settings.viewersMax },
    keeper: checkpoints,
    metrics,
  });
  opened.push(gateway);
  /** Empty until they are loaded. */
  let engines: readonly OpenedEngine[] = [];
  const engineStates = () => engines.map(({ device, engine }) => ({ device, isUp: engine.isUp ?? true }));
  const status = statusRoutes({
    version: VERSION,
    model,
    access,
    gateway,
    connectionsMax: settings.maxConnections,
    store: () => health.state,
    engines: engineStates,
    polish: () => polishing?.offer,
    metrics: () => metrics.expose(),
    pages: Pages.load(),
  });
  const history = new MetricHistory(metrics);
  const gpus = settings.devices.includes('cuda') ? new GpuReadings() : undefined;
  if (gpus !== undefined) opened.push(gpus);
  const stopSampling = systemClock.every(HISTORY_INTERVAL_MS, () => history.sample(Date.now()));
  opened.push({ close: async () => stopSampling() });
  let onStopAsked: (() => void) | undefined;
  const panel: PanelOptions = {
    access,
    isOpenToAll: () => !isLoopback(settings.host) && !access.isDemanded,
    status: () => gateway.status(),
    store: () => health.state,
    server: { version: VERSION, model: model.name, connectionsMax: settings.maxConnections },
    live: gateway.live,
    history,
    engines: engineStates,
    gpus: () => gpus?.latest ?? [],
    errors: () => gateway.errors,
    showsWords: settings.panelWords,
    stop: () => onStopAsked?.(),
  };
  gateway.addRoutes([...status, ...captionRoutes(gateway.shares)]);
  const port = await gateway.listen(settings.port, settings.host);
  if (missingTransport !== undefined)
    log.info(`ws serves the sockets, since uWebSockets.js ${missingTransport}: ${WS_COSTS}`);

  // What recognises.
  const vad = settings.vad === 'null' ? new NullVad() : await SileroVad.load({ runs: settings.vadRuns });
  opened.push(vad);
  engines = await openEngines(settings, installed, log, createEngineDeaths(metrics));
  const bare = engines.map(({ engine }) => engine);
  opened.push(...bare);
  const recognizer = await createRecognizer(bare, { ...settings, languages: listOf(settings.languages) });
  opened.push(recognizer);
  for (const tag of listOf(settings.languages)) {
    const refusal = refuseLanguage(tag, recognizer.model);
    if (refusal !== undefined) throw new StartError(`--languages: ${refusal.message}`);
  }
  registerRecognitionMetrics(metrics, recognizer);
  const memory = new MemoryBound({
    bytesMax: settings.memoryBytesMax || defaultMemoryBytes(),
    onShare: (share) => recognizer.limitRuns(share),
    // Where one fails, its next run tells why.
    onFull: () => void Promise.allSettled(bare.map((engine) => engine.shrink?.())),
  });
  opened.push(memory);
  registerMemoryMetrics(metrics, memory);
  await Promise.all(bare.map((engine) => engine.warmUp()));

  // Live sessions, recordings and jobs.
  const session = sessionSettings(settings);
  const bareSessions = createSessionFactory({ vad, recognizer, polishing, settings: session, log });
  const rewriting = defaultRewriting(settings);
  // Next to what recognises: nothing else sees a text before it is rewritten.
  const sessions: SessionFactory = (sink) => new RewritingSession(bareSessions, sink, rewriting);
  const files = new FileTranscription(recognizer.files(vad), settings);
  registerFileMetrics(metrics, files);
  const identity = [
    model.name,
    installed.files.weightBytes,
    settings.precision,
    VERSION,
    JSON.stringify(rewriting),
  ].join(':');
  const cache = store && openCache(store, identity, settings);
  const counters = health.state === 'off' ? undefined : createStorageCounters(metrics, health);
  const transcription = new CachedTranscription(
    new RewrittenTranscription(files, rewriting),
    cache,
    health,
    (outcome) => counters?.cacheLookups.add(1, outcome),
  );
  const jobs =
    kept &&
    (await openJobs({
      ...kept,
      transcription,
      decode: decodeAudio,
      polishing,
      model: model.name,
      health,
      log,
      guard,
      settings,
      spendAudio: ({ keyId, address, token }, ms) => admission.spendAudio({ principal: { keyId, token }, address }, ms),
      wallNow: Date.now,
      onOver: (state) => counters?.jobsOver.add(1, state),
    }));
  if (kept !== undefined && jobs !== undefined) {
    registerStorageMetrics(metrics, { jobs: jobs.jobs, cache });
    jobs.jobs.start();
    kept.tending.add(jobs.jobs, ...(cache === undefined ? [] : [cache]));
    // Jobs under way are left for the next start before the engines are closed; transcripts are written already then,
    // since an engine that does not end in time would leave no time for it.
    opened.push({ close: () => jobs.jobs.close().then(() => kept.recorder.close()) });
  }

  const { routes, dialects } = createApi({
    access: { access, ring, tokens },
    panel,
    version: VERSION,
    model: recognizer.model,
    session,
    transcription,
    polishing,
    kept: kept && jobs ? { ...kept, ...jobs } : health.state === 'off' ? 'off' : 'failed',
    quotas: {
      spendAudio: (client, ms) => spendRecording(admission, client, ms),
      addressOf: (head) => addresses.of(head),
    },
    guard,
    log,
    settings,
  });
  const sessionsOf = ({ principal }: Client): SessionFactory =>
    kept === undefined ? sessions : kept.recording(sessions, principal.keyId);
  gateway.open((sink, client) => new BoundedSession(sessionsOf(client), sink, client, admission), routes, dialects);
  // Not before: the start of the server has the cores to itself.
  const stopWarming = settings.engine === 'null' ? undefined : systemClock.after(DECODER_AFTER_MS, warmUpDecoders);
  if (stopWarming !== undefined) opened.push({ close: async () => stopWarming() });
  const wyoming =
    settings.wyomingPort === 0
      ? undefined
      : await openWyoming({
          ...settings,
          port: settings.wyomingPort,
          gateway,
          access,
          model: recognizer.model,
          limits: settings,
          log,
          takeStream: (client) => admission.streams.take(client),
        });
  if (wyoming !== undefined) {
    opened.push(wyoming);
    log.info({ host: settings.host, port: settings.wyomingPort }, 'Wyoming clients are served');
  }
  log.debug({ transport: gateway.transportName, model: model.name, engines: engines.length }, 'ready');

  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    model,
    drain: async () => {
      await Promise.all([gateway.drain(), wyoming?.drain()]);
    },
    close: async () => {
      // Sockets first: none of them need hear how the rest goes.
      await gateway.close();
      await closeAll(opened);
    },
    countStrayError: () => strayErrors.add(),
    onceStopAsked: (callback) => {
      onStopAsked = callback;
    },
  };
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function findModel(settings: Settings): Promise<InstalledModel> {
  const registry = settings.models === '' ? new ModelRegistry() : new ModelRegistry(settings.models);
  return settings.model === '' ? registry.choose() : registry.find(settings.model);
}

/** Results of recordings; undefined where none are to be kept. */
function openCache(store: StoreHandle, identity: string, settings: Settings): ResultCache | undefined {
  const { cacheBytesMax: bytesMax, retentionMs } = settings;
  if (bytesMax === 0) return undefined;
  return new ResultCache({ store: store.data, identity, bytesMax, retentionMs, wallNow: Date.now });
}

async function openEngines(
  settings: Settings,
  model: InstalledModel,
  log: Logger,
  deaths: Counter,
): Promise<OpenedEngine[]> {
  if (settings.engine === 'null') return [{ device: 'cpu', engine: new NullEngine(model.directory) }];
  return openDeviceEngines(model, {
    ...settings,
    isolation: settings.engineHost,
    onEvent: (engine, { type, ...facts }) => {
      if (type === 'died') deaths.add();
      log[type === 'died' ? 'warn' : 'info']({ engine, ...facts }, `engine ${type}`);
    },
  });
}

function sessionSettings(settings: Settings): SessionSettings {
  const { speechThreshold: threshold, minSilenceMs, minSpeechMs, prefixPaddingMs, maxUtteranceMs } = settings;
  const { partialIntervalMs, bufferedAudioMsMax, messageBytesMax } = settings;
  return {
    endpointing: { threshold, minSilenceMs, minSpeechMs, prefixPaddingMs, maxUtteranceMs },
    partialIntervalMs,
    bufferedAudioMsMax,
    messageBytesMax,
    polish: {
      segmentMs: settings.polishBudgetMs,
      stopMs: settings.polishStopBudgetMs,
      // The rest of the drain is for what else there is to say.
      drainMs: Math.min(settings.polishStopBudgetMs, settings.drainTimeoutMs / 2),
    },
  };
}

/** Closes in the reverse order of opening. */
async function closeAll(opened: Closable[]): Promise<void> {
  for (const part of opened.splice(0).toReversed()) await part.close();
}
