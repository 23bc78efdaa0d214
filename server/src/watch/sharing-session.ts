// A session whose start may ask to be shared: the session itself never knows that it is watched.
import { CLOSE, errorMessage, type ClientMessage, type CloseReason, type ServerMessage } from '@sotto/protocol';
import type { SessionFactory, SessionPort, SessionSink } from '../session/session-port.js';
import type { Share } from './share.js';
import type { Shares } from './shares.js';

export class SharingSession implements SessionPort {
  readonly #session: SessionPort;
  readonly #sink: SessionSink;
  readonly #shares: Shares;
  /** What `start` asked for, until the session is ready. */
  #wantedRate: number | undefined;
  #share: Share | undefined;

  constructor(create: SessionFactory, sink: SessionSink, shares: Shares) {
    this.#sink = sink;
    this.#shares = shares;
    this.#session = create({ send: (message) => this.#send(message), end: (reason) => this.#end(reason) });
  }

  get id(): string {
    return this.#session.id;
  }

  get receivedSamples(): number {
    return this.#session.receivedSamples;
  }

  get backlogMs(): number {
    return this.#session.backlogMs;
  }

  receive(message: ClientMessage): void {
    if (message.type === 'start' && message.share === true && this.#share === undefined) {
      if (!this.#shares.isEnabled) return this.#refuse();
      this.#wantedRate = message.audio.sampleRate;
    }
    this.#session.receive(message);
  }

  onceDrained(callback: () => void): void {
    this.#session.onceDrained(callback);
  }

  drain(): Promise<void> {
    return this.#session.drain();
  }

  abandon(): void {
    this.#session.abandon();
    this.#endShare('lost');
  }

  #send(message: ServerMessage): void {
    if (message.type === 'ready' && this.#wantedRate !== undefined) {
      this.#share = this.#shares.open(this.#wantedRate);
      return this.#sink.send({ ...message, shareId: this.#share.id, watchToken: this.#share.token });
    }
    this.#sink.send(message);
    this.#share?.observe(message);
  }

  #end(reason: CloseReason): void {
    this.#endShare(reason === CLOSE.goingAway ? 'drain' : reason === CLOSE.done ? 'stop' : 'lost');
    this.#sink.end(reason);
  }

  #endShare(reason: 'stop' | 'lost' | 'drain'): void {
    if (this.#share !== undefined) this.#shares.end(this.#share, reason);
  }

  #refuse(): void {
    const text = 'Sessions of this server cannot be shared.';
    this.#sink.send(errorMessage('unsupported_option', text, { fatal: true }));
    this.#session.abandon();
    this.#sink.end(CLOSE.protocolError);
  }
}
