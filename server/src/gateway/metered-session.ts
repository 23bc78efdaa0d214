// A session whose latencies and errors are measured, and that an operator sees: the session itself never knows.
import type { CloseReason, ServerMessage } from '@sotto/protocol';
import type { GatewayMetrics } from '../metrics/gateway-metrics.js';
import { LiveSession, type LiveSessions } from '../metrics/live-sessions.js';
import { SessionMeter } from '../metrics/session-meter.js';
import type { SessionCheckpoint } from '../session/session-checkpoint.js';
import { SessionDecorator } from '../session/session-decorator.js';
import type { SessionFactory, SessionSink } from '../session/session-port.js';
import type { Clock } from '../time/clock.js';

export interface MeteredOptions {
  readonly metrics: GatewayMetrics;
  readonly clock: Pick<Clock, 'now'>;
  readonly live: LiveSessions;
  readonly keyId: string | undefined;
}

export class MeteredSession extends SessionDecorator {
  readonly #options: MeteredOptions;
  readonly #meter: SessionMeter;
  /** From `ready` to the end. */
  #live: LiveSession | undefined;

  constructor(create: SessionFactory, sink: SessionSink, options: MeteredOptions) {
    super(create, sink);
    this.#options = options;
    this.#meter = new SessionMeter(options.metrics);
  }

  override async restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    const isServed = await super.restore(checkpoint);
    if (isServed) this.#enter();
    return isServed;
  }

  override abandon(): void {
    this.#leave();
    super.abandon();
  }

  protected override send(message: ServerMessage): void {
    const { clock } = this.#options;
    const now = clock.now();
    this.#meter.observe(message, now);
    if (message.type === 'ready') this.#enter();
    this.#live?.observe(message, now);
    super.send(message);
  }

  protected override end(reason: CloseReason): void {
    this.#leave();
    super.end(reason);
  }

  #enter(): void {
    const { live, keyId } = this.#options;
    this.#live = new LiveSession(this.id, Date.now(), keyId, () => this.receive({ type: 'stop' }));
    live.add(this.#live);
  }

  #leave(): void {
    if (this.#live !== undefined) this.#options.live.remove(this.#live.id);
    this.#live = undefined;
  }
}
