// What the server and a child process say to each other. Both ends are this code at one version: nothing is validated.

/** The words of one kind of child; plain data all of them, as structured clone carries it. */
export interface Work {
  /** What it loads, once, before anything else. */
  readonly load: unknown;
  /** What it says of that. */
  readonly facts: unknown;
  readonly request: unknown;
  readonly answer: unknown;
  /** A piece of an answer that comes before it; `never` where there are none. */
  readonly part: unknown;
  /** What it is told that wants no answer; `never` where it is told nothing. */
  readonly told: unknown;
  /** What it tells by itself; `never` where it has nothing to tell. */
  readonly tells: unknown;
  /** Codes of the errors by which a request may fail. */
  readonly code: string;
}

/**
 * From the server. `load` comes first and once; `close` ends the process, after running work where the child does so.
 */
export type ToChild<W extends Work> =
  | { readonly type: 'load'; readonly load: W['load'] }
  | { readonly type: 'run'; readonly id: number; readonly request: W['request'] }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'told'; readonly told: W['told'] }
  | { readonly type: 'close' };

/** From the child. `alive` comes every {@link HEARTBEAT_MS} as long as its event loop turns. */
export type FromChild<W extends Work> =
  | { readonly type: 'loaded'; readonly facts: W['facts'] }
  | { readonly type: 'loadFailed'; readonly message: string }
  | { readonly type: 'part'; readonly id: number; readonly part: W['part'] }
  | { readonly type: 'tells'; readonly tells: W['tells'] }
  | { readonly type: 'done'; readonly id: number; readonly answer: W['answer'] }
  | { readonly type: 'failed'; readonly id: number; readonly code: W['code']; readonly message: string }
  | { readonly type: 'alive' };

export const HEARTBEAT_MS = 1_000;

/** The first descriptor that a child inherits: after the standard streams and the channel. */
export const INHERITED_FILE = 4;
