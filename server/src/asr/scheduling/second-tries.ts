// What a live final that the guards doubt may cost: less under load, and never a long wait.
import { systemClock, type Clock } from '../../time/clock.js';
import { FALLBACK_BUDGET_MS, type FinalDecodeOptions } from '../hypothesis/final-decode.js';
import type { SegmentKey } from './decode-queue.js';
import type { DecodeScheduler } from './decode-scheduler.js';

/** How much longer a final may take because it is decoded again, milliseconds: then the text that is there is told. */
export const AGAIN_MS_MAX = 2_000;

/**
 * Audio that may be decoded again however busy the engines are, milliseconds, where a final says nothing although
 * somebody may have spoken, or ends long before its speech: the longest utterance once.
 */
const UNHEARD_BUDGET_MS = 30_000;

export interface SecondTriesOptions {
  /** Without load, milliseconds of audio. Default {@link FALLBACK_BUDGET_MS}. */
  readonly fallbackBudgetMs?: number;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'after'>;
}

/**
 * The budget shrinks with load and is 0 while partials are stretched: a final that is doubted then is told as it is,
 * unless it says nothing, or not all: that is no text that will do. What fails, or is not there in time, is forgotten.
 */
export function secondTries(
  scheduler: Pick<DecodeScheduler, 'load' | 'cancel'>,
  segment: SegmentKey,
  { fallbackBudgetMs = FALLBACK_BUDGET_MS, clock = systemClock }: SecondTriesOptions,
): Required<Pick<FinalDecodeOptions, 'fallbackBudgetMs' | 'unheardBudgetMs' | 'inTime'>> {
  return {
    fallbackBudgetMs: fallbackBudgetMs * Math.max(0, 1 - scheduler.load),
    unheardBudgetMs: Math.min(fallbackBudgetMs, UNHEARD_BUDGET_MS),
    async inTime(again) {
      let stop: (() => void) | undefined;
      const late = new Promise<undefined>((resolve) => {
        stop = clock.after(AGAIN_MS_MAX, () => resolve(undefined));
      });
      try {
        return await Promise.race([again.catch(() => undefined), late]);
      } finally {
        stop?.();
        scheduler.cancel(segment);
      }
    },
  };
}
