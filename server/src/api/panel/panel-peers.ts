// The panel of the other processes on this port.
import type { Overview } from './overview.js';

export interface PanelPeers {
  /** Of those that answer in time. */
  overviews(since: number): Promise<readonly Overview[]>;
  /** Whether one of them had it. */
  endSession(id: string): Promise<boolean>;
}
