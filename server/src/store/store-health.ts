// Whether what is kept can be kept: the log hears of a change once, /ready tells the state.
import { messageOf } from '@sotto/protocol';
import type { Logger } from 'pino';

/**
 * - `off`: nothing is kept, by the operator's wish.
 * - `ok`: it works.
 * - `degraded`: it fails; live sessions go on, what they say may be lost to the transcripts.
 */
export type StoreState = 'off' | 'ok' | 'degraded';

export class StoreHealth {
  #reason: string | undefined;
  readonly #log: Pick<Logger, 'error' | 'info'>;
  readonly #isOff: boolean;

  constructor(log: Pick<Logger, 'error' | 'info'>, isOff = false) {
    this.#log = log;
    this.#isOff = isOff;
  }

  get state(): StoreState {
    if (this.#isOff) return 'off';
    return this.#reason === undefined ? 'ok' : 'degraded';
  }

  /** Why it is degraded, for people. */
  get reason(): string | undefined {
    return this.#reason;
  }

  failed(error: unknown): void {
    const reason = messageOf(error);
    if (this.#reason === undefined)
      this.#log.error({ err: error }, 'the store fails: transcripts may be lost, sessions go on');
    this.#reason = reason;
  }

  succeeded(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#log.info('the store works again');
  }
}
