// The numbers of recognition: what waits, what was decoded, how far behind it is, and how often an engine had to be
// brought back.
import type { Counter, MetricsRegistry } from './metrics-registry.js';

/** Of the decoding; all but `waiting` and `running` since the start. */
export interface DecodeCounts {
  readonly waiting: { readonly final: number; readonly partial: number; readonly file: number };
  readonly running: number;
  readonly decoded: number;
  readonly runs: number;
  readonly superseded: number;
  readonly dropped: number;
  readonly refused: number;
  readonly retried: number;
  readonly failed: number;
  /** Of engines in runs, added up, milliseconds. */
  readonly busyMs: number;
}

/** What the metrics read of a recogniser. */
export interface RecognizerNumbers {
  readonly counts: DecodeCounts;
  readonly earlyFinals: { readonly begun: number; readonly used: number };
  readonly stretch: number;
}

/** Deaths of engine processes. */
export function createEngineDeaths(registry: MetricsRegistry): Counter {
  return registry.counter('sotto_engine_deaths_total', 'Engine processes that died and were replaced.');
}

/** Registers what the processes hold, by name, and what they may hold together, bytes. */
export function registerMemoryMetrics(
  registry: MetricsRegistry,
  memory: { readonly held: ReadonlyMap<string, number>; readonly bytesMax: number },
): void {
  registry.labelledGauge(
    'sotto_process_memory_bytes',
    "Resident memory by process: the server, engines, polisher, decoders. What they share is in the server's.",
    'process',
    () => memory.held,
  );
  registry.gauge('sotto_memory_bytes_max', 'What they may hold together.', () => memory.bytesMax);
}

/** Registers the numbers of a recogniser; they are read at every scrape. */
export function registerRecognitionMetrics(registry: MetricsRegistry, recognizer: RecognizerNumbers): void {
  registerDecodeMetrics(registry, () => recognizer.counts);
  registry.gauge(
    'sotto_partial_stretch',
    'By how much load stretches the interval of partials.',
    () => recognizer.stretch,
  );
  registry.readCounter(
    'sotto_early_finals_total',
    'Finals decoded in a pause, before it was known to end the utterance.',
    () => recognizer.earlyFinals.begun,
  );
  registry.readCounter(
    'sotto_early_finals_used_total',
    'Those of them that were the final; the others served as partials.',
    () => recognizer.earlyFinals.used,
  );
}

/** Registers the numbers of a queue and its engines. */
export function registerDecodeMetrics(registry: MetricsRegistry, counts: () => DecodeCounts): void {
  const count = (name: string, help: string, read: (counts: DecodeCounts) => number): void =>
    registry.readCounter(`sotto_decode_${name}_total`, help, () => read(counts()));
  registry.gauge('sotto_decode_waiting', 'Windows that wait for an engine.', () => {
    const { final, partial, file } = counts().waiting;
    return final + partial + file;
  });
  registry.gauge('sotto_decode_running', 'Runs under way.', () => counts().running);
  count('windows', 'Windows decoded.', ({ decoded }) => decoded);
  count('runs', 'Engine runs: windows by runs is the mean batch.', ({ runs }) => runs);
  count('superseded', 'Partials replaced by a newer one while they waited.', ({ superseded }) => superseded);
  count('dropped', 'Partials dropped because too many waited.', ({ dropped }) => dropped);
  count('refused', 'Finals refused because too many waited.', ({ refused }) => refused);
  count('retried', 'Windows tried again after their engine failed.', ({ retried }) => retried);
  registry.readCounter(
    'sotto_engine_busy_seconds_total',
    'Time that engines spent in runs, added up: its rate by the number of engines is their use.',
    () => counts().busyMs / 1_000,
  );
  count('failed', 'Windows that failed twice.', ({ failed }) => failed);
}
