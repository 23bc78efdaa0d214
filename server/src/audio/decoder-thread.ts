// Decodes a file in a thread beside: the event loop stays free, and a decoder that hangs or dies costs its file alone.
import { constants, platform } from 'node:os';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AudioFileError, type AudioFileErrorCode, type AudioFileWarning } from './audio-errors.js';

export type ToDecoder =
  /** Another file begins. */
  | { readonly type: 'open'; readonly channel: number | undefined }
  | { readonly type: 'next' }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'over' }
  /** Nobody wants the rest of the file. */
  | { readonly type: 'leave' };

export type FromDecoder =
  /** Said once: the thread has loaded its decoders. */
  | { readonly type: 'ready' }
  /** Wants bytes before it can go on. */
  | { readonly type: 'hungry' }
  | { readonly type: 'block'; readonly samples: Float32Array }
  | { readonly type: 'warning'; readonly warning: AudioFileWarning }
  | { readonly type: 'end' }
  /** The file is let go of, and nothing more is said of it. */
  | { readonly type: 'left' }
  | { readonly type: 'refused'; readonly code: AudioFileErrorCode; readonly message: string }
  | { readonly type: 'failed'; readonly message: string };

const MAIN = new URL(`./decoder-thread-main${extname(import.meta.url)}`, import.meta.url);
/** Decoding a slice takes milliseconds: a thread that says nothing for so long hangs. */
const ANSWER_TIMEOUT_MS = 60_000;
/** How long a thread may take to let go of a file. */
const LEAVE_TIMEOUT_MS = 5_000;
/**
 * Threads that wait for another file: starting one takes half a second of a core in a checkout, as long as recognising a short file. As many as recordings are
 * transcribed at a time by default; those beyond the first few end when they have waited for a while (each holds 10 to 25 MB in a checkout).
 */
const IDLE_MAX = 8;
const IDLE_KEPT = 2;
const IDLE_MS = 60_000;
/** Heap of the thread, MB; what decoders allocate in WebAssembly is not counted. */
const HEAP_MB = 256;

const idle: DecoderThread[] = [];
/** Settles when no thread is being started: one at a time, so that many files at once do not take all cores from whoever speaks. */
let starting: Promise<unknown> = Promise.resolve();

/** One that waits, also if it has become free while others were started, or a new one. */
function takeThread(): Promise<DecoderThread> {
  const waiting = idle.pop();
  if (waiting !== undefined) return Promise.resolve(waiting);
  const taken = starting.then(() => idle.pop() ?? DecoderThread.start());
  starting = taken.catch(() => undefined);
  return taken;
}

/** As `decodeBlocks` does, in another thread, which then waits for the next file; one that fails or hangs is ended. */
export async function* decodeInThread(
  bytes: AsyncIterable<Uint8Array>,
  warn: (warning: AudioFileWarning) => void,
  channel?: number,
): AsyncGenerator<Float32Array, void, undefined> {
  const source = bytes[Symbol.asyncIterator]();
  const thread = await takeThread().catch(async (error: unknown) => {
    await source.return?.();
    throw error;
  });
  let isWell = true;
  try {
    thread.open(channel);
    let answer = await thread.ask({ type: 'next' });
    for (;;) {
      switch (answer.type) {
        case 'hungry': {
          const piece = await source.next();
          answer = await thread.ask(piece.done === true ? { type: 'over' } : { type: 'bytes', bytes: piece.value });
          break;
        }
        case 'warning':
          warn(answer.warning);
          answer = await thread.ask();
          break;
        case 'ready': // Was heard when it was started.
          answer = await thread.ask();
          break;
        case 'block':
          yield answer.samples;
          answer = await thread.ask({ type: 'next' });
          break;
        case 'end':
        case 'left':
          return;
        case 'refused':
          throw new AudioFileError(answer.code, answer.message);
        case 'failed':
          isWell = false;
          throw new Error(`the decoder failed: ${answer.message}`);
      }
    }
  } finally {
    if (isWell && (await thread.leave()) && idle.length < IDLE_MAX) thread.park();
    else await thread.close();
    await source.return?.();
  }
}

class DecoderThread {
  readonly #worker: Worker;
  readonly #answers: FromDecoder[] = [];
  #death: AudioFileError | undefined;
  #wake: (() => void) | undefined;
  #retiring: NodeJS.Timeout | undefined;

  /** Rejects with a plain Error: no file is to blame. */
  static async start(): Promise<DecoderThread> {
    const thread = new DecoderThread();
    try {
      await thread.ask();
      return thread;
    } catch (cause) {
      await thread.close();
      throw new Error('A decoder thread could not be started.', { cause });
    }
  }

  private constructor() {
    this.#worker = startThread();
    this.#worker.on('message', (answer: FromDecoder) => {
      this.#answers.push(answer);
      this.#wake?.();
    });
    this.#worker.on('error', (cause) => this.#died(cause));
    this.#worker.on('exit', () => this.#died());
  }

  /** The next answer, after a message where one is sent. Rejects with AudioFileError `not_audio` when the thread dies or hangs. */
  async ask(message?: ToDecoder, timeoutMs = ANSWER_TIMEOUT_MS): Promise<FromDecoder> {
    if (message !== undefined) this.#send(message);
    for (;;) {
      const answer = this.#answers.shift();
      if (answer !== undefined) return answer;
      if (this.#death !== undefined) throw this.#death;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.#died(), timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          this.#wake = undefined;
          resolve();
        };
      });
    }
  }

  open(channel: number | undefined): void {
    clearTimeout(this.#retiring);
    this.#worker.ref();
    this.#send({ type: 'open', channel });
  }

  /** Lets go of the file; false where the thread does not answer. */
  async leave(): Promise<boolean> {
    try {
      let answer = await this.ask({ type: 'leave' }, LEAVE_TIMEOUT_MS);
      while (answer.type !== 'left') answer = await this.ask(undefined, LEAVE_TIMEOUT_MS);
      return true;
    } catch {
      return false;
    }
  }

  /** Waits for another file, and keeps no process alive for it. */
  park(): void {
    this.#worker.unref();
    idle.push(this);
    if (idle.length > IDLE_KEPT) this.#retiring = setTimeout(() => this.#retire(), IDLE_MS).unref();
  }

  #retire(): void {
    idle.splice(idle.indexOf(this), 1);
    void this.close();
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(message: ToDecoder): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
    this.#worker.postMessage(message);
  }

  #died(cause?: unknown): void {
    if (idle.includes(this)) idle.splice(idle.indexOf(this), 1);
    this.#death ??= new AudioFileError('not_audio', 'The file made its decoder fail: it is damaged.', { cause });
    this.#wake?.();
  }
}

/** A thread does not inherit the loader that runs TypeScript in a checkout: it is registered there once more. */
function startThread(): Worker {
  const options = { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB } };
  if (extname(MAIN.pathname) === '.js') return new Worker(MAIN, options);
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const main = JSON.stringify(MAIN.href);
  // From its first moment behind whatever is live on the same cores: see decoder-thread-main.ts.
  const { PRIORITY_BELOW_NORMAL } = constants.priority;
  const first = platform() === 'linux' ? `require('node:os').setPriority(${PRIORITY_BELOW_NORMAL});` : '';
  return new Worker(`${first}import(${loader}).then(({ register }) => (register(), import(${main})))`, {
    ...options,
    eval: true,
  });
}
