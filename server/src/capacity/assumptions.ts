// What a plan assumes: every number is shown, and may be another one.

/** A number that may be set: its usual value and its bounds. */
interface Assumption {
  readonly usual: number;
  readonly min: number;
  readonly max: number;
}

export const ASSUMPTIONS = {
  /** Units (GPUs, or pairs of cores) that there are. */
  units: { usual: 1, min: 1, max: 100_000 },
  unitsPerNode: { usual: 8, min: 1, max: 64 },
  /** Part of the measured streams that is planned with; the rest is for bad moments. */
  headroom: { usual: 0.8, min: 0.1, max: 1 },
  usesPerDay: { usual: 20, min: 0.1, max: 10_000 },
  minutesPerUse: { usual: 0.5, min: 0.01, max: 1_440 },
  /** Part of a day's minutes that falls into its busiest hour. An even day has 1 / 24. */
  busyHourShare: { usual: 0.15, min: 1 / 24, max: 1 },
  /** Part of the new streams that may find all places taken in the busiest hour. */
  refusedShare: { usual: 0.001, min: 0.000_001, max: 0.5 },
  recordingMinutes: { usual: 3, min: 0.01, max: 1_440 },
  /** Money in dollars. A unit's share of its server is in its price. */
  unitPrice: { usual: 35_000, min: 0, max: 10_000_000 },
  years: { usual: 3, min: 0.1, max: 20 },
  watts: { usual: 700, min: 0, max: 100_000 },
  /** Power that the building takes for one watt of the machine. */
  powerUsageEffectiveness: { usual: 1.4, min: 1, max: 5 },
  kilowattHourPrice: { usual: 0.15, min: 0, max: 100 },
  rentPerHour: { usual: 3, min: 0, max: 10_000 },
  /**
   * What OpenAI asks for a minute with whisper-1, and says that one with gpt-4o-transcribe comes to, which is paid by
   * tokens (developers.openai.com/api/docs/pricing). Live it may cost more: 0.017 with gpt-realtime-whisper.
   */
  apiPricePerMinute: { usual: 0.006, min: 0.000_01, max: 1_000 },
} as const satisfies Readonly<Record<string, Assumption>>;

export type AssumptionName = keyof typeof ASSUMPTIONS;
export type Assumptions = Readonly<Record<AssumptionName, number>>;

export const ASSUMPTION_NAMES = Object.keys(ASSUMPTIONS) as AssumptionName[];

export const USUAL_ASSUMPTIONS: Assumptions = Object.fromEntries(
  ASSUMPTION_NAMES.map((name) => [name, ASSUMPTIONS[name].usual]),
) as Assumptions;

/** Whether the number may be the assumption's. */
export function isAssumable(name: AssumptionName, value: number): boolean {
  return value >= ASSUMPTIONS[name].min && value <= ASSUMPTIONS[name].max;
}
