// Which padding is the cheapest that hears as well as the longest context: decided from trials, without another decode.
import { errorRate, totalErrors, type ErrorCounts } from '@sotto/models';
import { SAMPLE_RATE, SAMPLES_PER_MS } from '../../audio/samples.js';
import type { RecordingTrials, Trial } from './padding-trials.js';

/** A way of padding. */
export interface Padding {
  /** No window is padded to less, samples. */
  readonly shortestContext: number;
  /** Silence that is kept free after the speech, samples. */
  readonly tailSilence: number;
}

/** What a padding costs and how well it hears. */
export interface JudgedPadding extends Padding {
  readonly errors: ErrorCounts;
  readonly errorRate: number;
  /** Context of the recordings on average, samples: the work follows it. */
  readonly meanContext: number;
  /** Audio by compute. */
  readonly speed: number;
}

/** Tails of silence that are tried, milliseconds. Published: stock Whisper wants 1.3-2.6 s. */
export const TAILS_MS = [0, 200, 500, 1000, 1500, 2000, 2600, 4000] as const;

export interface PaddingChoice {
  /** Everything at the longest context. */
  readonly baseline: JudgedPadding;
  readonly chosen: JudgedPadding;
  /** The paddings that no other one beats in both context and errors, cheapest first: what there was to choose from. */
  readonly front: readonly JudgedPadding[];
}

/**
 * Chooses the padding of the least context whose errors are at most `1 + tolerance` times the baseline's. Nothing is
 * rounded in its favour: with few recordings it errs towards the longer context.
 * @param tolerance share of additional errors that is accepted, 0 and up
 */
export function choosePadding(
  recordings: readonly RecordingTrials[],
  contexts: readonly number[],
  tolerance: number,
): PaddingChoice {
  const longest = contexts.at(-1) ?? 0;
  const baseline = judgePadding(recordings, { shortestContext: longest, tailSilence: 0 });
  const paddings = contexts.flatMap((shortestContext) =>
    TAILS_MS.map((ms) => judgePadding(recordings, { shortestContext, tailSilence: ms * SAMPLES_PER_MS })),
  );
  // Of two that cost the same, the one with the longer tail and the longer context is the safer.
  const byCost = paddings.sort(
    (a, b) => a.meanContext - b.meanContext || b.tailSilence - a.tailSilence || b.shortestContext - a.shortestContext,
  );
  const errorsMax = editCount(baseline.errors) * (1 + tolerance);
  const chosen = byCost.find(({ errors }) => editCount(errors) <= errorsMax) ?? baseline;
  const front: JudgedPadding[] = [];
  for (const padding of byCost) {
    const best = front.at(-1);
    if (!best || editCount(padding.errors) < editCount(best.errors)) front.push(padding);
  }
  return { baseline, chosen, front };
}

/** Adds up what each recording costs where this padding puts it. */
export function judgePadding(recordings: readonly RecordingTrials[], padding: Padding): JudgedPadding {
  const trials = recordings.map((recording) => trialFor(recording, padding));
  const errors = totalErrors(trials.map((trial) => trial.errors));
  const samples = recordings.reduce((sum, recording) => sum + recording.samples, 0);
  const computeMs = trials.reduce((sum, { elapsedMs }) => sum + elapsedMs, 0);
  return {
    ...padding,
    errors,
    errorRate: errorRate(errors),
    meanContext: trials.reduce((sum, { context }) => sum + context, 0) / trials.length,
    speed: samples / SAMPLE_RATE / (computeMs / 1000),
  };
}

/** The scheduler's rule: the shortest context that holds audio and tail, else the longest. */
function trialFor({ samples, trials }: RecordingTrials, { shortestContext, tailSilence }: Padding): Trial {
  const fitting = trials.find(({ context }) => context >= shortestContext && context >= samples + tailSilence);
  const trial = fitting ?? trials.at(-1);
  if (!trial) throw new RangeError(`${samples} samples fit none of the contexts`);
  return trial;
}

function editCount({ substitutions, deletions, insertions }: ErrorCounts): number {
  return substitutions + deletions + insertions;
}
