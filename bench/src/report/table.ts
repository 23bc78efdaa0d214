// Metrics as a table for terminals and for Markdown files.
import { meetsTarget, type Metric } from './metric.js';

const COLUMNS = ['figure', 'unit', 'n', 'p50', 'p95', 'p99', 'max', 'target'] as const;

/** One row of strings per metric; a scalar stands in the p50 column, under its own heading `value`. */
export function metricRows(metrics: readonly Metric[]): string[][] {
  return metrics.map((metric) => {
    const values =
      metric.kind === 'scalar'
        ? ['', formatNumber(metric.value), '', '', '']
        : metric.count === 0
          ? ['0', '-', '-', '-', '-']
          : [`${metric.count}`, ...[metric.p50, metric.p95, metric.p99, metric.max].map(formatNumber)];
    return [metric.name, metric.unit, ...values, formatTarget(metric)];
  });
}

/** A table of metrics with the notes below it, for a terminal. */
export function terminalTable(metrics: readonly Metric[]): string {
  return [
    alignColumns([[...COLUMNS.slice(0, 3), 'p50/value', ...COLUMNS.slice(4)], ...metricRows(metrics)]),
    ...notes(metrics),
  ].join('\n');
}

/** The same as a Markdown table. */
export function markdownTable(metrics: readonly Metric[]): string {
  return [
    markdownRows([[...COLUMNS.slice(0, 3), 'p50 or value', ...COLUMNS.slice(4)], ...metricRows(metrics)]),
    '',
    ...notes(metrics).map((note) => `- ${note.trim()}`),
  ].join('\n');
}

/** Rows as a Markdown table; the first one is the heading, the first column is text and the others are numbers. */
export function markdownRows(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  return [
    markdownLine(heading),
    `|${heading.map((_, index) => (index === 0 ? '---' : '---:')).join('|')}|`,
    ...body.map(markdownLine),
  ].join('\n');
}

const markdownLine = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;

/** Rows padded to columns: the first two are text, the rest numbers at the right edge. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, index) => (index < 2 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Three significant digits, no exponent, integers whole. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return `${value}`;
  const magnitude = Math.abs(value);
  return value.toFixed(magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3);
}

function formatTarget(metric: Metric): string {
  if (metric.target === undefined) return '';
  const { statistic, bound, value } = metric.target;
  const wanted = `${statistic === 'value' ? '' : `${statistic} `}${bound === 'atMost' ? '<=' : '>='} ${formatNumber(value)}`;
  const met = meetsTarget(metric);
  return `${wanted} ${met === undefined ? 'not measured' : met ? 'met' : 'MISSED'}`;
}

const notes = (metrics: readonly Metric[]): string[] =>
  metrics.flatMap((metric) => (metric.note === undefined ? [] : [`  ${metric.name}: ${metric.note}`]));
