// Whether what is kept can be kept: the log hears of a change once, /ready tells the state.
import { messageOf } from '@sotto/protocol';
import type { Logger } from 'pino';
import type { StoreProcessEvent } from './lmdb/hosted-store.js';

/**
 * - `off`: nothing is kept, by the operator's wish.
 * - `ok`: it works.
 * - `degraded`: it fails, or its process has died again and again; live sessions go on, what they say may be lost to
 *   the
 *   transcripts.
 */
export type StoreState = 'off' | 'ok' | 'degraded';

export class StoreHealth {
  #reason: string | undefined;
  /** Why it is not well although it may work at the moment. */
  #distrust: string | undefined;
  #deaths = 0;
  readonly #log: Pick<Logger, 'error' | 'warn' | 'info'>;
  readonly #isOff: boolean;

  constructor(log: Pick<Logger, 'error' | 'warn' | 'info'>, isOff = false) {
    this.#log = log;
    this.#isOff = isOff;
  }

  get state(): StoreState {
    if (this.#isOff) return 'off';
    return this.reason === undefined ? 'ok' : 'degraded';
  }

  /** Why it is degraded, for people. */
  get reason(): string | undefined {
    return this.#distrust ?? this.#reason;
  }

  /** Whether the last thing that was asked of it failed. */
  get isFailing(): boolean {
    return this.#reason !== undefined;
  }

  /** How often the process of the store died. */
  get deaths(): number {
    return this.#deaths;
  }

  failed(error: unknown): void {
    const reason = messageOf(error);
    if (this.#reason === undefined)
      this.#log.error({ err: error }, 'the store fails: transcripts may be lost, sessions continue');
    this.#reason = reason;
  }

  succeeded(): void {
    if (this.#reason === undefined) return;
    this.#reason = undefined;
    this.#log.info('the store works again');
  }

  /** What becomes of the store's process. */
  onProcess(event: StoreProcessEvent): void {
    switch (event.type) {
      case 'died':
        this.#deaths++;
        this.#log.warn({ reason: event.reason, restartInMs: event.restartInMs }, 'the process of the store died');
        return;
      case 'restarted':
        this.#log.info({ pid: event.pid }, 'the process of the store was started again');
        return;
      case 'distrusted':
        if (this.#distrust === undefined)
          this.#log.error({ reason: event.reason }, 'the store is not used: sessions go on, nothing is kept');
        this.#distrust = event.reason;
        return;
      case 'trusted':
        this.#distrust = undefined;
        this.#log.info('the store is trusted again');
    }
  }
}
