// Puts the server together, from the ground up; rooms of several parts open themselves (`open-*.ts`).
import { EMBEDDED_MODEL, type InstalledModel } from '@sotto/models';
import type { Logger } from 'pino';
import { keysMarker, openAccess } from './access/open-access.js';
import { ClientAddresses } from './access/client-address.js';
import { refuseOpenHost, refuseOpenWyoming } from './access/open-host.js';
import type { KeySettings } from './access/key-settings.js';
import type { Client } from './access/principal.js';
import { Admission } from './admission/admission.js';
import { spendRecording } from './admission/admit-request.js';
import { BoundedSession } from './admission/bounded-session.js';
import { nameOfDevice, parseDevices } from './asr/devices.js';
import type { OpenedEngine } from './asr/open-device-engines.js';
import { Checkpoints } from './checkpoints/checkpoints.js';
import { createApi } from './api/api.js';
import { openWyoming } from './api/wyoming/open-wyoming.js';
import { openJobs } from './jobs/open-jobs.js';
import { createStorageCounters, registerFileMetrics, registerStorageMetrics } from './metrics/storage-metrics.js';
import { CachedTranscription } from './recordings/cached-transcription.js';
import { openStoreOrDegrade } from './store/open-store.js';
import { StoreHealth } from './store/store-health.js';
import { openTranscripts } from './transcripts/open-transcripts.js';
import { decodeAudio } from './audio/decode-audio.js';
import { warmUpDecoders } from './audio/decoder/decode-in-process.js';
import { useFfmpeg } from './audio/ffmpeg/find-ffmpeg.js';
import { listOf } from './config/list-of.js';
import type { Settings } from './config/settings.js';
import { FileTranscription } from './recordings/file-transcription.js';
import { RewrittenTranscription } from './recordings/rewritten-transcription.js';
import { chooseTransport, WS_COSTS } from './transport/choose-transport.js';
import { Gateway } from './gateway/gateway.js';
import { tlsFiles } from './transport/tls.js';
import { AddressGuard } from './http/outbound/address-guard.js';
import { MetricsRegistry } from './metrics/metrics-registry.js';
import { createEngineDeaths } from './metrics/recognition-metrics.js';
import { openCache } from './main/open-cache.js';
import { openPanel } from './main/open-panel.js';
import { RecognitionStart } from './main/load-recognition.js';
import { findModel, openRecognition, type Recognition } from './main/open-recognition.js';
import { nodeName, openRoll } from './main/open-roll.js';
import { OpenedParts } from './main/opened-parts.js';
import { sessionSettings } from './main/session-settings.js';
import type { SharedServer } from './main/shared-server.js';
import { StartError, startErrorOf } from './main/start-error.js';
import { openPolish } from './polish/open-polish.js';
import type { SessionFactory } from './session/session-port.js';
import { demandingSessions } from './session/demanding-session.js';
import { RewritingSession } from './session/rewriting-session.js';
import { createSessionFactory } from './session/session.js';
import { defaultRewriting } from './text/rewriting/default-rewriting.js';
import { systemClock } from './time/clock.js';
import { openTracing } from './tracing/open-tracing.js';
import { VERSION } from './version.js';
import { WatchRelay } from './watch/watch-relay.js';
import { Pages } from './api/status/pages.js';
import { statusRoutes } from './api/status/status-routes.js';
import { captionRoutes } from './api/captions/caption-routes.js';

export { StartError };

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
  /** Its own numbers, as Prometheus reads them. */
  metrics(): string;
}

export interface ServedModel {
  readonly name: string;
  readonly device: string;
  /** The small model that comes with Sotto. */
  readonly isEmbedded: boolean;
  /** Whether it knows other languages than English; of no model: true. */
  readonly isMultilingual: boolean;
}

/**
 * Listens while the model loads, warms it up, then takes sessions. Rejects with {@link StartError}.
 *
 * @param shared the others, where it is one of several processes on its port
 */
export async function startServer(settings: Settings, log: Logger, shared?: SharedServer): Promise<RunningServer> {
  const opened = new OpenedParts();
  try {
    return await start(settings, log, opened, shared);
  } catch (error) {
    await opened.close();
    throw startErrorOf(error);
  }
}

/** After the start, a decoder is made ready for the first compressed file, milliseconds. */
const DECODER_AFTER_MS = 5_000;

/** What a server with these settings serves. */
export function servedModel({ engine, devices }: Settings, installed: InstalledModel): ServedModel {
  if (engine !== 'whisper') return { name: engine, device: 'cpu', isEmbedded: false, isMultilingual: true };
  const device = parseDevices(devices).map(nameOfDevice).join(',');
  const { name, files } = installed;
  return { name, device, isEmbedded: name === EMBEDDED_MODEL, isMultilingual: files.config.isMultilingual };
}

async function start(
  settings: Settings,
  log: Logger,
  opened: OpenedParts,
  shared: SharedServer | undefined,
): Promise<RunningServer> {
  useFfmpeg(settings.ffmpeg);
  const installed = shared?.model ?? (await findModel(settings));
  const hasModel = settings.engine === 'whisper';
  const model = servedModel(settings, installed);
  let recognition: Recognition | undefined;
  /** What recognises at the time. */
  const serving = {
    device: model.device,
    get name() {
      return recognition?.recognizer.model.name ?? model.name;
    },
  };
  const metrics = new MetricsRegistry();
  const deaths = createEngineDeaths(metrics);
  const loading = opened.add(new RecognitionStart(settings, installed, { log, deaths, shared }));
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
  if (kept !== undefined) opened.add(kept);
  const checkpoints =
    store &&
    new Checkpoints({
      store: store.data,
      isShared: store.isShared,
      health,
      windowMs: settings.resumeGraceMs,
      now: systemClock.now,
    });
  if (checkpoints !== undefined) {
    opened.add(checkpoints);
    kept?.tending.add(checkpoints);
  }

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
  if (settings.wyomingPort !== 0) refuseOpenWyoming(settings.host, settings.allowAnonymous);
  if (access.hasLostKeys) log.error('the keys cannot be read: all clients are refused until the store works');

  const addresses = new ClientAddresses(listOf(settings.trustedProxies));
  const admission = new Admission(settings);
  const tracing =
    settings.tracesUrl === ''
      ? undefined
      : opened.add(await openTracing({ url: settings.tracesUrl, share: settings.tracesShare, version: VERSION, log }));
  const polishing = await openPolish(settings, log, metrics);
  if (polishing !== undefined) opened.add(polishing);

  // The front: it listens first, so that a port in use is known at once, and /health answers while a large model loads.
  let missingTransport: string | undefined;
  const gateway = new Gateway({
    createTransport: (options) =>
      chooseTransport(settings.transport, { ...options, tls, sharesPort: shared !== undefined }, (why) => {
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
    relay: store?.channels && new WatchRelay(store.channels),
    metrics,
    tracing,
  });
  opened.add(gateway);
  /** Empty until they are loaded. */
  let engines: readonly OpenedEngine[] = [];
  const engineStates = () =>
    shared?.engines ?? engines.map(({ device, engine }) => ({ device, isUp: engine.isUp ?? true }));
  const status = statusRoutes({
    version: VERSION,
    model: serving,
    access,
    gateway,
    connectionsMax: settings.maxConnections,
    store: () => health.state,
    engines: engineStates,
    isPaused: () => (shared ?? recognition?.recognizer)?.isPaused ?? false,
    processes: () => shared && { number: shared.number, ...shared.processes },
    polish: () => polishing?.offer,
    metrics: () => (shared === undefined ? metrics.expose() : shared.metrics()),
    pages: Pages.load(),
  });
  let onStopAsked: (() => void) | undefined;
  const panel = openPanel(settings, {
    access,
    gateway,
    metrics,
    model: serving,
    opened,
    engines: engineStates,
    store: () => health.state,
    stop: () => onStopAsked?.(),
  });
  gateway.addRoutes([...status, ...captionRoutes(gateway.shares)]);
  const port = await gateway.listen(settings.port, settings.host);
  if (missingTransport !== undefined)
    log.info(`ws serves the sockets, since uWebSockets.js ${missingTransport}: ${WS_COSTS}`);

  recognition = await openRecognition(settings, {
    loading,
    deaths,
    log,
    metrics,
    opened,
    onEngines: (loaded) => (engines = loaded),
    sessions: () => gateway.live.size,
    shared,
  });
  const { vad, recognizer, models } = recognition;
  const pausing = shared ?? recognizer;
  const roll =
    store?.isShared === true
      ? opened.add(
          openRoll(store, health, () => ({
            name: nodeName(port, shared),
            status: pausing.isPaused ? 'paused' : gateway.status().status,
            model: serving.name,
            streams: gateway.live.size,
          })),
        )
      : undefined;

  // Live sessions, recordings and jobs.
  const session = sessionSettings(settings);
  const bareSessions = createSessionFactory({
    vad,
    recognizer,
    polishing,
    settings: session,
    log,
    onDecode: tracing && ((...facts) => tracing.decoded(...facts)),
  });
  const rewriting = defaultRewriting(settings);
  // Next to what recognises: nothing else sees a text before it is rewritten.
  const sessionsWith = (demands: KeySettings | undefined): SessionFactory => {
    const demanding = demandingSessions(bareSessions, demands);
    return (sink) => new RewritingSession(demanding, sink, rewriting);
  };
  const files = new FileTranscription(recognizer, settings);
  registerFileMetrics(metrics, files);
  const circumstances = [settings.precision, VERSION, JSON.stringify(rewriting)].join(':');
  const hears = { model: () => recognizer.hearing.identity, circumstances };
  const cache = store && openCache(store, hears, settings);
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
      model: serving,
      health,
      log,
      guard,
      settings,
      spendAudio: ({ keyId, address, token }, ms) => admission.spendAudio({ principal: { keyId, token }, address }, ms),
      demandsOf: ({ keyId = '' }) => ring?.demandsOf(keyId),
      wallNow: Date.now,
      onOver: (state) => counters?.jobsOver.add(1, state),
    }));
  if (kept !== undefined && jobs !== undefined) {
    registerStorageMetrics(metrics, { jobs: jobs.jobs, cache });
    jobs.jobs.start();
    kept.tending.add(jobs.jobs, ...(cache === undefined ? [] : [cache]));
    // Jobs under way are left for the next start before the engines are closed; transcripts are written already then,
    // since an engine that does not end in time would leave no time for it.
    opened.addCallback(() => jobs.jobs.close().then(() => kept.recorder.close()));
  }

  const { routes, dialects, answerPeer } = createApi({
    access: { access, ring, tokens },
    panel: { ...panel, pausing, swap: hasModel ? models : undefined, nodes: () => roll?.nodes ?? [] },
    peers: shared?.peers,
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
  shared?.answerWith(answerPeer);
  const sessionsOf = ({ principal }: Client): SessionFactory =>
    kept === undefined
      ? sessionsWith(principal.settings)
      : kept.recording(sessionsWith(principal.settings), principal.keyId);
  gateway.open((sink, client) => new BoundedSession(sessionsOf(client), sink, client, admission), routes, dialects);
  // Not before: the start of the server has the cores to itself.
  const stopWarming = hasModel ? systemClock.after(DECODER_AFTER_MS, warmUpDecoders) : undefined;
  if (stopWarming !== undefined) opened.addCallback(stopWarming);
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
    opened.add(wyoming);
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
      await opened.close();
    },
    countStrayError: () => strayErrors.add(),
    metrics: () => metrics.expose(),
    onceStopAsked: (callback) => {
      onStopAsked = callback;
    },
  };
}
