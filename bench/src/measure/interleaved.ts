// Repeats several cases in turn within one process, so that drift of the machine falls on all alike.

/**
 * Runs each case once unmeasured, then `rounds` times in turn, the order reversed in every other round.
 * @returns for each case its times, milliseconds, in the order of the rounds
 */
export async function timeInterleaved(cases: readonly { run(): Promise<void> }[], rounds: number): Promise<number[][]> {
  const times: number[][] = cases.map(() => []);
  for (const one of cases) await one.run();
  for (let round = 0; round < rounds; round++) {
    const order = cases.map((_, index) => (round % 2 === 0 ? index : cases.length - 1 - index));
    for (const index of order) {
      const startedAt = performance.now();
      await cases[index]?.run();
      times[index]?.push(performance.now() - startedAt);
    }
  }
  return times;
}
