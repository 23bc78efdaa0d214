// A session that does what a test tells it: enough of the protocol to exercise the gateway around it.
import { CLOSE, PROTOCOL_VERSION, type ClientMessage } from '@sotto/protocol';
import type { SessionPort, SessionSink } from '../../server/src/session/session-port.js';

export class ScriptedSession implements SessionPort {
  readonly received: ClientMessage[] = [];
  backlogMs = 0;
  receivedSamples = 0;
  /** Added to the backlog by every audio message, milliseconds. */
  msPerChunk = 0;
  abandoned = 0;
  drains = 0;
  /** What `receive` and `drain` do beside the usual. */
  onReceive: ((message: ClientMessage) => void) | undefined;
  onDrain: (() => Promise<void>) | undefined;
  #whenDrained: (() => void) | undefined;
  readonly id: string;
  readonly sink: SessionSink;

  constructor(id: string, sink: SessionSink) {
    this.id = id;
    this.sink = sink;
  }

  receive(message: ClientMessage): void {
    this.received.push(message);
    switch (message.type) {
      case 'start':
        this.sink.send({
          type: 'ready',
          version: PROTOCOL_VERSION,
          sessionId: this.id,
          model: 'scripted',
          languages: ['en'],
          limits: { messageBytesMax: 1_000, bufferedAudioMsMax: 1_000 },
        });
        break;
      case 'audio':
        this.backlogMs += this.msPerChunk;
        this.receivedSamples = message.offset + message.data.byteLength / 2;
        break;
      case 'ping':
        this.sink.send({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
        break;
      case 'mark':
        this.sink.send({ type: 'mark', id: message.id, offset: 0 });
        break;
      case 'stop':
        this.stopped('stop');
        this.sink.end(CLOSE.done);
        break;
      default:
        break;
    }
    this.onReceive?.(message);
  }

  onceDrained(callback: () => void): void {
    this.#whenDrained = callback;
  }

  /** The backlog is worked off. */
  catchUp(): void {
    this.backlogMs = 0;
    const callback = this.#whenDrained;
    this.#whenDrained = undefined;
    callback?.();
  }

  async drain(): Promise<void> {
    this.drains++;
    await this.onDrain?.();
    this.stopped('drain');
    this.sink.end(CLOSE.goingAway);
  }

  abandon(): void {
    this.abandoned++;
  }

  stopped(reason: 'stop' | 'drain'): void {
    this.sink.send({ type: 'stopped', reason, audioMs: 0, speechMs: 0, segments: 0, words: 0 });
  }

  partial(segmentId: number, revision: number, tentative: string): void {
    this.sink.send({ type: 'partial', segmentId, revision, stable: '', tentative, startMs: 0, endMs: 0, lagMs: 0 });
  }

  final(segmentId: number, text: string): void {
    this.sink.send({
      type: 'final',
      segmentId,
      reason: 'endpoint',
      text,
      startMs: 0,
      endMs: 0,
      language: 'en',
      avgLogprob: 0,
      noSpeechProb: 0,
    });
  }
}
