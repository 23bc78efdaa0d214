// How many more streams a server carries, judged by what those that it has take.

/** Share of the engines' time that streams may take before partials are stretched (load-meter.ts). */
const BUSY_MAX = 0.75;

export interface Load {
  readonly sessions: number;
  readonly connections: number;
  readonly connectionsMax: number;
  readonly engines: number;
  /** Engines' time in runs, in a second of the clock: up to their number. Undefined: not measured yet. */
  readonly busy: number | undefined;
}

export interface RoomLeft {
  readonly streams: number;
  /** What runs out first. `sockets` also where nobody speaks: what a stream takes is not known then. */
  readonly by: 'engines' | 'sockets';
}

/**
 * An estimate: each further stream takes as much as each that there is. Runs become fuller, and cheaper a window, as
 * streams are added, so it is on the careful side.
 */
export function roomLeft({ sessions, connections, connectionsMax, engines, busy = 0 }: Load): RoomLeft {
  const sockets = Math.max(0, connectionsMax - connections);
  const share = busy / Math.max(1, engines);
  if (sessions === 0 || share === 0) return { streams: sockets, by: 'sockets' };
  const carried = Math.max(0, Math.floor(sessions * (BUSY_MAX / share - 1)));
  return carried < sockets ? { streams: carried, by: 'engines' } : { streams: sockets, by: 'sockets' };
}
