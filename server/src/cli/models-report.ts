// What `sotto models` prints: tables of models, of a check, of a calibration.
import type { InstalledModel } from '@sotto/models';
import type { CalibrationOutcome } from '../asr/calibration/calibrate.js';
import type { JudgedPadding } from '../asr/calibration/choose-padding.js';
import type { ModelCheck } from '../asr/calibration/check-model.js';

/** One line a model; the serving one has a star. */
export function modelTable(models: readonly InstalledModel[], serving: string): string {
  const rows = models.map((model) => [
    model.name === serving ? '*' : '',
    model.name,
    sizeOf(model),
    contextsOf(model),
    model.manifest.calibration === undefined ? '' : model.manifest.calibration.date,
    model.isEmbedded ? 'comes with Sotto' : model.directory,
  ]);
  return table(['', 'model', 'size', 'contexts', 'calibrated', 'folder'], rows);
}

export function checkReport(model: InstalledModel, check: ModelCheck): string {
  const { config } = model.files;
  const { tailSilenceMs, usesPreviousText, provenance } = model.manifest;
  const facts = [
    ['model', `${model.name} (${model.directory})`],
    [
      'size',
      `${sizeOf(model)}, width ${config.width}, ${config.encoderLayers} encoder and ${config.decoderLayers} decoder layers`,
    ],
    ['languages', languagesOf(check.languages)],
    ['contexts', `${contextsOf(model)}, ${tailSilenceMs} ms of silence kept free after the speech`],
    ['previous text', usesPreviousText ? 'used as prompt' : 'not used'],
    ['from', [provenance?.source ?? 'not said', provenance?.licence].filter(Boolean).join(', ')],
    [
      'loaded in',
      `${Math.round(check.loadMs)} ms, warm after another ${Math.round(check.warmUpMs)} ms; ${megabytes(check.memoryBytes)} of memory`,
    ],
  ];
  const width = Math.max(...facts.map(([label = '']) => label.length));
  const lines = facts.map(([label = '', fact = '']) => `${label.padEnd(width)}  ${fact}\n`).join('');
  const rows = check.contexts.map(({ context, encodeMs, encodeSpeed, stepMs }) => [
    `${context} s`,
    `${encodeMs.toFixed(0)} ms`,
    `${encodeSpeed.toFixed(1)} x`,
    stepMs === null ? '-' : `${stepMs.toFixed(1)} ms`,
  ]);
  const title = `\nSpeed with ${check.threads} thread${check.threads === 1 ? '' : 's'} (best of several runs):\n`;
  return lines + title + table(['context', 'encode', 'of real time', 'each token'], rows);
}

export function calibrationReport(model: InstalledModel, outcome: CalibrationOutcome): string {
  const { baseline, chosen, front, calibration, buckets, tailSilenceMs, skipped } = outcome;
  const rows = [...new Set([...front, chosen, baseline])]
    .sort((a, b) => a.meanContext - b.meanContext)
    .map((padding) => [padding === chosen ? '*' : '', ...paddingRow(padding)]);
  const reasons = [...new Set(skipped.map(({ reason }) => reason))];
  const left = skipped.length === 0 ? '' : `${skipped.length} recordings were left out (${reasons.join('; ')}).\n`;
  return (
    `${model.name} on ${calibration.recordings} recordings, ${calibration.seconds} s:\n` +
    table(['', 'shortest', 'tail', 'context on average', 'error rate', 'speed'], rows) +
    left +
    `Contexts ${buckets.join(', ')} s with ${tailSilenceMs} ms of silence after the speech: ` +
    `${(baseline.meanContext / chosen.meanContext).toFixed(1)} times less context than the whole window, ` +
    `error rate ${percent(chosen.errorRate)} against ${percent(baseline.errorRate)}.\n` +
    (buckets[0] !== undefined && buckets[0] > SHORT_WINDOW ? longWindowsNote(buckets[0]) : '')
  );
}

/** Windows that fit an utterance, seconds: a model that needs more is a stock one. */
const SHORT_WINDOW = 6;
const ADAPTATION = 'Adaptation teaches a model windows from 2 s on, without transcripts: models/train/adapt';

function longWindowsNote(shortest: number): string {
  return `As stock Whispers do, it needs long windows: nothing under ${shortest} s was good enough. ${ADAPTATION}.\n`;
}

/** Of a model that was added just now; empty where it has shorter windows already. */
export function wholeWindowNote({ name, manifest: { buckets } }: InstalledModel): string {
  if (buckets.length > 1) return '';
  return (
    `Every window is padded to ${buckets[0]} s, which live streams feel. ${ADAPTATION}.\n` +
    `To measure how much less it needs as it is: npx sotto models calibrate ${name} --recordings DIR\n`
  );
}

/** Of a model that hears one language; empty of any other. */
export function englishOnlyNote(name: string, { isMultilingual }: { readonly isMultilingual: boolean }): string {
  if (isMultilingual) return '';
  return `${name} knows English alone, and writes English words whatever language it hears.\n`;
}

function paddingRow(padding: JudgedPadding): string[] {
  return [
    `${padding.shortestContext / 16_000} s`,
    `${padding.tailSilence / 16} ms`,
    `${(padding.meanContext / 16_000).toFixed(2)} s`,
    percent(padding.errorRate),
    `${padding.speed.toFixed(1)} x`,
  ];
}

function sizeOf({ files }: InstalledModel): string {
  return `${(files.parameters / 1e6).toFixed(1)} M parameters, ${megabytes(files.weightBytes)}`;
}

function contextsOf({ manifest }: InstalledModel): string {
  return `${manifest.buckets.join(', ')} s`;
}

function languagesOf(languages: readonly string[]): string {
  const shown = languages.slice(0, 12).join(', ');
  return languages.length > 12 ? `${languages.length}: ${shown}, ...` : shown;
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(0)} MB`;
}

function percent(rate: number): string {
  return Number.isFinite(rate) ? `${(100 * rate).toFixed(1)} %` : 'no words said';
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `${cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()}\n`;
  return [head, ...rows].map(line).join('');
}
