// Which number of connections to try next.

/** What is known of a number of connections. */
export interface Tried {
  readonly connections: number;
  readonly holds: boolean;
}

export interface SearchBounds {
  readonly from: number;
  readonly to: number;
  /** Share of the answer by which it may be off. */
  readonly precision: number;
}

/** The highest number that held below all that did not; 0 when none did. */
export function capacityOf(tried: readonly Tried[]): number {
  const failed = Math.min(...tried.filter(({ holds }) => !holds).map(({ connections }) => connections));
  const held = tried.filter(({ connections, holds }) => holds && connections < failed);
  return Math.max(0, ...held.map(({ connections }) => connections));
}

/** Doubles until the limits break, then halves the distance; undefined when the answer is near enough. */
export function nextConnections(tried: readonly Tried[], { from, to, precision }: SearchBounds): number | undefined {
  const held = capacityOf(tried);
  const failed = Math.min(...tried.filter(({ holds }) => !holds).map(({ connections }) => connections));
  if (tried.length === 0) return Math.min(from, to);
  if (failed === Infinity) return held >= to ? undefined : Math.min(to, held * 2);
  const middle = Math.floor((held + failed) / 2);
  return failed - held <= Math.max(1, precision * held) || middle <= held ? undefined : middle;
}
