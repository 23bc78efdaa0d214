// Counters, gauges and histograms, and their text for Prometheus (exposition format 0.0.4).
// https://prometheus.io/docs/instrumenting/exposition_formats/

import { LatencySpread } from './latency-spread.js';

export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

interface Metric {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  samples(): Iterable<string>;
  /** Over all labels; absent for histograms, and for gauges that a reading would change. */
  readonly read?: () => number;
}

/** All metrics at one moment, by name. */
export interface MetricsSnapshot {
  readonly values: ReadonlyMap<string, number>;
  /** See LatencySpread. */
  readonly spreads: ReadonlyMap<string, Uint32Array>;
}

/** A number that only grows, with at most one label. Values of the label must come from a small fixed set. */
export class Counter {
  readonly #values = new Map<string, number>();

  add(amount = 1, label = ''): void {
    this.#values.set(label, (this.#values.get(label) ?? 0) + amount);
  }

  /** The count of one label value. */
  value(label = ''): number {
    return this.#values.get(label) ?? 0;
  }

  get total(): number {
    return [...this.#values.values()].reduce((sum, value) => sum + value, 0);
  }

  entries(): IterableIterator<[string, number]> {
    return this.#values.entries();
  }
}

/** How often values fell below each of a few bounds. */
export class Histogram {
  readonly #counts: number[];
  #sum = 0;
  #count = 0;
  readonly #spread = new LatencySpread();
  readonly bounds: readonly number[];

  /** `bounds`: upper bounds, ascending; one for everything above them is added. */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count++;
    this.#spread.observe(value);
    const bucket = this.bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  get count(): number {
    return this.#count;
  }

  get sum(): number {
    return this.#sum;
  }

  /** See LatencySpread. */
  get spread(): Uint32Array {
    return this.#spread.counts;
  }

  /** Counts at or below each bound. */
  cumulative(): number[] {
    let total = 0;
    return this.#counts.map((count) => (total += count));
  }
}

/** The metrics of one server. */
export class MetricsRegistry {
  readonly #metrics: Metric[] = [];
  readonly #histograms = new Map<string, Histogram>();

  /** `label`: the name of its label, if it has one. */
  counter(name: string, help: string, label?: string): Counter {
    const counter = new Counter();
    this.#add({
      name,
      type: 'counter',
      help,
      read: () => counter.total,
      *samples() {
        if (label === undefined) yield `${name} ${counter.value()}`;
        else for (const [value, count] of counter.entries()) yield `${name}{${label}="${escapeLabel(value)}"} ${count}`;
      },
    });
    return counter;
  }

  /** `read` is called at every scrape. `isReset`: reading begins a new measurement, so only a scrape does it. */
  gauge(name: string, help: string, read: () => number, isReset = false): void {
    this.#add({ name, type: 'gauge', help, samples: () => [`${name} ${read()}`], ...(isReset ? {} : { read }) });
  }

  /** A gauge of each value of a label, from a small fixed set. */
  labelledGauge(name: string, help: string, label: string, read: () => Iterable<readonly [string, number]>): void {
    this.#add({
      name,
      type: 'gauge',
      help,
      samples: () => Array.from(read(), ([value, count]) => `${name}{${label}="${escapeLabel(value)}"} ${count}`),
    });
  }

  /** A counter that is kept elsewhere: `read` is called at every scrape. */
  readCounter(name: string, help: string, read: () => number): void {
    this.#add({ name, type: 'counter', help, samples: () => [`${name} ${read()}`], read });
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const histogram = new Histogram(bounds);
    this.#histograms.set(name, histogram);
    this.#add({
      name,
      type: 'histogram',
      help,
      *samples() {
        const counts = histogram.cumulative();
        for (const [i, bound] of bounds.entries()) yield `${name}_bucket{le="${bound}"} ${counts[i] ?? 0}`;
        yield `${name}_bucket{le="+Inf"} ${histogram.count}`;
        yield `${name}_sum ${histogram.sum}`;
        yield `${name}_count ${histogram.count}`;
      },
    });
    return histogram;
  }

  /** What a history keeps. */
  snapshot(): MetricsSnapshot {
    const values = this.#metrics.flatMap(({ name, read }) => (read === undefined ? [] : [[name, read()] as const]));
    const spreads = [...this.#histograms].map(([name, { spread }]) => [name, spread] as const);
    return { values: new Map(values), spreads: new Map(spreads) };
  }

  /** All metrics as Prometheus reads them. */
  expose(): string {
    const lines = this.#metrics.flatMap((metric) => [
      `# HELP ${metric.name} ${metric.help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${metric.name} ${metric.type}`,
      ...metric.samples(),
    ]);
    return `${lines.join('\n')}\n`;
  }

  #add(metric: Metric): void {
    if (this.#metrics.some((other) => other.name === metric.name)) {
      throw new TypeError(`The metric ${metric.name} exists already.`);
    }
    this.#metrics.push(metric);
  }
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
