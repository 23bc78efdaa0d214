// Whether anybody is at the other end: WebSocket pings, and what their answers say.
import type { GatewayLimits } from '../limits.js';

/**
 * `ping`: one is due now. `gone`: nothing is heard at all. `deaf`: it sends, but answers no ping, so it does not read.
 */
export type Pulse = 'fine' | 'ping' | 'gone' | 'deaf';

export class Heartbeat {
  readonly #limits: Pick<GatewayLimits, 'pingIntervalMs' | 'missedPingsMax'>;
  #pingedAt: number;
  /** Pings sent since the last pong, and since anything was heard. */
  #unanswered = 0;
  #inSilence = 0;

  constructor(limits: Pick<GatewayLimits, 'pingIntervalMs' | 'missedPingsMax'>, now: number) {
    this.#limits = limits;
    this.#pingedAt = now;
  }

  /** A message came. */
  heard(): void {
    this.#inSilence = 0;
  }

  /** A pong came, or nothing could be heard until now. */
  answered(): void {
    this.#unanswered = 0;
    this.#inSilence = 0;
  }

  /** Looks at the time; after `ping` the caller sends one. */
  check(now: number): Pulse {
    const { pingIntervalMs, missedPingsMax } = this.#limits;
    if (now - this.#pingedAt < pingIntervalMs) return 'fine';
    if (this.#inSilence >= missedPingsMax) return 'gone';
    if (this.#unanswered >= missedPingsMax * 2) return 'deaf';
    this.#pingedAt = now;
    this.#unanswered++;
    this.#inSilence++;
    return 'ping';
  }
}
