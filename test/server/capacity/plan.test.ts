// The arithmetic of capacity and cost.
import * as fc from 'fast-check';
import t from 'tap';
import { ASSUMPTION_NAMES, ASSUMPTIONS, USUAL_ASSUMPTIONS } from '../../../server/src/capacity/assumptions.js';
import { MEASURED_UNITS, unitLike } from '../../../server/src/capacity/measured.js';
import { offeredLoad, planCapacity, refused, unitsForUsers } from '../../../server/src/capacity/plan.js';
import { propertyRuns } from '../../support/property.js';

const unit = { streams: 400, filesSpeed: 1_239 };

t.test("Erlang's table: the share refused by places and load", async (t) => {
  // Published tables: 10 places carry 4.461 at 1 %, 20 carry 12.03, 100 carry 84.06.
  for (const [places, load] of [
    [10, 4.461],
    [20, 12.03],
    [100, 84.06],
  ] as const) {
    t.ok(Math.abs(refused(places, load) - 0.01) < 0.0001, `${places} places`);
    t.ok(Math.abs(offeredLoad(places, 0.01) / load - 1) < 0.001, `${places} places, the other way`);
  }
  t.equal(offeredLoad(0, 0.01), 0);
});

t.test('a plan by hand', async (t) => {
  const plan = planCapacity(unit, {
    ...USUAL_ASSUMPTIONS,
    units: 10,
    headroom: 1,
    busyHourShare: 0.1,
    usesPerDay: 20,
    minutesPerUse: 0.5,
    unitPrice: 36_000,
    years: 3,
    watts: 1_000,
    powerUsageEffectiveness: 1,
    kilowattHourPrice: 0.1,
    rentPerHour: 2,
    apiPricePerMinute: 0.006,
  });
  t.match(plan, { nodes: 2, streams: 4_000, plannedStreams: 4_000, recordingsPerHour: 247_800 });
  t.equal(plan.powerPerMonth, 730);
  t.equal(plan.ownPerMonth, 10_730);
  t.equal(plan.rentPerMonth, 14_600);
  t.ok(Math.abs(plan.ownBreakEvenMinutesPerDay * 0.006 * (730 / 24) - 10_730) < 0.001);
  // Each user is heard 10 minutes a day, one of them in the busiest hour: 1 / 60 of a stream.
  t.equal(plan.usersPerDay, Math.floor(plan.busyHourStreams * 60));
});

t.test('what was not measured stays unknown', async (t) => {
  const { recordingsPerHour, recordingsPerDay } = planCapacity({ streams: 1 }, USUAL_ASSUMPTIONS);
  t.strictSame([recordingsPerHour, recordingsPerDay], [undefined, undefined]);
});

t.test('property: the units that users need carry them, and one unit less does not', async (t) => {
  const streams = fc.integer({ min: 1, max: 2_000 });
  const users = fc.integer({ min: 1, max: 200_000 });
  fc.assert(
    fc.property(streams, users, fc.double({ min: 0.05, max: 1, noNaN: true }), (streams, users, busyHourShare) => {
      const assumptions = { ...USUAL_ASSUMPTIONS, busyHourShare };
      const units = unitsForUsers({ streams }, assumptions, users) ?? 0;
      const carried = (units: number) => planCapacity({ streams }, { ...assumptions, units }).usersPerDay;
      return carried(units) >= users && (units === 1 || carried(units - 1) < users);
    }),
    { numRuns: propertyRuns(30) },
  );
  t.pass();
});

t.test('usual values are within their bounds, and every unit says how it was measured', async (t) => {
  for (const name of ASSUMPTION_NAMES) {
    const { usual, min, max } = ASSUMPTIONS[name];
    t.ok(usual >= min && usual <= max, name);
  }
  t.equal(USUAL_ASSUMPTIONS.apiPricePerMinute, 0.006, 'what OpenAI asks for whisper-1');
  for (const { key, how } of MEASURED_UNITS) t.ok(how.en.length > 20 && how.zh.length > 5, key);
  t.match(unitLike('NVIDIA H200'), { device: 'H200', form: 'adapted' });
  t.match(unitLike('NVIDIA H100 80GB HBM3'), { device: 'H100 80GB' });
  t.equal(unitLike('NVIDIA GeForce RTX 4090'), undefined);
});
