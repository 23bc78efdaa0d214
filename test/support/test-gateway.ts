// A gateway on a real port around whatever sessions a test wants.
import { pino } from 'pino';
import type { Test } from 'tap';
import type { Clock } from '../../server/src/time/clock.js';
import { MetricsRegistry } from '../../server/src/metrics/metrics-registry.js';
import { Gateway, type GatewayOptions } from '../../server/src/gateway/gateway.js';
import type { GatewayLimits } from '../../server/src/gateway/limits.js';
import type { Transport, TransportOptions } from '../../server/src/transport/transport.js';
import type { SessionFactory } from '../../server/src/session/session-port.js';

import { addFrontRoutes } from './front-routes.js';
export type CreateTransport = (options: TransportOptions) => Transport;

export const ROOMY_LIMITS: GatewayLimits = {
  maxConnections: 100,
  requestsPerSecondMax: 100_000,
  messageBytesMax: 1_048_576,
  messagesPerSecondMax: 100_000,
  bufferedAudioMsMax: 30_000,
  inboxBytesMax: 8_388_608,
  outboxBytesMax: 1_048_576,
  outboxStallMs: 20_000,
  startTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  resumeGraceMs: 30_000,
  detachedSessionsMax: 10,
  resumeBytesMax: 262_144,
  pingIntervalMs: 15_000,
  missedPingsMax: 3,
  closeTimeoutMs: 200,
};

export interface TestGateway {
  readonly gateway: Gateway;
  readonly port: number;
  readonly url: string;
  /** The value of a metric, with its labels as they are written; 0 when it is not there. */
  metric(name: string): Promise<number>;
}

export interface TestGatewayOptions extends Partial<Pick<GatewayOptions, 'log' | 'access' | 'tracing'>> {
  readonly limits?: Partial<GatewayLimits>;
  readonly clock?: Clock;
}

/** Serves until the test ends. */
export async function startTestGateway(
  t: Test,
  createTransport: CreateTransport,
  createSession: SessionFactory,
  { limits = {}, clock, ...more }: TestGatewayOptions = {},
): Promise<TestGateway> {
  const metrics = new MetricsRegistry();
  const gateway = new Gateway({
    metrics,
    createTransport,
    limits: { ...ROOMY_LIMITS, ...limits },
    log: pino({ level: 'silent' }),
    ...more,
    ...(clock === undefined ? {} : { clock }),
  });
  addFrontRoutes(gateway, metrics);
  t.teardown(() => gateway.close());
  const port = await gateway.listen(0, '127.0.0.1');
  gateway.open(createSession);
  return {
    gateway,
    port,
    url: `ws://127.0.0.1:${port}/v1/stream`,
    metric: async (name) => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const line = text.split('\n').find((it) => it.startsWith(`${name} `));
      return Number(line?.slice(name.length) ?? 0);
    },
  };
}
