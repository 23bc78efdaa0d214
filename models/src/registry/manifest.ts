// What Sotto knows of a model beyond its weights: sotto.json, with defaults that are safe for any Whisper.
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ModelError } from '../model-error.js';
import { parseJson } from '../parse-json.js';

export const MANIFEST_FILE = 'sotto.json';
/** Whisper's window, seconds. */
const WINDOW_SECONDS = 30;
/** Names that are safe as a folder, a URL segment and a label of metrics. */
export const MODEL_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/i;

const seconds = v.pipe(
  v.number(),
  v.minValue(0.5),
  v.maxValue(WINDOW_SECONDS),
  // An encoder frame is 20 ms: the convolutions halve the 10 ms of the log-mel frames.
  v.check((value) => Number.isInteger(Math.round(value * 1e6) / 20_000), 'a multiple of 20 ms'),
);

/** What one way of padding costs and how well it hears. */
export const CalibrationPoint = v.object({
  /** No window is padded to less, seconds. */
  shortestContext: seconds,
  tailSilenceMs: v.number(),
  /** Context of the recordings on average, seconds: the work follows it. */
  meanContext: v.number(),
  /** Errors by reference words (characters for Chinese and the like), 0 and up. */
  errorRate: v.number(),
  /** Audio seconds by seconds of compute, recordings one after another. */
  speed: v.number(),
});

export const Calibration = v.object({
  /** ISO date of the measurement. */
  date: v.string(),
  recordings: v.number(),
  /** Audio of all recordings, seconds. */
  seconds: v.number(),
  /** Everything padded to the longest context. */
  baseline: CalibrationPoint,
  /** The cheapest one that hears as well: what the manifest was set to. */
  chosen: CalibrationPoint,
});

export const ModelManifest = v.object({
  /** Folder of the Hugging Face files where they are not beside this file. */
  directory: v.optional(v.string()),
  /**
   * Context lengths that windows are padded to, seconds, ascending. The last one is the longest window that the model
   * takes.
   */
  buckets: v.optional(
    v.pipe(
      v.array(seconds),
      v.minLength(1),
      v.check((list) => list.every((value, i) => i === 0 || value > (list[i - 1] ?? 0)), 'ascending lengths'),
    ),
    // Stock Whisper loses its way on shorter contexts unless a calibration shows otherwise.
    [WINDOW_SECONDS],
  ),
  /** Silence that the model wants behind the speech, milliseconds. */
  tailSilenceMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5_000)), 0),
  /** Whether the model was trained with previous text as prompt. */
  usesPreviousText: v.optional(v.boolean(), true),
  /** Whether this model serves when none is named. */
  default: v.optional(v.boolean(), false),
  /** Where the weights are from. */
  provenance: v.optional(v.object({ source: v.string(), licence: v.optional(v.string()) })),
  calibration: v.optional(Calibration),
});

export type ModelManifest = v.InferOutput<typeof ModelManifest>;
export type Calibration = v.InferOutput<typeof Calibration>;
export type CalibrationPoint = v.InferOutput<typeof CalibrationPoint>;

/**
 * Reads sotto.json of a folder; the defaults where there is none.
 * @throws ModelError `file_invalid` naming the key
 */
export async function readManifest(folder: string): Promise<ModelManifest> {
  const file = join(folder, MANIFEST_FILE);
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '{}';
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  });
  return parseJson(ModelManifest, text, file);
}

/** Writes sotto.json at once or not at all: readers never see half a file. */
export async function writeManifest(folder: string, manifest: ModelManifest): Promise<void> {
  const file = join(folder, MANIFEST_FILE);
  const draft = `${file}.${process.pid}.new`;
  await writeFile(draft, `${JSON.stringify(v.parse(ModelManifest, manifest), null, 2)}\n`);
  await rename(draft, file);
}
