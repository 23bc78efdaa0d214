// Runs a property as one assertion of a test.
import * as fc from 'fast-check';
import type { Test } from 'tap';

/**
 * Fails with fast-check's report: the shrunk counterexample and the seed that brings it back. The property throws where
 * it does not hold.
 */
export function holds<Ts>(t: Test, property: fc.IProperty<Ts>, parameters: fc.Parameters<Ts> = {}): void {
  const report = fc.check(property, { numRuns: 300, ...parameters });
  if (!report.failed) t.pass(`holds in ${report.numRuns} runs`);
  else t.fail(fc.defaultReportMessage(report) ?? 'the property does not hold');
}
