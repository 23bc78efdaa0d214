// A gateway around scripted sessions, with tight limits, on either transport.
import { pino } from 'pino';
import type { Test } from 'tap';
import { Gateway } from '../../server/src/gateway/gateway.js';
import type { GatewayLimits } from '../../server/src/gateway/limits.js';
import { MetricsRegistry } from '../../server/src/metrics/metrics-registry.js';
import type { Transport, TransportOptions } from '../../server/src/transport/transport.js';
import { addFrontRoutes } from './front-routes.js';
import { ManualClock } from './manual-clock.js';
import { ScriptedSession } from './scripted-session.js';
import { LIMITS as TIGHT_LIMITS } from './shared-gateway.js';

export const LIMITS: GatewayLimits = {
  ...TIGHT_LIMITS,
  requestsPerSecondMax: 1_000,
  maxConnections: 3,
  detachedSessionsMax: 2,
  resumeBytesMax: 4_096,
};
export const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;
/** 100 ms of silence. */
export const CHUNK = new Uint8Array(3_200);

export async function openGateway(
  t: Test,
  createTransport: (options: TransportOptions) => Transport,
  limits: Partial<GatewayLimits>,
  { ready = true } = {},
) {
  const sessions: ScriptedSession[] = [];
  const clock = new ManualClock();
  let canPause = false;
  const metrics = new MetricsRegistry();
  const gateway = new Gateway({
    metrics,
    createTransport: (options) => {
      const transport = createTransport(options);
      canPause = transport.canPause;
      return transport;
    },
    limits: { ...LIMITS, ...limits },
    log: pino({ level: 'silent' }),
    clock,
  });
  addFrontRoutes(gateway, metrics);
  t.teardown(() => gateway.close());
  const port = await gateway.listen(0, '127.0.0.1');
  const openForSessions = (): void =>
    gateway.open((sink) => {
      const session = new ScriptedSession(`s${sessions.length}`, sink);
      sessions.push(session);
      return session;
    });
  if (ready) openForSessions();
  return {
    openForSessions,
    gateway,
    clock,
    sessions,
    canPause,
    port,
    url: `ws://127.0.0.1:${port}`,
    http: `http://127.0.0.1:${port}`,
    /** Once there and back: what was sent before has been read by then, as far as it is read at all. */
    async roundTrip(): Promise<void> {
      const response = await fetch(`http://127.0.0.1:${port}/health`);
      await response.arrayBuffer();
    },
    session(): ScriptedSession {
      const [first, ...rest] = sessions;
      if (first === undefined || rest.length > 0) throw new Error(`expected one session, found ${sessions.length}`);
      return first;
    },
  };
}
