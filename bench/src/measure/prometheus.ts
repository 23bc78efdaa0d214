// Reads a server's GET /metrics: the Prometheus text format.

/** One sample: a name, its labels and a value. */
export interface MetricSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Parses the text exposition format (https://prometheus.io/docs/instrumenting/exposition_formats/); lines that are no
 * samples are skipped.
 */
export function parsePrometheus(text: string): MetricSample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/.exec(line);
    if (match === null) return [];
    const labels: Record<string, string> = {};
    for (const [, key, value] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      if (key !== undefined && value !== undefined) labels[key] = value;
    }
    const value = match[3] === '+Inf' ? Infinity : Number(match[3]);
    return Number.isNaN(value) ? [] : [{ name: match[1] ?? '', labels, value }];
  });
}

/** The server's metrics; empty when it has none. */
export async function fetchMetrics(httpUrl: string): Promise<MetricSample[]> {
  try {
    const response = await fetch(new URL('/metrics', httpUrl), { signal: AbortSignal.timeout(5_000) });
    return response.ok ? parsePrometheus(await response.text()) : [];
  } catch {
    return []; // A server without metrics is measured from outside alone.
  }
}

/** The largest sample of one name. */
export const largestOf = (samples: readonly MetricSample[], name: string): number | undefined => {
  const values = samples.filter((sample) => sample.name === name).map(({ value }) => value);
  return values.length === 0 ? undefined : Math.max(...values);
};

/** Sum of all samples of one name. */
export const sumOf = (samples: readonly MetricSample[], name: string): number | undefined => {
  const values = samples.filter((sample) => sample.name === name).map(({ value }) => value);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
};
