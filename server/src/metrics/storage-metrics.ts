// The numbers of what is kept: jobs that wait, run and are over, results that were known, recordings under way.
import type { Counter, MetricsRegistry } from './metrics-registry.js';

export interface StorageCounters {
  /** By state: done, failed, cancelled. */
  readonly jobsOver: Counter;
  /** By outcome: hit, miss. */
  readonly cacheLookups: Counter;
}

/** How the store is, read at every scrape. */
export interface StoreNumbers {
  readonly state: 'off' | 'ok' | 'degraded';
  /** How often its process died. */
  readonly deaths: number;
}

/** For a server that keeps something, or would if it could. */
export function createStorageCounters(registry: MetricsRegistry, store: StoreNumbers): StorageCounters {
  registry.gauge('sotto_store_up', '1 where the store of transcripts and jobs works, else 0.', () =>
    store.state === 'ok' ? 1 : 0,
  );
  registry.readCounter(
    'sotto_store_deaths_total',
    'Processes of the store that died and were replaced.',
    () => store.deaths,
  );
  return {
    jobsOver: registry.counter('sotto_jobs_over_total', 'Jobs that came to their end on this node.', 'state'),
    cacheLookups: registry.counter(
      'sotto_cache_lookups_total',
      'Recordings whose result was kept, or was not.',
      'outcome',
    ),
  };
}

/** What is read at every scrape. */
export interface StorageNumbers {
  /** Jobs of all nodes that wait, about a second old, and those that this process does. */
  readonly jobs: { readonly counts: { readonly waiting: number; readonly running: number } };
  /** Results that are kept; undefined: none are. */
  readonly cache: { readonly bytes: number } | undefined;
}

/** Registers the numbers of jobs and results. */
export function registerStorageMetrics(registry: MetricsRegistry, { jobs, cache }: StorageNumbers): void {
  registry.gauge('sotto_jobs_waiting', 'Jobs that wait for their turn, on all nodes.', () => jobs.counts.waiting);
  registry.gauge('sotto_jobs_running', 'Jobs that this node does now.', () => jobs.counts.running);
  registry.gauge('sotto_cache_bytes', 'Results of recordings that are kept.', () => cache?.bytes ?? 0);
}

/** Registers the numbers of recordings that come over HTTP or as jobs. */
export function registerFileMetrics(
  registry: MetricsRegistry,
  files: { readonly counts: { readonly running: number; readonly waiting: number } },
): void {
  registry.gauge('sotto_files_running', 'Recordings that are transcribed now.', () => files.counts.running);
  registry.gauge('sotto_files_waiting', 'Recordings that wait for their turn.', () => files.counts.waiting);
}
