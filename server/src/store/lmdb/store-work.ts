// What the server and the store's process say to each other: many small things at a time.
import type { StoreCommit, StoreEntry, StoreMap, StoreRange } from '../key-value-store.js';
import type { StoreErrorCode } from '../store-error.js';

export type StoreRead =
  | { readonly type: 'values'; readonly map: StoreMap; readonly keys: readonly string[] }
  | { readonly type: 'entries' | 'keys'; readonly map: StoreMap; readonly range: StoreRange };

/** `receipt`: of the commits, so that they can be asked for again; undefined: they are not. */
export type StoreRequest =
  | { readonly type: 'read'; readonly asked: readonly StoreRead[] }
  | { readonly type: 'commit'; readonly receipt: string | undefined; readonly asked: readonly StoreCommit[] };

/** In the order of what was asked: of a commit whether it happened, of a read what is there. */
export type StoreAnswer = boolean | readonly (Uint8Array | undefined)[] | readonly StoreEntry[] | readonly string[];

export interface StoreWork {
  readonly load: { readonly folder: string };
  readonly facts: undefined;
  readonly request: StoreRequest;
  readonly answer: readonly StoreAnswer[];
  readonly part: never;
  readonly told: never;
  readonly tells: never;
  /** `failed`: a mistake of ours. */
  readonly code: StoreErrorCode | 'failed';
}
