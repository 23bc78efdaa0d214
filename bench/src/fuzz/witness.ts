// Honest use beside what a fuzzer sends: a stream whose marks are echoed, and a health check that is answered.
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeForLoad, LoadSocket } from '../load/load-socket.js';

const CHUNK_MS = 40;
const CHUNK_SAMPLES = CHUNK_MS * 16;
const MARK_EVERY_CHUNKS = 10;
const HEALTH_INTERVAL_MS = 250;

export interface Testimony {
  /** Longest wait for an echo of a mark, and for /health, milliseconds. */
  readonly markMsMax: number;
  readonly healthMsMax: number;
  /** What was not as promised. */
  readonly faults: readonly string[];
}

export class Witness {
  readonly #timeoutMs: number;
  readonly #faults: string[] = [];
  /** When each mark was sent. */
  readonly #waiting = new Map<string, number>();
  readonly #over = new AbortController();
  #socket: LoadSocket | undefined;
  #markMsMax = 0;
  #healthMsMax = 0;
  #work: Promise<unknown> | undefined;
  /** Lets others watch the honest stream, once it is ready. */
  watchToken = '';

  /** @param timeoutMs how long an echo or an answer may take */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  async begin(httpUrl: string): Promise<void> {
    const url = `${httpUrl.replace('http', 'ws')}/v1/stream`;
    this.#socket = await LoadSocket.open(
      { url, decodesAll: true, openTimeoutMs: this.#timeoutMs },
      {
        message: (message) => {
          if (message.type === 'ready') this.watchToken = message.watchToken ?? '';
          if (message.type === 'mark') this.#echoed(message.id);
          if (message.type === 'error') this.#faults.push(`the honest stream was told ${message.code}`);
        },
        closed: (code) => this.#over.signal.aborted || this.#faults.push(`the honest stream was closed with ${code}`),
      },
    );
    this.#socket.send(
      encodeForLoad({
        type: 'start',
        audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
        share: true,
      }),
    );
    this.#work = Promise.all([this.#stream(this.#socket), this.#ask(httpUrl)]);
  }

  async end(): Promise<Testimony> {
    // What was asked last is still owed.
    const until = performance.now() + this.#timeoutMs;
    while (this.#waiting.size > 0 && this.#faults.length === 0 && performance.now() < until) await sleep(20);
    this.#over.abort();
    await this.#work;
    if (this.#waiting.size > 0) this.#faults.push(`${this.#waiting.size} marks of the honest stream were not echoed`);
    this.#socket?.close();
    return { markMsMax: this.#markMsMax, healthMsMax: this.#healthMsMax, faults: this.#faults };
  }

  async #stream(socket: LoadSocket): Promise<void> {
    const data = new Uint8Array(2 * CHUNK_SAMPLES);
    const startedAt = performance.now();
    for (let chunk = 0; !this.#over.signal.aborted; chunk++) {
      socket.send(encodeForLoad({ type: 'audio', offset: chunk * CHUNK_SAMPLES, data }));
      if (chunk % MARK_EVERY_CHUNKS === 0) {
        const id = `mark${chunk}`;
        this.#waiting.set(id, performance.now());
        socket.send(encodeForLoad({ type: 'mark', id }));
      }
      const [oldest] = this.#waiting.values();
      if (oldest !== undefined && performance.now() - oldest > this.#timeoutMs) return;
      await sleep(Math.max(0, startedAt + (chunk + 1) * CHUNK_MS - performance.now()));
    }
  }

  async #ask(httpUrl: string): Promise<void> {
    while (!this.#over.signal.aborted) {
      const askedAt = performance.now();
      try {
        const { status } = await fetch(`${httpUrl}/health`, { signal: AbortSignal.timeout(this.#timeoutMs) });
        if (status !== 200) this.#faults.push(`/health answered ${status}`);
      } catch {
        this.#faults.push(`/health was not answered within ${this.#timeoutMs} ms`);
        return;
      }
      this.#healthMsMax = Math.max(this.#healthMsMax, performance.now() - askedAt);
      await sleep(HEALTH_INTERVAL_MS);
    }
  }

  #echoed(id: string): void {
    const sentAt = this.#waiting.get(id);
    if (sentAt === undefined) return;
    this.#waiting.delete(id);
    this.#markMsMax = Math.max(this.#markMsMax, performance.now() - sentAt);
  }
}
