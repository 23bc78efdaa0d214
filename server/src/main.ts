// Puts the server together: the only place that constructs implementations.
import { CodedError } from '@sotto/protocol';
import { EMBEDDED_MODEL, ModelError, ModelRegistry, OrtError, type InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { nameOfDevice, parseDevices } from './asr/devices.js';
import { openDeviceEngines, type OpenedEngine } from './asr/open-device-engines.js';
import { EngineError } from './asr/errors.js';
import { NullEngine } from './asr/null-engine.js';
import { createRecognizer } from './asr/streaming-recognizer.js';
import { TemporaryKeys } from './api/compat/authorizer.js';
import { decodeAudio } from './audio/decode-audio.js';
import { createCompat } from './api/compat/compat.js';
import { openAiRestRoutes } from './api/compat/openai-rest/transcription-routes.js';
import type { SessionConfig } from './api/compat/openai-realtime/session-config.js';
import type { Settings } from './config/settings.js';
import { FileTranscription } from './recordings/file-transcription.js';
import { restRoutes } from './api/recordings/recording-routes.js';
import { chooseTransport, TransportUnavailableError } from './transport/choose-transport.js';
import { Gateway } from './gateway/gateway.js';
import type { EngineState } from './api/status/health.js';
import { TlsError, tlsFiles } from './transport/tls.js';
import { ListenError } from './transport/transport.js';
import { AddressGuard, AddressListError } from './http/outbound/address-guard.js';
import { type Counter, MetricsRegistry } from './metrics/metrics-registry.js';
import { createEngineDeaths, registerRecognitionMetrics } from './metrics/recognition-metrics.js';
import { docsRoutes } from './api/openapi/docs-routes.js';
import { registerFileMetrics } from './metrics/storage-metrics.js';
import { openPolish } from './polish/open-polish.js';
import { polishRoutes } from './api/polish/polish-routes.js';
import type { SessionSettings } from './session/session-settings.js';
import { createSessionFactory } from './session/session.js';
import { openStorage } from './storage.js';
import { StoreError } from './store/store-error.js';
import { NullVad } from './vad/null-vad.js';
import { SileroVad } from './vad/silero-vad.js';
import { VERSION } from './version.js';
import { Pages } from './api/status/pages.js';
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
}

export interface ServedModel {
  readonly name: string;
  readonly device: string;
  /** The small model that comes with Sotto. */
  readonly isDemo: boolean;
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
] as const;

async function start(settings: Settings, log: Logger, opened: Closable[]): Promise<RunningServer> {
  const installed = await findModel(settings);
  const model = {
    name: settings.engine === 'null' ? 'null' : installed.name,
    device: settings.engine === 'null' ? 'cpu' : parseDevices(settings.devices).map(nameOfDevice).join(','),
    isDemo: settings.engine === 'whisper' && installed.name === EMBEDDED_MODEL,
  };
  const metrics = new MetricsRegistry();
  const storage = await openStorage(settings, log, metrics);
  opened.push(storage);
  const tls = tlsFiles(settings.tlsCert, settings.tlsKey);
  const guard = AddressGuard.of(settings.outboundAllow);
  const polishing = await openPolish(settings, log, metrics);
  if (polishing !== undefined) opened.push(polishing);
  /** Filled once they are loaded. */
  const engineStates: (() => EngineState)[] = [];
  const gateway = new Gateway({
    createTransport: (options) => chooseTransport(settings.transport, { ...options, tls }),
    limits: settings,
    log,
    corsOrigins: settings.corsOrigins
      .split(',')
      .map((origin) => origin.trim())
      .filter((origin) => origin !== ''),
    sharing: { isEnabled: settings.shareEnabled, viewersMax: settings.viewersMax },
    metrics,
  });
  opened.push(gateway);
  const status = statusRoutes({
    version: VERSION,
    model,
    gateway,
    store: () => storage.health.state,
    engines: () => engineStates.map((state) => state()),
    polish: () => polishing?.offer,
    metrics: () => metrics.expose(),
    pages: Pages.load(),
  });
  gateway.addRoutes([...status, ...captionRoutes(gateway.shares)]);
  // First, so that a port in use is known at once, and /health answers while a large model loads.
  const port = await gateway.listen(settings.port, settings.host);

  const vad = settings.vad === 'null' ? new NullVad() : await SileroVad.load({ runs: settings.vadRuns });
  opened.push(vad);
  const onDevices = await openEngines(settings, installed, log, createEngineDeaths(metrics));
  const engines = onDevices.map(({ engine }) => engine);
  opened.push(...engines);
  engineStates.push(
    ...onDevices.map(({ device, engine }) => () => ({ device, isUp: engine.isUp ?? true })),
  );
  const recognizer = await createRecognizer(engines, settings);
  opened.push(recognizer);
  registerRecognitionMetrics(metrics, recognizer);
  await Promise.all(engines.map((engine) => engine.warmUp()));
  const session = sessionSettings(settings);
  const sessions = createSessionFactory({ vad, recognizer, polishing, settings: session, log });
  const files = new FileTranscription(recognizer.files(vad), settings);
  registerFileMetrics(metrics, files);
  const served = await storage.serve({
    files,
    decode: decodeAudio,
    polishing,
    model: { name: model.name, languages: recognizer.model.languages },
    identity: [model.name, installed.files.weightBytes, settings.precision, VERSION].join(':'),
  });
  opened.push(served);
  const keys = new TemporaryKeys<SessionConfig>();
  const { uploadBytesMax } = settings;
  const compat = createCompat({
    keys,
    session,
    model: recognizer.model,
    transcription: served.transcription,
    guard,
    fileBytesMax: uploadBytesMax,
    log,
  });
  const routes = [
    ...served.routes,
    ...compat.routes,
    ...polishRoutes(polishing),
    ...openAiRestRoutes({
      files: served.transcription,
      authorizer: keys,
      model: recognizer.model,
      uploadBytesMax,
    }),
    ...restRoutes({
      files: served.transcription,
      languages: recognizer.model.languages,
      uploadBytesMax,
      polishing,
      polishBudgetMs: settings.polishStopBudgetMs,
    }),
  ];
  gateway.open(storage.recording(sessions), [...routes, ...docsRoutes(routes, VERSION)], compat.dialects);
  log.debug({ transport: gateway.transportName, model: model.name, engines: engines.length }, 'ready');

  return {
    url: `${tls === undefined ? 'http' : 'https'}://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`,
    model,
    drain: () => gateway.drain(),
    close: async () => {
      // Sockets first: none of them need hear how the rest goes.
      await gateway.close();
      await closeAll(opened);
    },
  };
}

function findModel(settings: Settings): Promise<InstalledModel> {
  const registry = settings.models === '' ? new ModelRegistry() : new ModelRegistry(settings.models);
  return settings.model === '' ? registry.choose() : registry.find(settings.model);
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
