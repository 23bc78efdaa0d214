// How a recogniser is set, for live segments and for recordings.
import type { ChineseScript } from '../text/chinese-script.js';
import type { Clock } from '../time/clock.js';
import type { GuardThresholds } from './hypothesis/hallucination-guards.js';
import type { Stability } from './hypothesis/stability-policy.js';
import type { QueueBounds } from './scheduling/decode-queue.js';

export interface RecognizerOptions {
  /** What makes text stable. Default {@link DEFAULT_STABILITY}. */
  readonly stability?: Stability;
  /** AlignAtt's distance from the end of the audio, milliseconds. Default 400. */
  readonly holdbackMs?: number;
  /** Languages that `auto` chooses from where a stream or a recording does not say. Default: all. */
  readonly languages?: readonly string[];
  /**
   * Characters of Chinese text where its language tag does not say. Default `simplified`; `mixed`: as the model writes.
   */
  readonly chineseScript?: ChineseScript | 'mixed';
  /** Default {@link WHISPER_THRESHOLDS}. */
  readonly thresholds?: GuardThresholds;
  /** Whether {@link RecognizedSegment.anticipate} is heeded. Default true. */
  readonly earlyFinals?: boolean;
  /**
   * How much audio of a final that the guards doubt is decoded again, milliseconds. Default {@link FALLBACK_BUDGET_MS};
   * 0 turns it off.
   */
  readonly fallbackBudgetMs?: number;
  readonly bounds?: QueueBounds;
  /**
   * How late finals may be before no further stream begins, milliseconds. Default {@link FINALS_LATE_MS_MAX}; 0: as
   * late as they will.
   */
  readonly finalsLateMsMax?: number;
  /** See {@link HearingModel}. Default: the model's name. */
  readonly identity?: string;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'now' | 'after'>;
}

/** Both must agree: the cautious choice, until a benchmark on the model at hand says otherwise. */
export const DEFAULT_STABILITY: Stability = 'both';
/** Default of {@link RecognizerOptions.finalsLateMsMax}. */
export const FINALS_LATE_MS_MAX = 5_000;
