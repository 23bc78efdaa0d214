// Calibration of a model: how little padding it needs to hear as well as with its whole window.
import { availableParallelism } from 'node:os';
import { writeManifest, type Calibration, type CalibrationPoint, type InstalledModel } from '@sotto/models';
import { decodeAudioFile } from '../../audio/audio-file.js';
import { SAMPLE_RATE, toMs } from '../../audio/samples.js';
import { openEngine } from '../engine-host/open-engine.js';
import { whisperEngineSpec } from '../engine-host/whisper-engine-spec.js';
import { CalibrationError } from './calibration-error.js';
import { choosePadding, type JudgedPadding, type PaddingChoice } from './choose-padding.js';
import { runPaddingTrials, type LoadedRecording } from './padding-trials.js';
import { readRecordingsFolder } from './recordings-folder.js';
import { loadTokenizer } from '../tokenizer.js';

/** Contexts that are tried, seconds. Few and far apart: batches hold windows of one context only. */
const CONTEXTS = [2, 4, 6, 8, 12, 16, 22, 30] as const;
/** A model that gets more than this wrong with its whole window tells nothing about shorter ones. */
const ERROR_RATE_MAX = 0.7;

export interface CalibrateOptions {
  /** Folder with a manifest.jsonl: file, text, language. */
  readonly recordings: string;
  /** Only recordings of this language. Default: all that the model knows. */
  readonly language?: string;
  /** At most so many recordings, spread over the folder. Default: all. */
  readonly limit?: number;
  /** Share of additional errors that is accepted. Default 0.02. */
  readonly tolerance?: number;
  /** Default: all cores. */
  readonly threads?: number;
  readonly onProgress?: (done: number) => void;
}

export interface CalibrationOutcome extends PaddingChoice {
  /** What was, or would be, written into the manifest. */
  readonly calibration: Calibration;
  readonly buckets: readonly number[];
  readonly tailSilenceMs: number;
  /** Recordings that were left out, and why. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** Measures; changes nothing. Rejects with CalibrationError, AudioFileError, ModelError or EngineError. */
export async function calibrate(model: InstalledModel, options: CalibrateOptions): Promise<CalibrationOutcome> {
  const { tolerance = 0.02, threads = availableParallelism(), onProgress } = options;
  const window = Math.round((model.files.config.maxSourcePositions * 320) / SAMPLE_RATE);
  const contexts = CONTEXTS.filter((seconds) => seconds <= window);
  const manifest = { ...model.manifest, buckets: contexts, tailSilenceMs: 0 };
  const tokenizer = await loadTokenizer(model.directory);
  const engine = await openEngine(whisperEngineSpec({ ...model, manifest }, { threads }), 'inline');
  try {
    const { recordings, skipped } = await loadRecordings(options, engine.model.languages, window);
    const trials = await runPaddingTrials(engine, tokenizer, recordings, onProgress ? { onProgress } : {});
    const choice = choosePadding(trials, engine.model.buckets, tolerance);
    if (choice.baseline.errorRate > ERROR_RATE_MAX) {
      const rate = Math.round(100 * choice.baseline.errorRate);
      throw new CalibrationError(
        'not_understood',
        `${model.name} has an error rate of ${rate} % on these recordings even with its whole window: nothing was changed`,
      );
    }
    const samples = recordings.reduce((sum, recording) => sum + recording.samples.length, 0);
    const calibration = {
      date: new Date().toISOString().slice(0, 10),
      recordings: recordings.length,
      seconds: round(samples / SAMPLE_RATE, 1),
      baseline: pointOf(choice.baseline),
      chosen: pointOf(choice.chosen),
    };
    const { shortestContext, tailSilenceMs } = calibration.chosen;
    return {
      ...choice,
      calibration,
      buckets: contexts.filter((seconds) => seconds >= shortestContext),
      tailSilenceMs,
      skipped,
    };
  } finally {
    await engine.close();
  }
}

/** Writes the outcome into the model's manifest. */
export async function applyCalibration(model: InstalledModel, outcome: CalibrationOutcome): Promise<void> {
  const { buckets, tailSilenceMs, calibration } = outcome;
  await writeManifest(model.home, { ...model.manifest, buckets: [...buckets], tailSilenceMs, calibration });
}

async function loadRecordings(
  { recordings: folder, language, limit }: CalibrateOptions,
  languages: readonly string[],
  windowSeconds: number,
): Promise<{ recordings: LoadedRecording[]; skipped: { path: string; reason: string }[] }> {
  const known = await readRecordingsFolder(folder);
  const skipped: { path: string; reason: string }[] = [];
  const recordings: LoadedRecording[] = [];
  const wanted = known.filter((recording) => {
    const isKnown = languages.includes(recording.language) && (language ?? recording.language) === recording.language;
    if (!isKnown) skipped.push({ path: recording.path, reason: `language ${recording.language}` });
    return isKnown;
  });
  for (const { path, text, language } of spread(wanted, limit ?? wanted.length)) {
    const { samples } = await decodeAudioFile(path);
    if (samples.length > windowSeconds * SAMPLE_RATE) skipped.push({ path, reason: `longer than ${windowSeconds} s` });
    else recordings.push({ samples, text, language });
  }
  // Without a word of text there is nothing to hear wrongly.
  if (!recordings.some(({ text }) => text.trim() !== '')) {
    throw new CalibrationError(
      'no_recordings',
      `${folder} has no recording that can be used: ${languages.join(', ')}, at most ${windowSeconds} s`,
    );
  }
  return { recordings, skipped };
}

/** `count` of the items, evenly spaced. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (count >= items.length) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]).filter(
    (item) => item !== undefined,
  );
}

function pointOf({ shortestContext, tailSilence, meanContext, errorRate, speed }: JudgedPadding): CalibrationPoint {
  return {
    shortestContext: shortestContext / SAMPLE_RATE,
    tailSilenceMs: toMs(tailSilence),
    meanContext: round(meanContext / SAMPLE_RATE, 2),
    errorRate: round(errorRate, 4),
    speed: round(speed, 1),
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
