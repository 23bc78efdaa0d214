// The last hour of a few metrics, in memory: what the panel draws, without any other service.
import { spreadQuantile } from './latency-spread.js';
import type { MetricsRegistry, MetricsSnapshot } from './metrics-registry.js';

export const HISTORY_INTERVAL_MS = 5_000;
/** An hour. */
export const HISTORY_SAMPLES_MAX = 720;

/** Gauges, by the name that a sample gives them. */
const GAUGES = {
  streams: 'sotto_connections',
  detached: 'sotto_sessions_detached',
  viewers: 'sotto_viewers',
  waiting: 'sotto_decode_waiting',
  running: 'sotto_decode_running',
  stretch: 'sotto_partial_stretch',
  memory: 'sotto_resident_memory_bytes',
  files: 'sotto_files_running',
  filesWaiting: 'sotto_files_waiting',
  jobs: 'sotto_jobs_running',
  jobsWaiting: 'sotto_jobs_waiting',
  cacheBytes: 'sotto_cache_bytes',
} as const;

/** Counters: how much they grew in a second. */
const RATES = {
  opened: 'sotto_connections_opened_total',
  requests: 'sotto_requests_total',
  errors: 'sotto_errors_total',
  windows: 'sotto_decode_windows_total',
  runs: 'sotto_decode_runs_total',
  busy: 'sotto_engine_busy_seconds_total',
} as const;

/** Samples that a latency is told over: a minute, so that few utterances make no jumps. */
const LATENCY_SAMPLES = 12;

/** Histograms: seconds below which half, and 95 of 100, of what came in the last minute were. */
const LATENCIES = {
  firstPartial: 'sotto_first_partial_latency_seconds',
  word: 'sotto_word_latency_seconds',
  final: 'sotto_final_latency_seconds',
  polished: 'sotto_polish_latency_seconds',
  lag: 'sotto_lag_seconds',
} as const;

export interface HistorySample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly gauges: Partial<Record<keyof typeof GAUGES, number>>;
  readonly rates: Record<keyof typeof RATES, number>;
  /** Of the last minute; absent where nothing came. */
  readonly latencies: Partial<Record<keyof typeof LATENCIES, { readonly p50: number; readonly p95: number }>>;
  /** Error messages a second, by code; those that did not come are absent. */
  readonly errors: Readonly<Record<string, number>>;
}

export class MetricHistory {
  readonly #registry: Pick<MetricsRegistry, 'snapshot'>;
  readonly #errors: () => Iterable<readonly [string, number]>;
  readonly #samples: HistorySample[] = [];
  #errorsBefore = new Map<string, number>();
  #before: MetricsSnapshot | undefined;
  /** Those of the last minute, the oldest first. */
  readonly #spreads: MetricsSnapshot['spreads'][] = [];

  /** @param errors how many messages of each code there were so far */
  constructor(
    registry: Pick<MetricsRegistry, 'snapshot'>,
    errors: () => Iterable<readonly [string, number]> = () => [],
  ) {
    this.#registry = registry;
    this.#errors = errors;
  }

  /** To be called every {@link HISTORY_INTERVAL_MS}. */
  sample(wallNow: number): void {
    const now = this.#registry.snapshot();
    const before = this.#before;
    const minuteAgo = this.#spreads.at(0);
    const seconds = (wallNow - (this.#samples.at(-1)?.at ?? wallNow - HISTORY_INTERVAL_MS)) / 1_000;
    const grown = (name: string): number =>
      Math.max(0, ((now.values.get(name) ?? 0) - (before?.values.get(name) ?? 0)) / Math.max(0.001, seconds));
    this.#samples.push({
      at: wallNow,
      gauges: mapped(GAUGES, (name) => now.values.get(name)),
      rates: mapped(RATES, (name) => (before === undefined ? 0 : grown(name))) as HistorySample['rates'],
      latencies: mapped(LATENCIES, (name) => latencyOf(now.spreads.get(name), minuteAgo?.get(name))),
      errors: this.#errorRates(Math.max(0.001, seconds)),
    });
    if (this.#samples.length > HISTORY_SAMPLES_MAX) this.#samples.shift();
    this.#before = now;
    this.#spreads.push(now.spreads);
    if (this.#spreads.length > LATENCY_SAMPLES) this.#spreads.shift();
  }

  #errorRates(seconds: number): Record<string, number> {
    const [now, before] = [new Map(this.#errors()), this.#errorsBefore];
    this.#errorsBefore = now;
    return Object.fromEntries(
      [...now]
        .map(([code, count]) => [code, (count - (before.get(code) ?? 0)) / seconds] as const)
        .filter(([, rate]) => rate > 0),
    );
  }

  /** The newest; undefined before the first. */
  get latest(): HistorySample | undefined {
    return this.#samples.at(-1);
  }

  /** Samples later than that, the oldest first. */
  since(wallMs: number): HistorySample[] {
    return this.#samples.filter(({ at }) => at > wallMs);
  }
}

function mapped<K extends string, T>(names: Readonly<Record<K, string>>, read: (name: string) => T | undefined) {
  const entries = (Object.entries(names) as [K, string][]).map(([key, name]) => [key, read(name)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Partial<Record<K, T>>;
}

function latencyOf(now: Uint32Array | undefined, before: Uint32Array | undefined) {
  if (now === undefined) return undefined;
  const [p50, p95] = [spreadQuantile(now, 0.5, before), spreadQuantile(now, 0.95, before)];
  return p50 === undefined || p95 === undefined ? undefined : { p50, p95 };
}
