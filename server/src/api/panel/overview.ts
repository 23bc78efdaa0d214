// What the panel is told at one moment: of one process, or of several behind one port.
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import type { HistorySample } from '../../metrics/metric-history.js';
import type { GpuReading } from '../../metrics/gpu-readings.js';
import type { LiveSessions } from '../../metrics/live-sessions.js';
import type { KnownNode } from '../../store/node-roll.js';
import type { EngineState, ServerStatus } from '../status/health.js';
import type { OperationOptions } from './operation-routes.js';
import { roomLeft } from './room-left.js';

/** Sessions that one answer shows; their number is always told. */
const SESSIONS_MAX = 200;
const CORES = availableParallelism();
/** Samples of different processes that are less apart are of one moment, milliseconds. */
const ONE_MOMENT_MS = 5_000;

export interface OverviewOptions extends Pick<OperationOptions, 'pausing' | 'swap'> {
  readonly status: () => Pick<ServerStatus, 'status' | 'connections'>;
  readonly store: () => ServerStatus['store'];
  readonly server: { readonly version: string; readonly connectionsMax: number };
  /** The model that serves. */
  readonly model: { readonly name: string };
  readonly live: LiveSessions;
  readonly history: { since(wallMs: number): readonly HistorySample[]; readonly latest: HistorySample | undefined };
  /** Those that share the store, this one included; none where it is this node's own. */
  readonly nodes: () => readonly KnownNode[];
  readonly engines: () => readonly EngineState[];
  readonly gpus: () => readonly GpuReading[];
  /** Error messages sent since the start, by code. */
  readonly errors: () => Iterable<readonly [string, number]>;
  /** Whether what people say may be shown. */
  readonly showsWords: boolean;
}

export type Overview = ReturnType<typeof overviewOf>;

/** Of this process. */
export function overviewOf(options: OverviewOptions, since: number) {
  const { server, model, status, store, live, history, engines, gpus, errors, showsWords, pausing, swap } = options;
  const { status: state, connections } = status();
  const busy = history.latest?.rates.busy;
  return {
    ...server,
    model: model.name,
    status: state,
    connections,
    isPaused: pausing.isPaused,
    swap: swap?.state ?? null,
    room: roomLeft({
      sessions: live.size,
      connections,
      connectionsMax: server.connectionsMax,
      engines: engines().length,
      busy,
    }),
    store: store(),
    at: Date.now(),
    uptimeMs: Math.round(process.uptime() * 1_000),
    machine: { cores: CORES, load: loadavg()[0], memoryBytes: totalmem(), memoryFreeBytes: freemem() },
    engines: engines(),
    gpus: gpus(),
    nodes: options.nodes(),
    errors: Object.fromEntries(errors()) as Record<string, number>,
    sessionCount: live.size,
    sessions: Array.from(live.first(SESSIONS_MAX), (session) => session.view(showsWords)),
    /** Of the engines' time in runs, in a second. */
    busy,
    history: history.since(since),
  };
}

/** Of several processes that share engines and a queue; what each says of those is the same. */
export function mergeOverviews(own: Overview, others: readonly Overview[]): Overview {
  if (others.length === 0) return own;
  const all = [own, ...others];
  const sum = (of: (overview: Overview) => number): number => all.reduce((total, one) => total + of(one), 0);
  const load = {
    connections: sum(({ connections }) => connections),
    connectionsMax: sum(({ connectionsMax }) => connectionsMax),
  };
  const sessions = sum(({ sessionCount }) => sessionCount);
  return {
    ...own,
    ...load,
    room: roomLeft({ ...load, sessions, engines: own.engines.length, busy: own.busy }),
    errors: summed(all.map(({ errors }) => errors)),
    sessionCount: sessions,
    sessions: all.flatMap((one) => one.sessions).slice(0, SESSIONS_MAX),
    history: own.history.map((sample) => mergeSamples(sample, others)),
  };
}

/** Of the queue, the engines or the store that they share, or a worst case: not to be added up. */
const SHARED_GAUGES: ReadonlySet<string> = new Set(['waiting', 'running', 'stretch', 'jobsWaiting', 'cacheBytes']);
const SHARED_RATES: ReadonlySet<string> = new Set(['windows', 'runs', 'busy']);

function mergeSamples(own: HistorySample, others: readonly Overview[]): HistorySample {
  const all = [
    own,
    ...others.flatMap(({ history }) => history.findLast(({ at }) => Math.abs(at - own.at) < ONE_MOMENT_MS) ?? []),
  ];
  const gauges = all.map((sample) => sample.gauges);
  const latencies = all.map((sample) => sample.latencies);
  const worst = {
    p50: largest(latencies.map((of) => mapped(of, ({ p50 }) => p50))),
    p95: largest(latencies.map((of) => mapped(of, ({ p95 }) => p95))),
  };
  return {
    at: own.at,
    gauges: added(gauges, SHARED_GAUGES),
    rates: added(
      all.map(({ rates }) => rates),
      SHARED_RATES,
    ) as HistorySample['rates'],
    latencies: mapped(worst.p50, (p50, name) => ({ p50, p95: worst.p95[name] ?? p50 })),
    errors: summed(all.map(({ errors }) => errors)),
  };
}

type Numbers = Readonly<Record<string, number>>;

/** Sums by name, but for those that are told alike by all: the largest. */
function added(parts: readonly Partial<Numbers>[], shared: ReadonlySet<string>): Numbers {
  const known = parts.map((part) => mapped(part, (value) => value));
  return mapped(summed(known), (total, name) => (shared.has(name) ? (largest(known)[name] ?? total) : total));
}

function summed(parts: readonly Numbers[]): Record<string, number> {
  return fold(parts, (a, b) => a + b);
}

function largest(parts: readonly Numbers[]): Record<string, number> {
  return fold(parts, Math.max);
}

function fold(parts: readonly Numbers[], join: (a: number, b: number) => number): Record<string, number> {
  const all = new Map<string, number>();
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      const before = all.get(name);
      all.set(name, before === undefined ? value : join(before, value));
    }
  }
  return Object.fromEntries(all);
}

function mapped<T, U>(
  of: Readonly<Record<string, T | undefined>>,
  change: (value: T, name: string) => U,
): Record<string, U> {
  return Object.fromEntries(
    Object.entries(of).flatMap(([name, value]) => (value === undefined ? [] : [[name, change(value, name)]])),
  );
}
