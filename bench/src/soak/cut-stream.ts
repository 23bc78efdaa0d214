// A live stream whose connection is cut again and again, and that takes its session up each time.
import { setTimeout as sleep } from 'node:timers/promises';
import { isEvent, type ClientMessage, type ServerMessage } from '@sotto/protocol';
import { pcmOf, SAMPLES_PER_MS, type Playlist } from '../audio/playlist.js';
import { BenchError } from '../bench-error.js';
import { encodeForLoad, LoadSocket } from '../load/load-socket.js';
import { wordsIn } from '../stream/words-lost.js';

export interface CutPlan {
  readonly url: string;
  readonly language: string;
  /** Where the connection is cut, milliseconds of the stream, ascending. */
  readonly cutsMs: readonly number[];
  /** How long the client is away after a cut, milliseconds. */
  readonly awayMs: number;
}

const CHUNK_MS = 40;
const TIMEOUT_MS = 30_000;

/** Plays at real-time pace; the words of all finals. Rejects with BenchError `server_failed`. */
export async function playWithCuts(playlist: Playlist, plan: CutPlan): Promise<string[]> {
  const session = new CutSession(plan);
  try {
    let from = await session.begin();
    for (const cutMs of plan.cutsMs) {
      await session.send(playlist, from, Math.min(playlist.totalSamples, cutMs * SAMPLES_PER_MS));
      session.cut();
      await sleep(plan.awayMs);
      from = await session.takeUp();
    }
    await session.send(playlist, from, playlist.totalSamples);
    await session.stop();
    return session.words;
  } finally {
    session.close();
  }
}

class CutSession {
  readonly words: string[] = [];
  readonly #plan: CutPlan;
  readonly #startedAt = performance.now();
  #socket: LoadSocket | undefined;
  #token = '';
  #events = 0;
  #hear: (message: ServerMessage) => void = () => undefined;
  #lost: (error: BenchError) => void = () => undefined;

  constructor(plan: CutPlan) {
    this.#plan = plan;
  }

  async begin(): Promise<number> {
    const audio = { encoding: 'pcm_s16le', sampleRate: SAMPLES_PER_MS * 1_000, channels: 1 } as const;
    const ready = await this.#connect({ type: 'start', audio, language: this.#plan.language }, 'ready');
    this.#token = ready.resumeToken ?? '';
    return 0;
  }

  /** Where to send on from, samples. */
  async takeUp(): Promise<number> {
    const { offset } = await this.#connect({ type: 'resume', token: this.#token, events: this.#events }, 'resumed');
    return offset;
  }

  async send(playlist: Playlist, from: number, to: number): Promise<void> {
    const step = CHUNK_MS * SAMPLES_PER_MS;
    for (let at = from; at < to; at += step) {
      const end = Math.min(to, at + step);
      await sleep(Math.max(0, this.#startedAt + end / SAMPLES_PER_MS - performance.now()));
      this.#socket?.send(encodeForLoad({ type: 'audio', offset: at, data: pcmOf(playlist, at, end) }));
    }
  }

  async stop(): Promise<void> {
    const stopped = this.#next('stopped');
    this.#socket?.send(encodeForLoad({ type: 'stop' }));
    await stopped;
  }

  /** The network is gone. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.vanish();
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #connect<T extends 'ready' | 'resumed'>(hello: ClientMessage, answer: T) {
    const answered = this.#next(answer);
    // It may fail before it is waited for.
    answered.catch(() => undefined);
    const socket: LoadSocket = await LoadSocket.open(
      { url: this.#plan.url, decodesAll: true, openTimeoutMs: TIMEOUT_MS },
      {
        message: (message) => socket === this.#socket && this.#receive(message),
        closed: (code) => {
          if (socket === this.#socket)
            this.#lost(new BenchError('server_failed', `The stream was closed with ${code}.`));
        },
      },
    );
    this.#socket = socket;
    socket.send(encodeForLoad(hello));
    return await answered;
  }

  #receive(message: ServerMessage): void {
    if (isEvent(message)) this.#events++;
    if (message.type === 'final') this.words.push(...wordsIn(message.text));
    if (message.type === 'error' && message.fatal) this.#lost(new BenchError('server_failed', message.message));
    this.#hear(message);
  }

  #next<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>> {
    return new Promise((resolve, reject) => {
      const late = new BenchError('timed_out', `No "${type}" came within ${TIMEOUT_MS} ms.`);
      const timer = setTimeout(() => reject(late), TIMEOUT_MS);
      this.#lost = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.#hear = (message) => {
        if (message.type !== type) return;
        clearTimeout(timer);
        resolve(message as Extract<ServerMessage, { type: T }>);
      };
    });
  }
}
