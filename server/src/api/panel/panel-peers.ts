// The panel of the other processes on this port.
import type { Overview } from './overview.js';

/** What one of them asks another. */
export type PanelQuestion =
  | { readonly ask: 'overview'; readonly since: number }
  | { readonly ask: 'endSession'; readonly id: string };

export interface PanelPeers {
  /** Of those that answer in time. */
  overviews(since: number): Promise<readonly Overview[]>;
  /** Whether one of them had it. */
  endSession(id: string): Promise<boolean>;
}
