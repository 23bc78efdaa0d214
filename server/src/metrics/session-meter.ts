// Measures what one client sees of recognition, by the messages that come and go.
import type { ClientMessage, ServerMessage } from '@sotto/protocol';
import type { GatewayMetrics } from './gateway-metrics.js';
import { WordLatency } from './word-latency.js';

/** An utterance without a final; times in milliseconds. */
interface Segment {
  readonly startedAt: number;
  heard: boolean;
  endedAt: number | undefined;
  readonly words: WordLatency;
}

export class SessionMeter {
  readonly #metrics: GatewayMetrics;
  readonly #open = new Map<number, Segment>();
  #samplesPerMs = 0;
  #isWordy = false;
  /**
   * When the stream's first sample was spoken, at the latest: no chunk can come before its last sample was spoken.
   * Milliseconds of a steady clock.
   */
  #beganAt = Infinity;

  constructor(metrics: GatewayMetrics) {
    this.#metrics = metrics;
  }

  /** Takes note of a message that the client sent now (milliseconds of any steady clock). */
  received(message: ClientMessage, samples: number, now: number): void {
    if (message.type === 'start') {
      this.#samplesPerMs = message.audio.sampleRate / 1_000;
      this.#isWordy = message.words === true;
    }
    if (message.type === 'configure' && message.words !== undefined) this.#isWordy = message.words;
    if (message.type === 'audio') this.#beganAt = Math.min(this.#beganAt, now - this.streamMs(samples));
  }

  /** The place of the stream that so many samples reach, milliseconds; 0 before `start`. */
  streamMs(samples: number): number {
    return this.#samplesPerMs === 0 ? 0 : samples / this.#samplesPerMs;
  }

  /** When a place of the stream (milliseconds) was spoken, by the same clock; Infinity before audio came. */
  spokenAt(streamMs: number): number {
    return this.#beganAt + streamMs;
  }

  /** Takes note of a message that the session sends now, by the same clock. */
  observe(message: ServerMessage, now: number): void {
    switch (message.type) {
      case 'speechStarted':
        this.#open.set(message.segmentId, {
          startedAt: now,
          heard: false,
          endedAt: undefined,
          words: new WordLatency(),
        });
        break;
      case 'partial': {
        const segment = this.#open.get(message.segmentId);
        if (segment === undefined) break;
        if (this.#isWordy) segment.words.partial(message, now);
        if (segment.heard || message.stable + message.tentative === '') break;
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
        const segment = this.#open.get(message.segmentId);
        if (segment?.endedAt !== undefined) this.#metrics.finalLatency.observe((now - segment.endedAt) / 1_000);
        for (const ms of segment?.words.final(message, now, (streamMs) => this.spokenAt(streamMs)) ?? []) {
          // Audio that comes faster than it is spoken is no live speech: it has no latency.
          if (ms >= 0 && Number.isFinite(ms)) this.#metrics.wordLatency.observe(ms / 1_000);
        }
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
