// Puts this node on the roll of those that share a store.
import { hostname } from 'node:os';
import { NodeRoll, type NodeFacts } from '../store/node-roll.js';
import type { StoreHandle } from '../store/open-store.js';
import type { StoreHealth } from '../store/store-health.js';
import type { SharedServer } from './shared-server.js';

/** Of several processes behind one port each is a node. */
export function nodeName(port: number, shared: Pick<SharedServer, 'number'> | undefined): string {
  return `${hostname()}:${port}${shared === undefined ? '' : `#${shared.number}`}`;
}

export function openRoll({ data: store }: StoreHandle, health: StoreHealth, facts: () => NodeFacts): NodeRoll {
  return new NodeRoll({ store, health, wallNow: Date.now, facts });
}
