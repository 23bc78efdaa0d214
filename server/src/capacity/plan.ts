// From what one unit carries to users, machines and money. Arithmetic only: the command and the page show it.
import type { Assumptions } from './assumptions.js';

/** Hours of an average month. */
const MONTH_HOURS = 730;
const MONTH_DAYS = MONTH_HOURS / 24;

/** What one unit carries. */
export interface UnitFigures {
  readonly streams: number;
  /** Seconds of recordings heard in a second; undefined where nobody measured it. */
  readonly filesSpeed?: number | undefined;
}

export interface CapacityPlan {
  readonly nodes: number;
  /** Live streams at the measured limit, and those planned with. */
  readonly streams: number;
  readonly plannedStreams: number;
  /** Streams open at once on average in the busiest hour. */
  readonly busyHourStreams: number;
  /** Users a day that this carries, and their minutes. */
  readonly usersPerDay: number;
  readonly minutesPerDay: number;
  /** Recordings of the assumed length, if nothing else runs; undefined where it was not measured. */
  readonly recordingsPerHour: number | undefined;
  readonly recordingsPerDay: number | undefined;
  /** Dollars a month: machines of one's own with their power, the same rented, the same minutes from an API. */
  readonly ownPerMonth: number;
  readonly powerPerMonth: number;
  readonly rentPerMonth: number;
  readonly apiPerMonth: number;
  /** Minutes a day from which on machines of one's own, or rented ones, cost less than the API. */
  readonly ownBreakEvenMinutesPerDay: number;
  readonly rentBreakEvenMinutesPerDay: number;
}

/** What `assumptions.units` units carry and cost. */
export function planCapacity(unit: UnitFigures, assumptions: Assumptions): CapacityPlan {
  const { units, headroom, apiPricePerMinute } = assumptions;
  const streams = unit.streams * units;
  const plannedStreams = Math.floor(streams * headroom + 1e-9);
  const busyHourStreams = offeredLoad(plannedStreams, assumptions.refusedShare);
  const usersPerDay = Math.floor(
    (busyHourStreams * 60) / assumptions.busyHourShare / minutesPerUser(assumptions) + 1e-9,
  );
  const minutesPerDay = usersPerDay * minutesPerUser(assumptions);
  const recordingsPerHour =
    unit.filesSpeed === undefined
      ? undefined
      : Math.floor((unit.filesSpeed * units * headroom * 60) / assumptions.recordingMinutes);
  const powerPerMonth =
    (units * assumptions.watts * assumptions.powerUsageEffectiveness * MONTH_HOURS * assumptions.kilowattHourPrice) /
    1_000;
  const ownPerMonth = (units * assumptions.unitPrice) / (assumptions.years * 12) + powerPerMonth;
  const rentPerMonth = units * assumptions.rentPerHour * MONTH_HOURS;
  return {
    nodes: Math.ceil(units / assumptions.unitsPerNode),
    streams,
    plannedStreams,
    busyHourStreams,
    usersPerDay,
    minutesPerDay,
    recordingsPerHour,
    recordingsPerDay: recordingsPerHour === undefined ? undefined : recordingsPerHour * 24,
    ownPerMonth,
    powerPerMonth,
    rentPerMonth,
    apiPerMonth: minutesPerDay * MONTH_DAYS * apiPricePerMinute,
    ownBreakEvenMinutesPerDay: ownPerMonth / MONTH_DAYS / apiPricePerMinute,
    rentBreakEvenMinutesPerDay: rentPerMonth / MONTH_DAYS / apiPricePerMinute,
  };
}

/** The fewest units that carry so many users a day; undefined if more than a million would be needed. */
export function unitsForUsers(unit: UnitFigures, assumptions: Assumptions, users: number): number | undefined {
  const carries = (units: number): boolean => planCapacity(unit, { ...assumptions, units }).usersPerDay >= users;
  let [few, many] = [0, 1];
  while (!carries(many)) {
    if (many > 1_000_000) return undefined;
    [few, many] = [many, many * 2];
  }
  while (many - few > 1) {
    const middle = Math.floor((few + many) / 2);
    if (carries(middle)) many = middle;
    else few = middle;
  }
  return many;
}

function minutesPerUser({ usesPerDay, minutesPerUse }: Assumptions): number {
  return usesPerDay * minutesPerUse;
}

/** Above so many places the share refused is next to nothing as long as fewer streams come than there are places. */
const COUNTED_PLACES_MAX = 20_000;

/**
 * The load, in streams open at once on average, at which no more than a share of the new ones finds all places taken.
 * Erlang's loss formula (A. K. Erlang, 1917): streams come independently of each other and none waits.
 */
export function offeredLoad(places: number, refusedShare: number): number {
  const counted = Math.min(places, COUNTED_PLACES_MAX);
  let [low, high] = [0, counted / (1 - refusedShare)];
  for (let round = 0; round < 40; round++) {
    const middle = (low + high) / 2;
    if (refused(counted, middle) <= refusedShare) low = middle;
    else high = middle;
  }
  return counted === 0 ? 0 : low * (places / counted);
}

/** Erlang B by its recurrence: B(n) = A B(n-1) / (n + A B(n-1)). */
export function refused(places: number, load: number): number {
  let share = 1;
  for (let place = 1; place <= places; place++) share = (load * share) / (place + load * share);
  return share;
}
