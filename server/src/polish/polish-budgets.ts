// How much text is polished in one piece, and how long that may take.

/** Characters of a session's text that are polished in one piece (rule PO4). */
export const SESSION_PART_CHARS = 50_000;

export interface PolishBudgets {
  /** Time for one segment, from its turn on, milliseconds. Beyond: `timeout`. */
  readonly segmentMs: number;
  /** Time for all that waits when the session stops, its whole text included, milliseconds. */
  readonly stopMs: number;
  /** The same when the server shuts down. */
  readonly drainMs: number;
}

export const POLISH_BUDGETS = { segmentMs: 8_000, stopMs: 20_000, drainMs: 5_000 } as const satisfies PolishBudgets;
