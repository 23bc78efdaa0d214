// Runs a property as one assertion of a test.
import * as fc from 'fast-check';
import type { Test } from 'tap';
import { rounds } from './whole-run.js';

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
