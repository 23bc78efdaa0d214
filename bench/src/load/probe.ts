// A connection that measures: it streams speech, and times how long pings and marks take to come back.
import type { ServerMessage } from '@sotto/protocol';
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import { encodeForLoad, LoadSocket } from './load-socket.js';

export interface ProbeOptions {
  readonly url: string;
  readonly openTimeoutMs: number;
  readonly chunkMs: number;
  readonly pcm: Uint8Array;
  /** Time between two pings, and between two marks, milliseconds. */
  readonly intervalMs: number;
}

/** Waiting for an answer longer than this counts as lost, milliseconds. */
const ANSWER_TIMEOUT_MS = 10_000;

export class Probe {
  readonly #socket: LoadSocket;
  readonly #options: ProbeOptions;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #pendingPings: Map<string, number>;
  readonly #pendingMarks: Map<string, number>;
  readonly #pings: number[];
  readonly #marks: number[];
  #nextId = 0;
  #chunk = 0;

  private constructor(socket: LoadSocket, options: ProbeOptions, answers: Answers) {
    this.#socket = socket;
    this.#options = options;
    this.#pendingPings = answers.pendingPings;
    this.#pendingMarks = answers.pendingMarks;
    this.#pings = answers.pings;
    this.#marks = answers.marks;
  }

  static async start(options: ProbeOptions): Promise<Probe> {
    const answers: Answers = { pendingPings: new Map(), pendingMarks: new Map(), pings: [], marks: [] };
    const socket = await LoadSocket.open(
      { url: options.url, decodesAll: true, openTimeoutMs: options.openTimeoutMs },
      { message: (message) => receive(message, answers), closed: () => {} },
    );
    const probe = new Probe(socket, options, answers);
    probe.#run();
    return probe;
  }

  #run(): void {
    const { chunkMs, pcm, intervalMs } = this.#options;
    const chunkBytes = chunkMs * SAMPLES_PER_MS * 2;
    const chunksInLoop = Math.max(1, Math.floor(pcm.byteLength / chunkBytes));
    this.#socket.send(
      encodeForLoad({
        type: 'start',
        audio: { encoding: 'pcm_s16le', sampleRate: SAMPLES_PER_MS * 1_000, channels: 1 },
        language: 'en',
      }),
    );
    const startedAt = performance.now();
    const sendAudio = (): void => {
      // As many chunks as have been spoken by now: a late timer must not slow the stream down.
      while (startedAt + this.#chunk * chunkMs <= performance.now()) {
        const at = (this.#chunk % chunksInLoop) * chunkBytes;
        const offset = this.#chunk++ * chunkMs * SAMPLES_PER_MS;
        this.#socket.send(encodeForLoad({ type: 'audio', offset, data: pcm.subarray(at, at + chunkBytes) }));
      }
    };
    this.#timers.push(
      setInterval(sendAudio, chunkMs),
      setInterval(() => this.#ask('ping', this.#pendingPings), intervalMs),
      setInterval(() => this.#ask('mark', this.#pendingMarks), intervalMs),
    );
  }

  #ask(type: 'ping' | 'mark', pending: Map<string, number>): void {
    const id = `${type}${this.#nextId++}`;
    pending.set(id, performance.now());
    this.#socket.send(encodeForLoad({ type, id }));
  }

  /** Round trips since the last call, milliseconds, and how many answers are overdue. */
  take(): { pings: number[]; marks: number[]; overdue: number } {
    const since = performance.now() - ANSWER_TIMEOUT_MS;
    const overdue = [...this.#pendingPings.values(), ...this.#pendingMarks.values()].filter((at) => at < since).length;
    return { pings: this.#pings.splice(0), marks: this.#marks.splice(0), overdue };
  }

  stop(): void {
    this.#timers.forEach((timer) => clearInterval(timer));
    this.#socket.close();
  }
}

interface Answers {
  readonly pendingPings: Map<string, number>;
  readonly pendingMarks: Map<string, number>;
  readonly pings: number[];
  readonly marks: number[];
}

function receive(message: ServerMessage, { pendingPings, pendingMarks, pings, marks }: Answers): void {
  if (message.type !== 'pong' && message.type !== 'mark') return;
  const pending = message.type === 'pong' ? pendingPings : pendingMarks;
  const sentAt = message.id === undefined ? undefined : pending.get(message.id);
  if (message.id === undefined || sentAt === undefined) return;
  pending.delete(message.id);
  (message.type === 'pong' ? pings : marks).push(performance.now() - sentAt);
}
