// The numbers of the polish: how many texts, by which model, how long it took, and why some fell back.
import type { MetricsRegistry } from './metrics-registry.js';

/** Bounds in seconds, up to what a client may wait for. */
const LATENCY_BOUNDS_S = [0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 8, 15, 30];

export interface PolishMetrics {
  observe(result: { readonly model: string; readonly fallback?: string }, latencyMs: number): void;
}

/** Registers the metrics. `waiting`: texts that wait for a model now. */
export function createPolishMetrics(registry: MetricsRegistry, waiting: () => number): PolishMetrics {
  const texts = registry.counter('sotto_polish_texts_total', 'Texts polished, by what wrote the result.', 'model');
  const fallbacks = registry.counter(
    'sotto_polish_fallbacks_total',
    'Texts that no model wrote, or not all of them.',
    'reason',
  );
  const latency = registry.histogram(
    'sotto_polish_latency_seconds',
    'From the request to the polished text.',
    LATENCY_BOUNDS_S,
  );
  registry.gauge('sotto_polish_waiting', 'Texts that wait for a model.', waiting);
  return {
    observe({ model, fallback }, latencyMs) {
      texts.add(1, model);
      if (fallback !== undefined) fallbacks.add(1, fallback);
      latency.observe(latencyMs / 1_000);
    },
  };
}
