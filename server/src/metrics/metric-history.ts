// The last hour of a few metrics, in memory: what the panel draws, without any other service.
import type { HistogramSnapshot, MetricsRegistry, MetricsSnapshot } from './metrics-registry.js';

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
} as const;

/** Histograms: seconds below which half, and 95 of 100, of what came since the last sample were. */
const LATENCIES = {
  firstPartial: 'sotto_first_partial_latency_seconds',
  final: 'sotto_final_latency_seconds',
  polished: 'sotto_polish_latency_seconds',
  lag: 'sotto_lag_seconds',
} as const;

export interface HistorySample {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly gauges: Partial<Record<keyof typeof GAUGES, number>>;
  readonly rates: Record<keyof typeof RATES, number>;
  /** Absent where nothing came. */
  readonly latencies: Partial<Record<keyof typeof LATENCIES, { readonly p50: number; readonly p95: number }>>;
}

export class MetricHistory {
  readonly #registry: Pick<MetricsRegistry, 'snapshot'>;
  readonly #samples: HistorySample[] = [];
  #before: MetricsSnapshot | undefined;

  constructor(registry: Pick<MetricsRegistry, 'snapshot'>) {
    this.#registry = registry;
  }

  /** To be called every {@link HISTORY_INTERVAL_MS}. */
  sample(wallNow: number): void {
    const now = this.#registry.snapshot();
    const before = this.#before;
    const seconds = (wallNow - (this.#samples.at(-1)?.at ?? wallNow - HISTORY_INTERVAL_MS)) / 1_000;
    const grown = (name: string): number =>
      Math.max(0, ((now.values.get(name) ?? 0) - (before?.values.get(name) ?? 0)) / Math.max(0.001, seconds));
    this.#samples.push({
      at: wallNow,
      gauges: mapped(GAUGES, (name) => now.values.get(name)),
      rates: mapped(RATES, (name) => (before === undefined ? 0 : grown(name))) as HistorySample['rates'],
      latencies: mapped(LATENCIES, (name) => latencyOf(now.histograms.get(name), before?.histograms.get(name))),
    });
    if (this.#samples.length > HISTORY_SAMPLES_MAX) this.#samples.shift();
    this.#before = now;
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

function latencyOf(now: HistogramSnapshot | undefined, before: HistogramSnapshot | undefined) {
  if (now === undefined) return undefined;
  const counts = now.cumulative.map((count, i) => count - (before?.cumulative[i] ?? 0));
  const total = now.count - (before?.count ?? 0);
  if (total <= 0) return undefined;
  return { p50: quantile(now.bounds, counts, total, 0.5), p95: quantile(now.bounds, counts, total, 0.95) };
}

/** As Prometheus' `histogram_quantile`: linear within a bucket, the last bound for everything above it. */
export function quantile(bounds: readonly number[], cumulative: readonly number[], total: number, q: number): number {
  const rank = q * total;
  const bucket = cumulative.findIndex((count) => count >= rank);
  if (bucket < 0) return bounds.at(-1) ?? 0;
  const [low, high] = [bucket === 0 ? 0 : (bounds[bucket - 1] ?? 0), bounds[bucket] ?? 0];
  const under = bucket === 0 ? 0 : (cumulative[bucket - 1] ?? 0);
  const within = (cumulative[bucket] ?? 0) - under;
  return within === 0 ? high : low + ((high - low) * (rank - under)) / within;
}
