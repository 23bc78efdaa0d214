// Repeats several cases in turn within one process, so that drift of the machine falls on all alike.

export interface RunTimes {
  /** Milliseconds, in the order of the rounds. */
  readonly wallMs: readonly number[];
  /**
   * CPU time of this process's threads together, milliseconds: what other programs on the machine do hardly changes it.
   */
  readonly cpuMs: readonly number[];
  /** Time in which this thread's event loop was busy, milliseconds. */
  readonly loopMs: readonly number[];
}

/** Runs each case once unmeasured, then `rounds` times in turn, the order reversed in every other round. */
export async function timeInterleaved(cases: readonly { run(): Promise<void> }[], rounds: number): Promise<RunTimes[]> {
  const times = cases.map(() => ({ wallMs: [] as number[], cpuMs: [] as number[], loopMs: [] as number[] }));
  for (const one of cases) await one.run();
  for (let round = 0; round < rounds; round++) {
    const order = cases.map((_, index) => (round % 2 === 0 ? index : cases.length - 1 - index));
    for (const index of order) {
      const startedAt = performance.now();
      const cpuBefore = process.cpuUsage();
      const loopBefore = performance.eventLoopUtilization();
      await cases[index]?.run();
      const { user, system } = process.cpuUsage(cpuBefore);
      times[index]?.loopMs.push(performance.eventLoopUtilization(loopBefore).active);
      times[index]?.wallMs.push(performance.now() - startedAt);
      times[index]?.cpuMs.push((user + system) / 1_000);
    }
  }
  return times;
}
