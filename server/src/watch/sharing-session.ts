// A session whose start may ask to be shared: the session itself never knows that it is watched.
import { CLOSE, errorMessage, type ClientMessage, type CloseReason, type ServerMessage } from '@sotto/protocol';
import type { SessionCheckpoint } from '../session/session-checkpoint.js';
import { SessionDecorator } from '../session/session-decorator.js';
import type { SessionFactory, SessionSink } from '../session/session-port.js';
import type { Share } from './share.js';
import type { Shares } from './shares.js';

export class SharingSession extends SessionDecorator {
  readonly #shares: Shares;
  /** What `start` asked for, until the session is ready. */
  #wantedRate: number | undefined;
  #share: Share | undefined;

  constructor(create: SessionFactory, sink: SessionSink, shares: Shares) {
    super(create, sink);
    this.#shares = shares;
  }

  override receive(message: ClientMessage): void {
    if (message.type === 'start' && message.share === true && this.#share === undefined) {
      if (!this.#shares.isEnabled) return this.#refuse();
      this.#wantedRate = message.audio.sampleRate;
    }
    super.receive(message);
  }

  /** Viewers of a session that goes on at another node go on with it. */
  override checkpoint(): SessionCheckpoint | undefined {
    const checkpoint = super.checkpoint();
    if (checkpoint === undefined || this.#share === undefined) return checkpoint;
    const { finals, polished, ...lines } = this.#share.lines;
    const isTold = ({ segmentId = -1 }: { segmentId?: number | undefined }): boolean =>
      segmentId < checkpoint.utterances.count;
    const share = { ...lines, finals: finals.filter(isTold), polished: polished.filter(isTold), partials: [] };
    return { ...checkpoint, share };
  }

  override async restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    const isServed = await super.restore(checkpoint);
    const { share, start } = checkpoint;
    if (isServed && share !== undefined && this.#shares.isEnabled) {
      this.#share = this.#shares.adopt(share, start.audio.sampleRate);
    }
    return isServed;
  }

  override abandon(goesOn = false): void {
    super.abandon(goesOn);
    if (goesOn && this.#share !== undefined) this.#shares.handOver(this.#share);
    else this.#endShare('lost');
  }

  protected override send(message: ServerMessage): void {
    if (message.type === 'ready' && this.#wantedRate !== undefined) {
      this.#share = this.#shares.open(this.#wantedRate);
      return this.sink.send({ ...message, shareId: this.#share.id, watchToken: this.#share.token });
    }
    this.sink.send(message);
    this.#share?.observe(message);
  }

  protected override end(reason: CloseReason): void {
    this.#endShare(reason === CLOSE.goingAway ? 'drain' : reason === CLOSE.done ? 'stop' : 'lost');
    this.sink.end(reason);
  }

  #endShare(reason: 'stop' | 'lost' | 'drain'): void {
    if (this.#share !== undefined) this.#shares.end(this.#share, reason);
  }

  #refuse(): void {
    const text = 'Sessions of this server cannot be shared.';
    this.sink.send(errorMessage('unsupported_option', text, { fatal: true }));
    this.session.abandon();
    this.sink.end(CLOSE.protocolError);
  }
}
