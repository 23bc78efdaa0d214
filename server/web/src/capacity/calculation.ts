// What stands in the fields, and the plan that follows from it.
import { computed, signal } from '@preact/signals';
import {
  isAssumable,
  USUAL_ASSUMPTIONS,
  type AssumptionName,
  type Assumptions,
} from '../../../src/capacity/assumptions.js';
import { MEASURED_UNITS, measuredUnit, type MeasuredUnit } from '../../../src/capacity/measured.js';
import { planCapacity, unitsForUsers } from '../../../src/capacity/plan.js';

/** The key of a measured unit, or `own`. */
export const unitKey = signal<string>(MEASURED_UNITS[0]?.key ?? 'own');
export const measured = computed<MeasuredUnit | undefined>(() => measuredUnit(unitKey.value));

export const streams = signal(measured.value?.streams ?? 1);
export const filesSpeed = signal<number | undefined>(measured.value?.filesSpeed);
export const assumptions = signal<Assumptions>(USUAL_ASSUMPTIONS);
export const usersWanted = signal<number | undefined>(undefined);

const unit = computed(() => ({ streams: streams.value, filesSpeed: filesSpeed.value }));
export const plan = computed(() => planCapacity(unit.value, assumptions.value));
export const unitsNeeded = computed(() =>
  usersWanted.value === undefined ? undefined : unitsForUsers(unit.value, assumptions.value, usersWanted.value),
);

/** Starts from a unit: its figures, and what is usual for it. The number of units stays. */
export function startFrom(key: string): void {
  unitKey.value = key;
  const known = measuredUnit(key);
  if (known === undefined) return;
  streams.value = known.streams;
  filesSpeed.value = known.filesSpeed;
  assumptions.value = { ...USUAL_ASSUMPTIONS, ...known.usual, units: assumptions.value.units };
}

/** A number that is out of bounds changes nothing; the field says so. */
export function assume(name: AssumptionName, value: number): void {
  if (isAssumable(name, value)) assumptions.value = { ...assumptions.value, [name]: value };
}

export function measureOwn(what: 'streams' | 'filesSpeed', value: number | undefined): void {
  unitKey.value = 'own';
  if (what === 'filesSpeed') filesSpeed.value = value;
  else if (value !== undefined) streams.value = value;
}
