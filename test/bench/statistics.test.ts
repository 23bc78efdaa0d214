// Percentiles and the other folds of measured values.
import * as fc from 'fast-check';
import t from 'tap';
import { distribution, median, percentile } from '../../bench/src/measure/statistics.js';

t.test('percentile: nearest rank takes the smallest value that covers the share', async (t) => {
  const twenty = Array.from({ length: 20 }, (_, index) => index + 1);
  t.equal(percentile(twenty, 0.5), 10);
  t.equal(percentile(twenty, 0.95), 19, 'no rounding error lifts 0.95 * 20 to rank 20');
  t.equal(percentile(twenty, 0.99), 20);
  t.equal(percentile(twenty, 0), 1);
  t.equal(percentile(twenty, 1), 20);
  t.equal(percentile([7], 0.95), 7);
});

t.test('percentile: an empty list and a share beyond 1 are refused', async (t) => {
  t.throws(() => percentile([], 0.5), RangeError);
  t.throws(() => percentile([1], 1.1), RangeError);
});

t.test('distribution: folds values in any order and leaves them as they were', async (t) => {
  const values = [5, 1, 9, 3, 2];
  t.strictSame(distribution(values), { count: 5, min: 1, mean: 4, p50: 3, p95: 9, p99: 9, max: 9 });
  t.strictSame(values, [5, 1, 9, 3, 2]);
  t.equal(distribution([]).count, 0);
  t.throws(() => distribution([1, Number.NaN]), RangeError);
  t.equal(median([10, 2, 9]), 9, 'numbers are not sorted as text');
});

t.test('percentile: is one of the values, and at least the wanted share lies at or below it', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const sorted = [...values].sort((a, b) => a - b);
        const value = percentile(sorted, share);
        const covered = sorted.filter((other) => other <= value).length;
        return sorted.includes(value) && covered >= share * sorted.length - 1e-6;
      },
    ),
  );
});
