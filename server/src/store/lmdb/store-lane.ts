// What is asked of the store's process, in batches: one is under way, the next gathers meanwhile.
import { StoreError } from '../store-error.js';

/** One batch, at the most. */
const BATCH = { asked: 1_000, bytes: 4 * 2 ** 20 } as const;
/** What may wait, with the batch under way. Beyond, it is refused at once: nobody waits in memory without end. */
export const WAITING_MAX = { asked: 20_000, bytes: 64 * 2 ** 20 } as const;

/** The process died while it had a batch; `message` says how. */
export class StoreDeath extends Error {
  override readonly name = 'StoreDeath';
}

export interface LaneOptions<Asked, Answer> {
  /**
   * Answers a batch, in its order. Rejects with StoreDeath, or with a StoreError, which is everybody's in the batch.
   *
   * @param id the same when a batch is sent again
   */
  readonly send: (asked: readonly Asked[], id: number) => Promise<readonly Answer[]>;
  /** Deaths of the process after which what it had is refused. */
  readonly deathsMax: number;
  /** Whether each of a batch that a process died of is sent alone from then on, so that only the one to blame fails. */
  readonly splits: boolean;
}

interface Waiting<Asked, Answer> {
  readonly asked: Asked;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

interface Batch<Asked, Answer> {
  readonly id: number;
  readonly waiting: readonly Waiting<Asked, Answer>[];
  readonly deaths: number;
}

export class StoreLane<Asked, Answer> {
  readonly #options: LaneOptions<Asked, Answer>;
  #waiting: Waiting<Asked, Answer>[] = [];
  /** To be sent again, before all else. */
  #again: Batch<Asked, Answer>[] = [];
  #count = 0;
  #bytes = 0;
  #lastId = 0;
  #running: Promise<void> | undefined;

  constructor(options: LaneOptions<Asked, Answer>) {
    this.#options = options;
  }

  /**
   * Rejects with StoreError.
   *
   * @param bytes about how large it is
   */
  ask(asked: Asked, bytes: number): Promise<Answer> {
    const isTooMuch = this.#count > 0 && this.#bytes + bytes > WAITING_MAX.bytes;
    if (isTooMuch || this.#count >= WAITING_MAX.asked) {
      return Promise.reject(
        new StoreError('store_unavailable', 'The store is too slow: too much waits for it already.'),
      );
    }
    this.#count++;
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked, bytes, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // What is asked in the same turn goes together.
    await Promise.resolve();
    for (;;) {
      const batch = this.#again.shift() ?? this.#gather();
      if (batch === undefined) break;
      await this.#send(batch);
    }
    this.#running = undefined;
  }

  #gather(): Batch<Asked, Answer> | undefined {
    let length = 0;
    let bytes = 0;
    for (const one of this.#waiting) {
      if (length === BATCH.asked || (length > 0 && bytes + one.bytes > BATCH.bytes)) break;
      length++;
      bytes += one.bytes;
    }
    if (length === 0) return undefined;
    return { id: ++this.#lastId, waiting: this.#waiting.splice(0, length), deaths: 0 };
  }

  async #send(batch: Batch<Asked, Answer>): Promise<void> {
    const { send } = this.#options;
    try {
      const answers = await send(
        batch.waiting.map(({ asked }) => asked),
        batch.id,
      );
      for (const [index, one] of batch.waiting.entries()) this.#leave(one).resolve(answers[index] as Answer);
    } catch (error) {
      if (error instanceof StoreDeath) this.#bury(batch, error);
      else for (const one of batch.waiting) this.#leave(one).reject(error as Error);
    }
  }

  #bury(batch: Batch<Asked, Answer>, death: StoreDeath): void {
    const { deathsMax, splits } = this.#options;
    const deaths = batch.deaths + 1;
    if (deaths >= deathsMax) {
      const times = deaths === 1 ? 'once' : `${deaths} times`;
      const message = `The store's process ended ${times} while it had this to do: ${death.message}`;
      const error = new StoreError('store_unavailable', message, { cause: death });
      for (const one of batch.waiting) this.#leave(one).reject(error);
    } else if (splits && batch.waiting.length > 1) {
      this.#again.push(...batch.waiting.map((one) => ({ id: ++this.#lastId, waiting: [one], deaths })));
    } else {
      this.#again.unshift({ ...batch, deaths });
    }
  }

  #leave(one: Waiting<Asked, Answer>): Waiting<Asked, Answer> {
    this.#count--;
    this.#bytes -= one.bytes;
    return one;
  }
}
