// A client of its own that follows its session from node to node by the protocol's rules, and counts what it is told.
import {
  CLOSE,
  isCounted,
  isEvent,
  MsgpackClientCodec,
  type ClientMessage,
  type FinalMessage,
  type ServerMessage,
  type StoppedMessage,
} from '@sotto/protocol';
import { BenchError } from '../bench-error.js';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

const RATE = 16_000;
const CHUNK = RATE / 10;
/** Close codes in the message of one that did not end. */
const LOSSES_TOLD = 20;

export interface RoamingOptions {
  /** Whether its session may go on at another node. Default: true. */
  readonly keepsAudio?: boolean;
  /** Whether others may watch it. Default: false. */
  readonly share?: boolean;
}

export class RoamingClient {
  /** By segment, as far as they hold. */
  readonly finals = new Map<number, FinalMessage>();
  /** Finals that came although they had come and were not void. */
  doubled = 0;
  /** Close codes of sockets that were lost. */
  readonly losses: number[] = [];
  /** How often a new session had to begin: its words would stand in a second transcript. */
  restarts = 0;
  /** How often that was before anything was told: its node ended before it had written it down. */
  freshRestarts = 0;
  /** Resumes at another node. */
  moves = 0;
  sessionId = '';
  watchToken = '';
  /** From `speechEnded` to the final of each utterance, milliseconds. */
  readonly finalDelaysMs: number[] = [];
  readonly #options: RoamingOptions;
  readonly #ends = new Map<number, number>();
  readonly #codec = new MsgpackClientCodec();
  readonly #url: () => string;
  readonly #audio: Int16Array;
  #token: string | undefined;
  #events = 0;
  /** Samples sent on this socket, and those that may be forgotten. */
  #sent = 0;
  #keepFrom = 0;
  #socket: WebSocket | undefined;
  #isLinked = false;
  #heardAt = performance.now();
  #hasSaidStop = false;
  #stopped: StoppedMessage | undefined;
  #failure: Error | undefined;
  /** Whether it has given up: then it does not connect again. */
  #isOver = false;

  /** @param samples 16 kHz, mono */
  constructor(url: string | (() => string), samples: Int16Array, options: RoamingOptions = {}) {
    this.#options = options;
    this.#url = typeof url === 'string' ? () => url : url;
    this.#audio = samples;
  }

  /** Everything that holds, in order. */
  get text(): string {
    return [...this.finals.values()]
      .toSorted((a, b) => a.segmentId - b.segmentId)
      .map(({ text }) => text.trim())
      .filter((text) => text !== '')
      .join(' ');
  }

  /** How far the audio is sent, 0-1. */
  get progress(): number {
    return this.#sent / this.#audio.length;
  }

  /** The first sample that the server may still ask for: what is before it is kept there. */
  get keepFrom(): number {
    return this.#keepFrom;
  }

  /** Drops the socket without a word. Whether there was one that had its session. */
  cut(): boolean {
    const wasLinked = this.#isLinked && this.#socket?.readyState === WebSocket.OPEN;
    this.#socket?.terminate();
    return wasLinked;
  }

  /** Sends everything, at `speed` times the pace of a speaker. Resolves with `stopped`. */
  async run(speed = 4, waitMsMax = 120_000): Promise<StoppedMessage> {
    const deadline = performance.now() + waitMsMax;
    this.#connect();
    try {
      while (this.#stopped === undefined) {
        if (this.#failure !== undefined) throw this.#failure;
        if (performance.now() > deadline) {
          throw new BenchError('timed_out', `A session did not end: ${this.#standing}.`);
        }
        await delay(100 / speed);
        this.#sendSome();
      }
      return this.#stopped;
    } finally {
      this.#isOver = true;
      if (this.#stopped === undefined) this.#socket?.terminate();
    }
  }

  /** Whether it hangs, or is on its way in a machine that is too busy. */
  get #standing(): string {
    const sentPercent = Math.round(100 * this.progress);
    const heardSecondsAgo = ((performance.now() - this.#heardAt) / 1_000).toFixed(1);
    const link = this.#isLinked ? 'with a session' : 'without a session';
    const losses = this.losses.length === 0 ? 'none lost' : `lost with ${this.losses.slice(-LOSSES_TOLD).join(' ')}`;
    return (
      `${sentPercent} % was sent, the last message came ${heardSecondsAgo} s ago, ${this.finals.size} finals, ` +
      `${this.moves} moves, its socket is ${link}, ${losses}`
    );
  }

  #connect(): void {
    const socket = new WebSocket(this.#url(), ['sotto.v1.msgpack']);
    this.#socket = socket;
    socket.on('error', () => {});
    socket.on('open', () => {
      this.#say(
        this.#token === undefined
          ? {
              type: 'start',
              audio: { encoding: 'pcm_s16le', sampleRate: RATE, channels: 1 },
              language: 'en',
              keepsAudio: this.#options.keepsAudio ?? true,
              share: this.#options.share ?? false,
            }
          : { type: 'resume', token: this.#token, events: this.#events, keptFrom: this.#keepFrom },
      );
    });
    socket.on('message', (data: Buffer) => {
      const message = this.#codec.decode(data);
      if (message === undefined || socket !== this.#socket) return;
      this.#heardAt = performance.now();
      try {
        this.#take(message);
      } catch (error) {
        this.#failure = error as Error;
      }
    });
    socket.on('close', (code) => {
      this.#isLinked = false;
      this.#hasSaidStop = false;
      if (this.#stopped !== undefined || this.#isOver) return;
      this.losses.push(code);
      setTimeout(() => this.#isOver || this.#connect(), code === CLOSE.moved.code ? 0 : 50);
    });
  }

  #take(message: ServerMessage): void {
    if (isEvent(message)) this.#events++;
    switch (message.type) {
      case 'ready':
        this.#token = message.resumeToken;
        this.sessionId = message.sessionId;
        this.watchToken = message.watchToken ?? '';
        this.#events = 0;
        this.#isLinked = true;
        return;
      case 'resumed':
        this.#sent = message.offset;
        if (message.offset < this.#keepFrom) {
          throw new BenchError('server_failed', 'The server wants audio that need not be kept.');
        }
        if (message.events !== undefined) {
          this.moves++;
          this.#events = message.events;
        }
        if (message.segments !== undefined) this.#forget(message.segments);
        this.#isLinked = true;
        return;
      case 'ack':
        this.#keepFrom = Math.max(this.#keepFrom, message.keepFrom ?? 0);
        return;
      case 'speechEnded':
        this.#ends.set(message.segmentId, performance.now());
        return;
      case 'final':
        this.finalDelaysMs.push(performance.now() - (this.#ends.get(message.segmentId) ?? NaN));
        if (this.finals.has(message.segmentId)) this.doubled++;
        this.finals.set(message.segmentId, message);
        return;
      case 'error':
        if (message.code === 'resume_unknown') {
          if (this.#events === 0 && this.#keepFrom === 0) this.freshRestarts++;
          else this.restarts++;
          this.#token = undefined;
          this.#keepFrom = 0;
          this.#sent = 0;
          this.finals.clear();
        }
        return;
      case 'stopped':
        this.#stopped = message;
        return;
      default:
    }
  }

  /** What came of segments from this one on is void. */
  #forget(first: number): void {
    for (const segmentId of this.finals.keys()) if (segmentId >= first) this.finals.delete(segmentId);
  }

  #sendSome(): void {
    if (!this.#isLinked || this.#socket?.readyState !== WebSocket.OPEN) return;
    if (this.#sent >= this.#audio.length) {
      if (!this.#hasSaidStop) this.#say({ type: 'stop' });
      this.#hasSaidStop = true;
      return;
    }
    const to = Math.min(this.#sent + CHUNK, this.#audio.length);
    const part = this.#audio.slice(this.#sent, to);
    this.#say({ type: 'audio', offset: this.#sent, data: new Uint8Array(part.buffer) });
    this.#sent = to;
  }

  #say(message: ClientMessage): void {
    if (isCounted(message) && message.type !== 'stop') throw new Error('not counted here');
    for (const frame of this.#codec.encode(message)) this.#socket?.send(frame);
  }
}
