// Which nodes share a store: each says every few seconds that it is there, and what it has to do.
import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../time/clock.js';
import { withPrefix, type KeyValueStore } from './key-value-store.js';
import type { StoreHealth } from './store-health.js';

/** How often a node says that it is there, milliseconds. */
const EVERY_MS = 10_000;
/** A node that has said nothing for so long is gone. */
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
  /** Milliseconds since 1970, by its own clock. */
  readonly at: number;
}

export interface NodeRollOptions {
  readonly store: KeyValueStore;
  readonly health: Pick<StoreHealth, 'failed'>;
  readonly facts: () => NodeFacts;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Default: the system's. */
  readonly clock?: Pick<Clock, 'every'>;
}

export class NodeRoll {
  readonly #options: NodeRollOptions;
  readonly #key = `${PREFIX}${randomUUID()}`;
  readonly #stop: () => void;
  #nodes: readonly KnownNode[] = [];
  #working: Promise<void>;

  constructor(options: NodeRollOptions) {
    this.#options = options;
    this.#working = this.#call();
    this.#stop = (options.clock ?? systemClock).every(EVERY_MS, () => {
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
      const found = (await store.entries('meta', withPrefix(PREFIX, NODES_MAX))).map(({ key, value: said }) => ({
        key,
        node: {
          ...(JSON.parse(Buffer.from(said).toString()) as NodeFacts & { at: number }),
          id: key.slice(PREFIX.length),
        },
      }));
      const isGone = ({ node }: (typeof found)[number]): boolean => wallNow() - node.at > GONE_MS;
      this.#nodes = found
        .filter((one) => !isGone(one))
        .map(({ node }) => node)
        .toSorted((a, b) => a.name.localeCompare(b.name));
      const gone = found.filter(isGone).map(({ key }) => ({ map: 'meta', key, value: undefined }) as const);
      if (gone.length > 0) await store.commit(gone);
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
