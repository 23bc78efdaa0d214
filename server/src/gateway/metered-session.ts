// A session whose latencies and errors are measured, and that an operator sees: the session itself never knows.
import type { ClientMessage, CloseReason, ServerMessage } from '@sotto/protocol';
import type { GatewayMetrics } from '../metrics/gateway-metrics.js';
import { LiveSession, type LiveSessions } from '../metrics/live-sessions.js';
import { SessionMeter } from '../metrics/session-meter.js';
import { SessionTotals } from '../metrics/session-totals.js';
import type { Principal } from '../access/principal.js';
import type { SessionCheckpoint } from '../session/session-checkpoint.js';
import type { Logger } from 'pino';
import { SessionDecorator } from '../session/session-decorator.js';
import type { SessionFactory, SessionSink } from '../session/session-port.js';
import type { Clock } from '../time/clock.js';
import type { Tracing } from '../tracing/open-tracing.js';
import type { SessionTrace } from '../tracing/session-trace.js';

export interface MeteredOptions {
  readonly metrics: GatewayMetrics;
  readonly clock: Pick<Clock, 'now'>;
  readonly live: LiveSessions;
  readonly principal: Pick<Principal, 'keyId' | 'keyName'>;
  readonly log: Pick<Logger, 'info'>;
  /** Undefined: nothing is traced. */
  readonly tracing: Tracing | undefined;
}

export class MeteredSession extends SessionDecorator {
  readonly #options: MeteredOptions;
  readonly #meter: SessionMeter;
  readonly #totals = new SessionTotals();
  /** From `ready` to the end. */
  #live: LiveSession | undefined;
  #trace: SessionTrace | undefined;
  /** Samples that had come elsewhere. */
  #restoredSamples = 0;

  constructor(create: SessionFactory, sink: SessionSink, options: MeteredOptions) {
    super(create, sink);
    this.#options = options;
    this.#meter = new SessionMeter(options.metrics);
  }

  override receive(message: ClientMessage): void {
    const now = this.#options.clock.now();
    this.#totals.received(message);
    super.receive(message);
    const samples = this.receivedSamples;
    this.#meter.received(message, samples, now);
    if (message.type === 'audio') this.#trace?.arrived(this.#meter.streamMs(samples), now);
  }

  override async restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    const isServed = await super.restore(checkpoint);
    if (isServed) {
      const { start, offset } = checkpoint;
      this.#totals.received(start);
      this.#meter.received(start, offset, this.#options.clock.now());
      this.#restoredSamples = offset;
      this.#enter();
    }
    return isServed;
  }

  override abandon(goesOn?: boolean): void {
    this.#leave('abandoned');
    super.abandon(goesOn);
  }

  protected override send(message: ServerMessage): void {
    const { clock } = this.#options;
    const now = clock.now();
    this.#meter.observe(message, now);
    if (message.type === 'ready') this.#enter();
    this.#live?.observe(message, now);
    this.#totals.sent(message);
    this.#trace?.observe(message, now, (streamMs) => this.#meter.spokenAt(streamMs));
    super.send(message);
  }

  protected override end(reason: CloseReason): void {
    this.#leave(reason.code);
    super.end(reason);
  }

  #enter(): void {
    const { live, principal, tracing } = this.#options;
    this.#live = new LiveSession(this.id, Date.now(), principal.keyId, () => this.receive({ type: 'stop' }));
    live.add(this.#live);
    this.#trace = tracing?.open(this.id);
  }

  /** @param close code of its end; `abandoned`: its client never came back, or goes on at another node */
  #leave(close: number | 'abandoned'): void {
    if (this.#live === undefined) return;
    const { live, log, principal, tracing, clock } = this.#options;
    live.remove(this.#live.id);
    this.#live = undefined;
    tracing?.leave(this.id, clock.now());
    this.#trace = undefined;
    const { keyId, keyName } = principal;
    log.info(
      {
        session: this.id,
        close,
        ...this.#totals.view(this.receivedSamples - this.#restoredSamples),
        ...(keyId === undefined ? {} : { keyId, keyName }),
      },
      'session ended',
    );
  }
}
