// Keeps a scheduler's engines full for a time, and counts what they decode.
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import { BenchError } from '../bench-error.js';
import type { DecodeJob, DecodeRequest, DecodeResult, Scheduler } from '@sotto/server';

/** One of those who want windows decoded, one window after the other; there are enough of them to fill all engines. */
export interface Applicant {
  /** The next window. `last`: what came of the one before, undefined at first. */
  next(last: DecodeResult | undefined): DecodeRequest;
}

export interface SaturationOptions {
  readonly kind: DecodeJob['kind'];
  /** Time that counts, milliseconds. */
  readonly windowMs: number;
  /** Time before that, milliseconds: first runs of a shape, and the engines out of step. */
  readonly settleMs: number;
}

export interface Throughput {
  /** Windows that were decoded in the time that counted. */
  readonly windows: number;
  /** From the first to the last run that ended in it, milliseconds: whole runs, whose windows all end together. */
  readonly tookMs: number;
  /** Audio of those windows, milliseconds. */
  readonly audioMs: number;
  readonly windowsPerRun: number;
}

/**
 * @throws BenchError `timed_out` when fewer than two runs ended in the time; rejects with AsrError when a window fails
 */
export async function saturate(
  scheduler: Scheduler,
  applicants: readonly Applicant[],
  { kind, windowMs, settleMs }: SaturationOptions,
): Promise<Throughput> {
  const startedAt = performance.now();
  const endsAt = startedAt + settleMs + windowMs;
  const ended: { atMs: number; samples: number }[] = [];
  const before = scheduler.counts;
  await Promise.all(
    applicants.map(async (applicant) => {
      let last: DecodeResult | undefined;
      while (performance.now() < endsAt) {
        const request = applicant.next(last);
        const outcome = await scheduler.submit({
          segment: applicant,
          kind,
          dueInMs: 0,
          samples: request.audio.length,
          request: () => request,
        });
        if (outcome.status !== 'decoded') throw new BenchError('mismatch', `A window was ${outcome.status}.`);
        last = outcome.result;
        ended.push({ atMs: performance.now() - startedAt, samples: request.audio.length });
      }
    }),
  );
  const { decoded, runs } = scheduler.counts;
  const counted = ended.filter(({ atMs }) => atMs >= settleMs);
  const from = counted[0]?.atMs ?? 0;
  // The windows of one run end within the same turn of the event loop.
  const behind = counted.filter(({ atMs }) => atMs > from + SAME_RUN_MS);
  const to = behind.at(-1)?.atMs;
  if (to === undefined) {
    throw new BenchError('timed_out', `Fewer than two runs ended in ${windowMs} ms: give it more --seconds.`);
  }
  return {
    windows: behind.length,
    tookMs: to - from,
    audioMs: behind.reduce((sum, { samples }) => sum + samples, 0) / SAMPLES_PER_MS,
    windowsPerRun: (decoded - before.decoded) / Math.max(1, runs - before.runs),
  };
}

const SAME_RUN_MS = 1;
