// Which nodes share a store: each says every few seconds that it is there, and what it has to do.
import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../time/clock.js';
import { withPrefix, type KeyValueStore } from './key-value-store.js';
import type { StoreHealth } from './store-health.js';

/** How often a node says that it is there, milliseconds. */
const EVERY_MS = 10_000;
/** A node that has said nothing new for so long is gone; clocks of nodes need not agree. */
const GONE_MS = 35_000;
const NODES_MAX = 1_000;
const PREFIX = 'node:';

/** What a node says of itself. */
export interface NodeFacts {
  /** For people: the host's name and the port. */
  readonly name: string;
  readonly status: string;
  readonly model: string;
  readonly streams: number;
}

export interface KnownNode extends NodeFacts {
  readonly id: string;
  /** When it said something last, milliseconds since 1970 by the clock of whoever looks. */
  readonly at: number;
}

export interface NodeRollOptions {
  readonly store: KeyValueStore;
  readonly health: Pick<StoreHealth, 'failed'>;
  readonly facts: () => NodeFacts;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'every' | 'now'>;
}

export class NodeRoll {
  readonly #options: NodeRollOptions;
  readonly #key = `${PREFIX}${randomUUID()}`;
  readonly #stop: () => void;
  readonly #clock: Pick<Clock, 'every' | 'now'>;
  /** What each node said last, and since when that has been so. */
  #said = new Map<string, { readonly at: number; readonly since: number }>();
  #nodes: readonly KnownNode[] = [];
  #working: Promise<void>;

  constructor(options: NodeRollOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#working = this.#call();
    this.#stop = this.#clock.every(EVERY_MS, () => {
      this.#working = this.#working.then(() => this.#call());
    });
  }

  /** Those that are there, this one included, by name; as of the last time that it looked. */
  get nodes(): readonly KnownNode[] {
    return this.#nodes;
  }

  /** Takes itself off the roll. */
  async close(): Promise<void> {
    this.#stop();
    await this.#working;
    await this.#try(() => this.#options.store.commit([{ map: 'meta', key: this.#key, value: undefined }]));
  }

  /** Says that it is there, and looks who else is. */
  async #call(): Promise<void> {
    const { store, facts, wallNow } = this.#options;
    await this.#try(async () => {
      const value = Buffer.from(JSON.stringify({ ...facts(), at: wallNow() }));
      await store.commit([{ map: 'meta', key: this.#key, value }]);
      const found = await store.entries('meta', withPrefix(PREFIX, NODES_MAX));
      const nodes = found.flatMap(({ key, value: said }) => nodeIn(key.slice(PREFIX.length), said) ?? []);
      const now = this.#clock.now();
      this.#said = new Map(
        nodes.map(({ id, at }) => {
          const before = this.#said.get(id);
          return [id, before?.at === at ? before : { at, since: now }];
        }),
      );
      const silentMs = ({ id }: KnownNode): number => now - (this.#said.get(id)?.since ?? now);
      this.#nodes = nodes
        .filter((node) => silentMs(node) <= GONE_MS)
        .map((node) => ({ ...node, at: wallNow() - silentMs(node) }))
        .toSorted((a, b) => a.name.localeCompare(b.name));
      // What cannot be read goes too: it is no node's.
      const there = new Set(this.#nodes.map(({ id }) => PREFIX + id));
      const gone = found.filter(({ key }) => !there.has(key));
      if (gone.length > 0) await store.commit(gone.map(({ key }) => ({ map: 'meta', key, value: undefined })));
    });
  }

  async #try(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.health.failed(error);
    }
  }
}

function nodeIn(id: string, said: Uint8Array): KnownNode | undefined {
  try {
    const { name, status, model, streams, at } = JSON.parse(Buffer.from(said).toString()) as Partial<KnownNode>;
    if (typeof name !== 'string' || typeof at !== 'number') return undefined;
    return { id, name, status: status ?? '', model: model ?? '', streams: streams ?? 0, at };
  } catch {
    return undefined;
  }
}
