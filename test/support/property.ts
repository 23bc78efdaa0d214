// Runs a property as one assertion of a test.
import * as fc from 'fast-check';
import type { Test } from 'tap';
import { rounds } from './whole-run.js';

/** Half of UTF-16 is no character of its own: these code points are left out. */
const SURROGATES = { first: 0xd800, count: 0x800 };

/**
 * Any character. As fast-check's own `unit: 'binary'`, which makes a map of a million of them in each process that asks
 * for it: more than a second, and 90 MB that every collection of garbage looks through.
 */
const character = fc.integer({ min: 0, max: 0x10_ffff - SURROGATES.count }).map(
  (index) => String.fromCodePoint(index < SURROGATES.first ? index : index + SURROGATES.count),
  (text) => {
    const index = typeof text === 'string' && [...text].length === 1 ? (text.codePointAt(0) ?? 0) : -1;
    const isSurrogate = index >= SURROGATES.first && index < SURROGATES.first + SURROGATES.count;
    if (index < 0 || isSurrogate) throw new Error('not one character');
    return index < SURROGATES.first ? index : index - SURROGATES.count;
  },
);

/** Text of any characters, none of them half. */
export function anyText(constraints: fc.StringSharedConstraints = {}): fc.Arbitrary<string> {
  return fc.string({ ...constraints, unit: character });
}

/**
 * How often a property is run: an eighth of it in the quick run. A counterexample that was found goes into `examples`.
 */
export function propertyRuns(whole: number): number {
  return rounds(Math.ceil(whole / 8), whole);
}

/**
 * Fails with fast-check's report: the shrunk counterexample and the seed that brings it back. The property throws where
 * it does not hold.
 */
export function holds<Ts>(t: Test, property: fc.IProperty<Ts>, parameters: fc.Parameters<Ts> = {}): void {
  const report = fc.check(property, { ...parameters, numRuns: propertyRuns(parameters.numRuns ?? 300) });
  if (!report.failed) t.pass(`holds in ${report.numRuns} runs`);
  else t.fail(fc.defaultReportMessage(report) ?? 'the property does not hold');
}
