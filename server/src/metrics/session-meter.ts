// Measures what one client sees of recognition, by the messages that its session sends.
import type { ServerMessage } from '@sotto/protocol';
import type { GatewayMetrics } from './gateway-metrics.js';

export class SessionMeter {
  readonly #metrics: GatewayMetrics;
  /** When the events of segments without a final were sent, milliseconds. */
  readonly #open = new Map<number, { readonly startedAt: number; heard: boolean; endedAt: number | undefined }>();

  constructor(metrics: GatewayMetrics) {
    this.#metrics = metrics;
  }

  /** Takes note of a message that the session sends now (milliseconds of any steady clock). */
  observe(message: ServerMessage, now: number): void {
    switch (message.type) {
      case 'speechStarted':
        this.#open.set(message.segmentId, { startedAt: now, heard: false, endedAt: undefined });
        break;
      case 'partial': {
        const segment = this.#open.get(message.segmentId);
        if (segment === undefined || segment.heard || message.stable + message.tentative === '') break;
        segment.heard = true;
        this.#metrics.firstPartialLatency.observe((now - segment.startedAt) / 1_000);
        break;
      }
      case 'speechEnded': {
        const segment = this.#open.get(message.segmentId);
        if (segment !== undefined) segment.endedAt = now;
        break;
      }
      case 'final': {
        const endedAt = this.#open.get(message.segmentId)?.endedAt;
        if (endedAt !== undefined) this.#metrics.finalLatency.observe((now - endedAt) / 1_000);
        this.#open.delete(message.segmentId);
        break;
      }
      case 'ack':
        this.#metrics.lag.observe(message.lagMs / 1_000);
        break;
      case 'error':
        this.#metrics.errors.add(1, message.code);
        if (message.segmentId !== undefined) this.#open.delete(message.segmentId);
        break;
      default:
        break;
    }
  }
}
