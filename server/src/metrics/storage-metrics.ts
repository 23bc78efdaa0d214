// The numbers of what is kept: jobs that wait, run and are over, results that were known, recordings under way.
import type { Counter, MetricsRegistry } from './metrics-registry.js';

/** What is read at every scrape. */
export interface StorageNumbers {
  /** Jobs of this node's queue, a few seconds old, and those that this process does. */
  readonly jobs: () => { readonly waiting: number; readonly running: number };
  /** Of the results in the cache. */
  readonly cacheBytes: () => number;
  /** Whether the store works. */
  readonly isWell: () => boolean;
}

export interface StorageMetrics {
  /** By state: done, failed, cancelled. */
  readonly jobsOver: Counter;
  /** By outcome: hit, miss. */
  readonly cacheLookups: Counter;
}

/** Registers the numbers of a store that is there. */
export function createStorageMetrics(registry: MetricsRegistry, numbers: StorageNumbers): StorageMetrics {
  registry.gauge('sotto_store_up', '1 where the store of transcripts and jobs works, else 0.', () =>
    numbers.isWell() ? 1 : 0,
  );
  registry.gauge('sotto_jobs_waiting', 'Jobs that wait for their turn, on all nodes.', () => numbers.jobs().waiting);
  registry.gauge('sotto_jobs_running', 'Jobs that this node does now.', () => numbers.jobs().running);
  registry.gauge('sotto_cache_bytes', 'Results of recordings that are kept.', numbers.cacheBytes);
  return {
    jobsOver: registry.counter('sotto_jobs_over_total', 'Jobs that came to their end on this node.', 'state'),
    cacheLookups: registry.counter(
      'sotto_cache_lookups_total',
      'Recordings that were heard before, or were not.',
      'outcome',
    ),
  };
}

/** Registers the numbers of recordings that come over HTTP or as jobs. */
export function registerFileMetrics(
  registry: MetricsRegistry,
  files: { readonly counts: { readonly running: number; readonly waiting: number } },
): void {
  registry.gauge('sotto_files_running', 'Recordings that are transcribed now.', () => files.counts.running);
  registry.gauge('sotto_files_waiting', 'Recordings that wait for their turn.', () => files.counts.waiting);
}
