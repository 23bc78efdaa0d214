// One shared session: keeps its current lines for viewers who come late, and publishes each event once for all who
// watch.
import { randomBytes } from 'node:crypto';
import {
  CLOSE,
  createServerCodec,
  PROTOCOL_VERSION,
  SUBPROTOCOLS,
  type CloseReason,
  type EndedMessage,
  type FinalMessage,
  type Frame,
  type PartialMessage,
  type PolishedMessage,
  type ServerCodec,
  type ServerMessage,
  type Subprotocol,
  type WatchingMessage,
} from '@sotto/protocol';
import { LiveCaptions } from '../captions/live-captions.js';
import type { SharedLines } from '../session/session-checkpoint.js';

/** Finals that a viewer gets at once: what a screen of captions may still show. */
export const WATCHED_FINALS_MAX = 10;
/** Bytes of a watch token: 192 bits cannot be guessed. */
const TOKEN_BYTES = 24;

/** One who watches. */
export interface ShareViewer {
  readonly subprotocol: Subprotocol;
  /** An event for a viewer that does not hear the topic (see {@link Share.serveAlone}). */
  deliver(message: ServerMessage): void;
  /** The session is over: `message` is the last one. */
  ended(message: EndedMessage, reason: CloseReason): void;
  /** This node shuts down, the session goes on: it is watched at another one. */
  moved(): void;
}

export interface ShareOptions {
  /** Sends one frame to every viewer that hears the topic. */
  readonly publish: (topic: string, frame: Frame) => void;
  /** Viewers at a time; more are refused. */
  readonly viewersMax: number;
  /** Samples per second of the audio that the speaker sends. */
  readonly sampleRate: number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** The lines of a session that began at another node. */
  readonly lines?: SharedLines;
  /** Hears of what viewers see, and of acks. */
  readonly onEvent?: (message: ServerMessage) => void;
}

export class Share {
  /** Public: it names the session to people and logs. */
  readonly id: string;
  /** Secret: who has it may watch. */
  readonly token: string;
  readonly captions: LiveCaptions;
  readonly #options: ShareOptions;
  readonly #codecs: readonly ServerCodec[] = SUBPROTOCOLS.map((subprotocol) => createServerCodec(subprotocol));
  readonly #viewers = new Set<ShareViewer>();
  readonly #alone = new Set<ShareViewer>();
  readonly #finals: FinalMessage[] = [];
  readonly #partials = new Map<number, PartialMessage>();
  /** What there is of `#finals` in polished text, by segment. */
  readonly #polished = new Map<number, PolishedMessage>();
  /** Viewers by subprotocol: nothing is encoded for nobody. */
  readonly #listeners: Record<Subprotocol, number> = { 'sotto.v1.msgpack': 0, 'sotto.v1.json': 0 };
  /** The last utterance that captions have: one that is told again stands as it was. */
  #captioned = -1;
  #hasEnded = false;

  constructor(options: ShareOptions) {
    this.#options = options;
    this.id = options.lines?.id ?? `w_${randomBytes(6).toString('base64url')}`;
    this.token = options.lines?.token ?? randomBytes(TOKEN_BYTES).toString('base64url');
    this.captions = new LiveCaptions({ wallNow: options.wallNow });
    if (options.lines !== undefined) this.#restore(options.lines);
  }

  get sampleRate(): number {
    return this.#options.sampleRate;
  }

  /** What another node needs to show the same. */
  get lines(): SharedLines {
    const { id, token } = this;
    const [finals, partials, polished] = [this.#finals, this.#partials.values(), this.#polished.values()];
    return { id, token, finals: [...finals], partials: [...partials], polished: [...polished] };
  }

  get viewerCount(): number {
    return this.#viewers.size;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Where viewers of a subprotocol hear what is published. */
  topic(subprotocol: Subprotocol): string {
    return `${this.id}/${subprotocol}`;
  }

  /**
   * Lets a viewer in: the lines of the moment, or undefined where there are too many viewers. What follows comes by the
   * topic.
   */
  join(viewer: ShareViewer): WatchingMessage | undefined {
    if (this.#viewers.size >= this.#options.viewersMax) return undefined;
    this.#viewers.add(viewer);
    this.#listeners[viewer.subprotocol]++;
    return this.#watching();
  }

  /** The session goes on from here, whatever was told before: viewers get the lines as those do who have just come. */
  reset(lines: SharedLines): void {
    this.#finals.splice(0);
    this.#partials.clear();
    this.#polished.clear();
    this.#restore(lines);
    this.#show(this.#watching());
  }

  /** Sends viewers to another node. */
  move(): void {
    for (const viewer of this.#viewers) viewer.moved();
  }

  #restore({ finals, partials, polished }: SharedLines): void {
    for (const event of [...finals, ...partials, ...polished]) this.#remember(event);
  }

  #watching(): WatchingMessage {
    return {
      type: 'watching',
      version: PROTOCOL_VERSION,
      shareId: this.id,
      finals: [...this.#finals],
      partials: [...this.#partials.values()],
      ...(this.#polished.size === 0 ? {} : { polished: [...this.#polished.values()] }),
    };
  }

  leave(viewer: ShareViewer): void {
    if (!this.#viewers.delete(viewer)) return;
    this.#listeners[viewer.subprotocol]--;
    this.#alone.delete(viewer);
  }

  /**
   * A viewer reads slowly and has left the topic: it gets each event by itself, so that it may leave out partials.
   * False: it is back.
   */
  serveAlone(viewer: ShareViewer, isAlone: boolean): void {
    if (isAlone) this.#alone.add(viewer);
    else this.#alone.delete(viewer);
  }

  /** Takes what the session says to its speaker, and shows viewers what is for them. */
  observe(message: ServerMessage): void {
    if (this.#hasEnded) return;
    if (message.type === 'ack') {
      this.#options.onEvent?.(message);
      const receivedMs = (message.offset * 1_000) / this.#options.sampleRate;
      return this.captions.heard(receivedMs - message.lagMs);
    }
    const event = forViewers(message);
    if (event === undefined) return;
    this.#remember(event);
    this.#show(event);
    this.#options.onEvent?.(event);
  }

  #show(event: ServerMessage): void {
    for (const codec of this.#codecs) this.#publish(event, codec);
    for (const viewer of this.#alone) viewer.deliver(event);
  }

  /** The session is over. May be called twice: the first reason holds. */
  end(reason: EndedMessage['reason']): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.captions.end();
    this.#partials.clear();
    const close = reason === 'drain' ? CLOSE.goingAway : CLOSE.done;
    for (const viewer of this.#viewers) viewer.ended({ type: 'ended', reason }, close);
  }

  #publish(event: ServerMessage, codec: ServerCodec): void {
    const { subprotocol } = codec;
    if (this.#listeners[subprotocol] > 0) this.#options.publish(this.topic(subprotocol), codec.encode(event));
  }

  #remember(event: ServerMessage): void {
    switch (event.type) {
      case 'speechStarted':
        return this.captions.open(event.segmentId, event.startMs);
      case 'partial':
        this.#partials.set(event.segmentId, event);
        return;
      case 'final':
        this.#partials.delete(event.segmentId);
        this.captions.settle(event.segmentId, event.segmentId > this.#captioned ? event : undefined);
        this.#captioned = Math.max(this.#captioned, event.segmentId);
        if (event.text !== '') this.#finals.push(event);
        if (this.#finals.length > WATCHED_FINALS_MAX) this.#polished.delete(this.#finals.shift()?.segmentId ?? -1);
        return;
      case 'polished':
        if (this.#finals.some(({ segmentId }) => segmentId === event.segmentId)) {
          this.#polished.set(event.segmentId ?? -1, event);
        }
        return;
      case 'error':
        if (event.segmentId === undefined) return;
        this.#partials.delete(event.segmentId);
        this.captions.settle(event.segmentId);
        return;
      default:
    }
  }
}

/** What viewers may see of it: words and speech; nothing of the speaker's own dealings with the server. */
function forViewers(message: ServerMessage): ServerMessage | undefined {
  switch (message.type) {
    case 'speechStarted':
    case 'partial':
    case 'speechEnded':
    case 'polished':
      return message;
    case 'final': {
      const { finalizeId: _, ...final } = message;
      return final;
    }
    case 'error':
      return message.segmentId === undefined ? undefined : message;
    default:
      return undefined;
  }
}
