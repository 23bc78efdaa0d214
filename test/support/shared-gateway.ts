// A gateway around scripted sessions that are shared, on either transport, for tests of watching.
import { pino } from 'pino';
import type { ReadyMessage } from '@sotto/protocol';
import type { Test } from 'tap';
import { MetricsRegistry } from '../../server/src/metrics/metrics-registry.js';
import { Gateway } from '../../server/src/gateway/gateway.js';
import type { GatewayLimits } from '../../server/src/gateway/limits.js';
import type { Transport, TransportOptions } from '../../server/src/transport/transport.js';
import { SHARING_DEFAULTS, type SharingSettings } from '../../server/src/watch/shares.js';
import { createUwsTransport, loadUws } from '../../server/src/transport/uws-transport.js';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { ManualClock } from './manual-clock.js';
import { ScriptedSession } from './scripted-session.js';
import { addFrontRoutes } from './front-routes.js';
import { ROOMY_LIMITS } from './test-gateway.js';
import { isWholeRun } from './whole-run.js';
import { connectWire, type WireClient, type WireEncoding } from './wire-client.js';

/** Tight ones. */
export const LIMITS: GatewayLimits = {
  ...ROOMY_LIMITS,
  maxConnections: 2_000,
  messageBytesMax: 10_000,
  messagesPerSecondMax: 100,
  bufferedAudioMsMax: 1_000,
  inboxBytesMax: 1_000_000,
  outboxBytesMax: 200_000,
  outboxStallMs: 10_000,
  startTimeoutMs: 5_000,
  idleTimeoutMs: 60_000,
  resumeGraceMs: 0,
  detachedSessionsMax: 100,
  resumeBytesMax: 65_536,
  pingIntervalMs: 10_000,
};
const AUDIO = { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } as const;

export type CreateTransport = (options: TransportOptions) => Transport;

const uws = loadUws();

type NamedTransport = readonly [name: string, create: CreateTransport | undefined];

/** Both transports; undefined where one cannot run. */
export const BOTH_TRANSPORTS: readonly NamedTransport[] = [
  ['ws', createWsTransport],
  ['uws', uws && ((options) => createUwsTransport(uws, options))],
];

/**
 * For what stands on a transport: the quick run has the one that serves, since one contract holds both
 * (test/server/transport/); the whole run has both.
 */
export const TRANSPORTS: readonly NamedTransport[] = BOTH_TRANSPORTS.filter(
  ([name]) => isWholeRun || name === (uws === undefined ? 'ws' : 'uws'),
);

export async function openSharedGateway(
  t: Test,
  createTransport: CreateTransport,
  { limits = {}, sharing = {} }: { limits?: Partial<GatewayLimits>; sharing?: Partial<SharingSettings> } = {},
) {
  const sessions: ScriptedSession[] = [];
  const clock = new ManualClock();
  const metrics = new MetricsRegistry();
  const gateway = new Gateway({
    createTransport,
    limits: { ...LIMITS, ...limits },
    sharing: { ...SHARING_DEFAULTS, ...sharing },
    log: pino({ level: 'silent' }),
    clock,
    metrics,
  });
  addFrontRoutes(gateway, metrics);
  t.teardown(() => gateway.close());
  const port = await gateway.listen(0, '127.0.0.1');
  gateway.open((sink) => {
    const session = new ScriptedSession(`s${sessions.length}`, sink);
    sessions.push(session);
    return session;
  });
  const http = `http://127.0.0.1:${port}`;
  const url = `ws://127.0.0.1:${port}`;
  return {
    gateway,
    clock,
    http,
    url,
    /** The value of a metric without labels. */
    metric: (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics.expose())?.[1] ?? 0),
    /** A session that is shared, with both of its ends. */
    async speak(): Promise<{ speaker: WireClient; session: ScriptedSession; ready: ReadyMessage; token: string }> {
      const speaker = await connectWire(t, `${url}/v1/stream`);
      speaker.send({ type: 'start', audio: AUDIO, share: true });
      const ready = await speaker.next('ready');
      const session = sessions.at(-1);
      if (session === undefined) throw new Error('No session was made.');
      return { speaker, session, ready, token: ready.watchToken ?? '' };
    },
    watch: (token: string, encoding: WireEncoding = 'msgpack') =>
      connectWire(t, `${url}/v1/watch?token=${token}`, encoding),
  };
}
