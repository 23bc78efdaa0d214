// One stream whose channels are heard each by itself (rules CH1 to CH5): a session for each, and their answers as those
// of one session, on one timeline.
import {
  bytesPerFrame,
  errorMessage,
  type AudioMessage,
  type ClientMessage,
  type CloseReason,
  type ServerMessage,
  type StartMessage,
} from '@sotto/protocol';
import { splitChannels } from '../audio/pcm.js';
import { ChannelSegments } from './channel-segments.js';
import type { SessionFactory, SessionPort, SessionSink } from './session-port.js';

type Stopped = Extract<ServerMessage, { type: 'stopped' }>;

/** Sessions that take `channels: separate`; all others are what `create` makes. */
export function withSeparateChannels(create: SessionFactory): SessionFactory {
  return (sink) => new ChoosingSession(create, sink);
}

/** Is one session until `start` asks for several. */
class ChoosingSession implements SessionPort {
  readonly #create: SessionFactory;
  readonly #sink: SessionSink;
  #session: SessionPort;

  constructor(create: SessionFactory, sink: SessionSink) {
    this.#create = create;
    this.#sink = sink;
    this.#session = create(sink);
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
    if (message.type === 'start' && message.channels === 'separate' && !(this.#session instanceof SeparateChannels)) {
      const { id } = this.#session;
      this.#session.abandon();
      this.#session = new SeparateChannels(id, this.#create, this.#sink, message);
    }
    this.#session.receive(message);
  }

  onceDrained(callback: () => void): void {
    this.#session.onceDrained(callback);
  }

  drain(): Promise<void> {
    return this.#session.drain();
  }

  attend(isThere: boolean): void {
    this.#session.attend?.(isThere);
  }

  checkpoint() {
    return this.#session.checkpoint?.();
  }

  mayRestore(checkpoint: Parameters<NonNullable<SessionPort['mayRestore']>>[0]): boolean {
    return this.#session.mayRestore?.(checkpoint) ?? false;
  }

  async restore(checkpoint: Parameters<NonNullable<SessionPort['restore']>>[0]): Promise<boolean> {
    return (await this.#session.restore?.(checkpoint)) ?? false;
  }

  abandon(): void {
    this.#session.abandon();
  }
}

/** It has no checkpoint: a session of several channels does not go on elsewhere. */
export class SeparateChannels implements SessionPort {
  readonly id: string;
  readonly #sink: SessionSink;
  readonly #sessions: readonly SessionPort[];
  readonly #segments: ChannelSegments;
  readonly #frameBytes: number;
  #ready = 0;
  readonly #stopped: Stopped[] = [];
  /** By channel: what its last ack said. */
  readonly #acks: { readonly offset: number; readonly lagMs: number }[];
  #told = { offset: 0, lagMs: 0 };
  /** Of each channel: how many marks have come back. One is told when it has come back from all. */
  readonly #marks: number[];
  #toldMarks = 0;
  #ended = 0;
  #isOver = false;

  constructor(id: string, create: SessionFactory, sink: SessionSink, { audio }: StartMessage) {
    this.id = id;
    this.#sink = sink;
    this.#frameBytes = bytesPerFrame(audio);
    this.#segments = new ChannelSegments(audio.channels);
    this.#acks = Array.from({ length: audio.channels }, () => ({ offset: 0, lagMs: 0 }));
    this.#marks = Array.from({ length: audio.channels }, () => 0);
    this.#sessions = Array.from({ length: audio.channels }, (_, channel) =>
      create({ send: (message) => this.#take(channel, message), end: (reason) => this.#end(reason) }),
    );
  }

  get receivedSamples(): number {
    return this.#first.receivedSamples;
  }

  get backlogMs(): number {
    return Math.max(...this.#sessions.map(({ backlogMs }) => backlogMs));
  }

  receive(message: ClientMessage): void {
    if (this.#isOver) return;
    switch (message.type) {
      case 'start':
        return this.#each({ ...message, audio: { ...message.audio, channels: 1 } });
      case 'audio':
        return this.#audio(message);
      case 'ping':
        return this.#first.receive(message);
      default:
        this.#each(message);
    }
  }

  onceDrained(callback: () => void): void {
    const slowest = this.#sessions.toSorted((a, b) => b.backlogMs - a.backlogMs)[0] ?? this.#first;
    slowest.onceDrained(callback);
  }

  async drain(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.drain()));
  }

  attend(isThere: boolean): void {
    for (const session of this.#sessions) session.attend?.(isThere);
  }

  abandon(): void {
    this.#isOver = true;
    for (const session of this.#sessions) session.abandon();
  }

  get #first(): SessionPort {
    return this.#sessions[0] as SessionPort;
  }

  #each(message: ClientMessage): void {
    for (const session of this.#sessions) session.receive(message);
  }

  #audio(message: AudioMessage): void {
    const { data, offset } = message;
    if (data.byteLength % this.#frameBytes !== 0) {
      const text = `${data.byteLength} bytes are not a whole number of ${this.#frameBytes}-byte samples of all channels.`;
      return this.#sink.send(errorMessage('odd_byte_count', text));
    }
    const channels = this.#sessions.length;
    for (const [channel, part] of splitChannels(data, this.#frameBytes / channels, channels).entries()) {
      this.#sessions[channel]?.receive({ type: 'audio', offset, data: part });
    }
  }

  #take(channel: number, message: ServerMessage): void {
    if (this.#isOver) return;
    switch (message.type) {
      case 'ready':
        this.#ready++;
        if (this.#ready === this.#sessions.length) this.#sink.send({ ...message, sessionId: this.id });
        return;
      case 'ack':
        return this.#ack(channel, message);
      case 'mark':
        return this.#mark(channel, message);
      case 'stopped':
        return this.#stop(message);
      case 'pong':
        return this.#sink.send(message);
      case 'error':
        if (message.fatal) return this.#fail(message);
        // What all channels say is said once.
        if (message.segmentId === undefined && channel > 0 && message.code !== 'invalid_samples') return;
        return this.#sink.send(this.#segments.place(channel, message));
      default:
        this.#sink.send(this.#segments.place(channel, message));
    }
  }

  #ack(channel: number, { offset, lagMs }: Extract<ServerMessage, { type: 'ack' }>): void {
    this.#acks[channel] = { offset, lagMs };
    const told = {
      offset: Math.min(...this.#acks.map((ack) => ack.offset)),
      lagMs: Math.max(...this.#acks.map((ack) => ack.lagMs)),
    };
    if (told.offset === this.#told.offset && told.lagMs === this.#told.lagMs) return;
    this.#told = told;
    this.#sink.send({ type: 'ack', ...told });
  }

  #mark(channel: number, message: Extract<ServerMessage, { type: 'mark' }>): void {
    this.#marks[channel] = (this.#marks[channel] ?? 0) + 1;
    if (Math.min(...this.#marks) === this.#toldMarks) return;
    this.#toldMarks++;
    this.#sink.send(message);
  }

  #stop(message: Stopped): void {
    this.#stopped.push(message);
    if (this.#stopped.length < this.#sessions.length) return;
    const sum = (of: (one: Stopped) => number): number => this.#stopped.reduce((total, one) => total + of(one), 0);
    this.#sink.send({
      ...message,
      audioMs: Math.max(...this.#stopped.map(({ audioMs }) => audioMs)),
      speechMs: sum(({ speechMs }) => speechMs),
      segments: sum(({ segments }) => segments),
      words: sum(({ words }) => words),
    });
  }

  /** What ends one channel ends all. */
  #fail(message: Extract<ServerMessage, { type: 'error' }>): void {
    this.#sink.send(message);
    // Its session says now with which close it ends.
    this.#ended = this.#sessions.length - 1;
  }

  #end(reason: CloseReason): void {
    this.#ended++;
    if (this.#isOver || this.#ended < this.#sessions.length) return;
    this.abandon();
    this.#sink.end(reason);
  }
}
