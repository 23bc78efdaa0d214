// A crowd of connections: idle ones that only exist, and senders that stream audio at real-time pace.
import type { StartMessage } from '@sotto/protocol';
import { BenchError } from '../bench-error.js';
import { SAMPLES_PER_MS } from '../audio/playlist.js';
import { encodeForLoad, LoadSocket } from './load-socket.js';

export interface CrowdOptions {
  readonly url: string;
  /** Connections opened at the same time while the crowd gathers. */
  readonly openAtOnce: number;
  readonly openTimeoutMs: number;
  /** Audio of one message, milliseconds. */
  readonly chunkMs: number;
  /** 16 kHz mono PCM, 16 bit, that senders play in a circle, each group from another place. */
  readonly pcm: Uint8Array;
  /** Groups of senders whose chunks fall due together; they spread a chunk's time evenly. Default {@link GROUPS}. */
  readonly groups?: number;
  /** Whether all groups' chunks fall due in one moment. Default: no. */
  readonly isBurst?: boolean;
  /** What sessions ask for beside {@link START}. */
  readonly start?: Pick<StartMessage, 'words' | 'partialIntervalMs' | 'endpointing'>;
}

const GROUPS = 20;
/** Each idle connection says something this often; a server's idle bound is longer. */
const KEEP_ALIVE_MS = 120_000;
const KEEP_ALIVE_TICK_MS = 250;
const START = {
  type: 'start',
  audio: { encoding: 'pcm_s16le', sampleRate: SAMPLES_PER_MS * 1_000, channels: 1 },
  language: 'en',
} as const satisfies StartMessage;
const PING = encodeForLoad({ type: 'ping' });

/** What went on while the crowd was there. */
export interface CrowdReport {
  /** How late chunks were sent, milliseconds: the client's own delay. */
  readonly sendDelaysMs: readonly number[];
  readonly chunksSent: number;
  readonly messagesReceived: number;
  /** Connections that the server closed, by close code, and `error` messages by code. */
  readonly troubles: ReadonlyMap<string, number>;
}

export class Crowd {
  readonly #options: CrowdOptions;
  readonly #idle: LoadSocket[] = [];
  readonly #groups: LoadSocket[][];
  readonly #troubles = new Map<string, number>();
  readonly #delays: number[] = [];
  readonly #keepAlive: NodeJS.Timeout;
  #chunksSent = 0;
  #greeted = 0;
  #sending: NodeJS.Timeout | undefined;
  #isLeaving = false;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#groups = Array.from({ length: options.groups ?? GROUPS }, () => []);
    // Idle connections must say something now and then, or the server takes them for forgotten; a few at a time, so
    // that it makes no burst.
    this.#keepAlive = setInterval(() => this.#greet(), KEEP_ALIVE_TICK_MS);
  }

  /** Opens started sessions that send no audio. */
  async gatherIdle(count: number): Promise<void> {
    this.#idle.push(...(await this.#open(count)));
  }

  /** Opens started sessions that {@link send} will feed. */
  async gatherSenders(count: number): Promise<void> {
    (await this.#open(count)).forEach((socket, index) => this.#groups[index % this.#groups.length]?.push(socket));
  }

  /** Starts to send at real-time pace, until {@link leave}. */
  send(): void {
    const { chunkMs, pcm, isBurst = false } = this.#options;
    const groups = this.#groups.length;
    const chunkBytes = chunkMs * SAMPLES_PER_MS * 2;
    const chunksInLoop = Math.floor(pcm.byteLength / chunkBytes);
    if (chunksInLoop === 0) throw new BenchError('usage', `The audio is shorter than one chunk of ${chunkMs} ms.`);
    const startedAt = performance.now();
    let turn = 0;
    const sendDue = (): void => {
      for (;;) {
        const dueAt = startedAt + (isBurst ? Math.floor(turn / groups) * chunkMs : (turn * chunkMs) / groups);
        const now = performance.now();
        if (dueAt > now) {
          this.#sending = setTimeout(sendDue, Math.max(1, dueAt - now));
          return;
        }
        const group = turn % groups;
        const chunk = Math.floor(turn / groups);
        const at = ((chunk + Math.floor((group * chunksInLoop) / groups)) % chunksInLoop) * chunkBytes;
        const sockets = this.#groups[group] ?? [];
        const frame = encodeForLoad({
          type: 'audio',
          offset: chunk * chunkMs * SAMPLES_PER_MS,
          data: pcm.subarray(at, at + chunkBytes),
        });
        for (const socket of sockets) socket.send(frame);
        this.#chunksSent += sockets.length;
        this.#delays.push(now - dueAt);
        turn++;
      }
    };
    sendDue();
  }

  report(): CrowdReport {
    const sockets = [...this.#idle, ...this.#groups.flat()];
    return {
      sendDelaysMs: this.#delays,
      chunksSent: this.#chunksSent,
      messagesReceived: sockets.reduce((sum, { received }) => sum + received, 0),
      troubles: this.#troubles,
    };
  }

  /** Stops sending and drops all connections. May be called twice. */
  leave(): void {
    this.#isLeaving = true;
    clearTimeout(this.#sending);
    clearInterval(this.#keepAlive);
    for (const socket of [...this.#idle, ...this.#groups.flat()]) socket.close();
  }

  #greet(): void {
    const due = Math.ceil((this.#idle.length * KEEP_ALIVE_TICK_MS) / KEEP_ALIVE_MS);
    for (let one = 0; one < due; one++) this.#idle[this.#greeted++ % this.#idle.length]?.send(PING);
  }

  async #open(count: number): Promise<LoadSocket[]> {
    const { url, openAtOnce, openTimeoutMs } = this.#options;
    const opened: LoadSocket[] = [];
    for (let at = 0; at < count; at += openAtOnce) {
      const batch = Array.from({ length: Math.min(openAtOnce, count - at) }, () =>
        LoadSocket.open(
          { url, decodesAll: false, openTimeoutMs },
          {
            message: (message) => message.type === 'error' && this.#count(`error ${message.code}`),
            closed: (code) => !this.#isLeaving && this.#count(`close ${code}`),
          },
        ),
      );
      opened.push(
        ...(await Promise.all(batch).catch((cause: unknown) => {
          throw new BenchError(
            'server_failed',
            `Connection ${opened.length} to ${at + batch.length} of ${count} failed.`,
            {
              cause,
            },
          );
        })),
      );
    }
    const start = encodeForLoad({ ...START, ...this.#options.start });
    opened.forEach((socket) => socket.send(start));
    return opened;
  }

  #count(trouble: string): void {
    this.#troubles.set(trouble, (this.#troubles.get(trouble) ?? 0) + 1);
  }
}
