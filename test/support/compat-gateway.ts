// A gateway that speaks the dialects, around real sessions whose detector hears loudness and whose recogniser counts
// half seconds (`w0 w1 …`).
import { pino } from 'pino';
import type { Test } from 'tap';
import { ALLOW_ALL, type Authorizer } from '../../server/src/access/access.js';
import { TemporaryKeys } from '../../server/src/api/compat/temporary-keys.js';
import { createCompat } from '../../server/src/api/compat/compat.js';
import type { SessionConfig } from '../../server/src/api/compat/openai-realtime/session-config.js';
import { Gateway } from '../../server/src/gateway/gateway.js';
import type { GatewayLimits } from '../../server/src/gateway/limits.js';
import type { TransportHandlers } from '../../server/src/transport/transport.js';
import type { TlsFiles } from '../../server/src/transport/tls.js';
import { createUwsTransport, loadUws } from '../../server/src/transport/uws-transport.js';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { AddressGuard } from '../../server/src/http/outbound/address-guard.js';
import { MetricsRegistry } from '../../server/src/metrics/metrics-registry.js';
import { createSessionFactory } from '../../server/src/session/session.js';
import { SESSION_DEFAULTS } from '../../server/src/session/session-settings.js';
import { LoudnessVad } from './loudness-vad.js';
import { ManualClock } from './manual-clock.js';
import { ScriptedRecognizer, type ScriptedRecognizerOptions } from './scripted-recognizer.js';
import { addFrontRoutes } from './front-routes.js';
import { ROOMY_LIMITS } from './test-gateway.js';

export interface CompatGatewayOptions {
  readonly limits?: Partial<GatewayLimits>;
  readonly recognizer?: ScriptedRecognizerOptions;
  readonly authorizer?: Authorizer;
  /** Those of another server, to share. */
  readonly keys?: TemporaryKeys<SessionConfig>;
  /** Default: `ws`, which can slow a client down. */
  readonly transport?: 'ws' | 'uws';
  readonly tls?: TlsFiles;
}

/** Serves until the test ends. */
export async function openCompatGateway(t: Test, options: CompatGatewayOptions = {}) {
  const { limits = {}, authorizer = ALLOW_ALL, transport = 'ws' } = options;
  const uws = loadUws();
  const clock = new ManualClock();
  const vad = new LoudnessVad();
  const recognizer = new ScriptedRecognizer({ records: true, ...options.recognizer });
  const metrics = new MetricsRegistry();
  const { bufferedAudioMsMax } = { ...ROOMY_LIMITS, ...limits };
  const settings = { ...SESSION_DEFAULTS, bufferedAudioMsMax };
  let wallNow = Date.now();
  const keys = options.keys ?? new TemporaryKeys<SessionConfig>(authorizer, () => wallNow);
  let pauses = 0;
  const gateway = new Gateway({
    createTransport: (asked) => {
      const handlers = withPauses(asked.handlers, () => pauses++);
      return transport === 'uws' && uws !== undefined
        ? createUwsTransport(uws, { ...asked, handlers })
        : createWsTransport({ ...asked, handlers, tls: options.tls });
    },
    limits: { ...ROOMY_LIMITS, ...limits },
    log: pino({ level: 'silent' }),
    clock,
    metrics,
  });
  addFrontRoutes(gateway, metrics);
  t.teardown(() => gateway.close());
  const port = await gateway.listen(0, '127.0.0.1');
  const { routes, dialects } = createCompat({
    keys,
    session: settings,
    model: recognizer.model,
    transcription: {
      transcribe: () => {
        throw new Error('No recordings here.');
      },
    },
    guard: new AddressGuard(),
    fileBytesMax: 1_000_000,
    log: pino({ level: 'silent' }),
  });
  gateway.open(createSessionFactory({ vad, recognizer, settings }), routes, dialects);
  return {
    gateway,
    clock,
    vad,
    recognizer,
    keys,
    port,
    http: `http://127.0.0.1:${port}`,
    url: `ws://127.0.0.1:${port}`,
    /** How often a client was not read any more because it was too far ahead. */
    pauses: () => pauses,
    /** Moves the time of day, by which keys expire. */
    passes: (ms: number) => void (wallNow += ms),
    metric: (name: string): number =>
      Number(new RegExp(`^${name.replaceAll(/[{}]/g, String.raw`\$&`)} (\\S+)$`, 'm').exec(metrics.expose())?.[1] ?? 0),
  };
}

/** Tells of each pause of a socket. */
function withPauses(handlers: TransportHandlers, onPause: () => void): TransportHandlers {
  return {
    ...handlers,
    upgrade: (request) => {
      const decision = handlers.upgrade(request);
      if (!decision.accepted) return decision;
      return {
        ...decision,
        open: (socket) => {
          const pause = socket.pause.bind(socket);
          socket.pause = () => {
            onPause();
            pause();
          };
          return decision.open(socket);
        },
      };
    },
  };
}
