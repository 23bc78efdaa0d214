// A session whose latencies and errors are measured: the session itself never knows.
import type { ServerMessage } from '@sotto/protocol';
import type { GatewayMetrics } from '../metrics/gateway-metrics.js';
import { SessionMeter } from '../metrics/session-meter.js';
import { SessionDecorator } from '../session/session-decorator.js';
import type { SessionFactory, SessionSink } from '../session/session-port.js';
import type { Clock } from '../time/clock.js';

export class MeteredSession extends SessionDecorator {
  readonly #meter: SessionMeter;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(create: SessionFactory, sink: SessionSink, metrics: GatewayMetrics, clock: Pick<Clock, 'now'>) {
    super(create, sink);
    this.#meter = new SessionMeter(metrics);
    this.#clock = clock;
  }

  protected override send(message: ServerMessage): void {
    this.#meter.observe(message, this.#clock.now());
    super.send(message);
  }
}
