// The processes that decode: one for each file, one for several live streams; those that are free wait for the next
// file.
import { availableParallelism, constants } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '@sotto/protocol';
import { NativeChild } from '../../native-host/native-child.js';
import { DecoderError } from '../audio-errors.js';
import { DECODER_HEAP_MB, DECODER_MEMORY_BYTES, DECODER_WASM_PAGES, SLICE_TIMEOUT_MS } from '../decode-limits.js';
import type { DecoderWork } from './decoder-work.js';

/**
 * Who may share a process: a file that fells it costs the others in it. `files`: so many in one, as long as there are
 * no more than `processes` of them (each takes some 80 MB); beyond that the next goes where the fewest are.
 */
const KINDS = {
  file: { files: 1, processes: Math.max(4, Math.min(8, availableParallelism())) },
  live: { files: 16, processes: 4 },
} as const;
export type DecoderKind = keyof typeof KINDS;

/**
 * Processes that wait for another file: starting one takes half a second of a core in a checkout, as long as
 * recognising a short file. Those beyond the first end when they have waited for a while.
 */
const IDLE_KEPT = 1;
const IDLE_MS = 60_000;

const PATIENCE = { loadTimeoutMs: 60_000, silenceTimeoutMs: SLICE_TIMEOUT_MS, closeTimeoutMs: 1_000 } as const;
const MAIN = fileURLToPath(new URL(`./decoder-main${extname(import.meta.url)}`, import.meta.url));

export class DecoderProcess extends NativeChild<DecoderWork> {
  /** Open in it. */
  files = 0;
  retiring: NodeJS.Timeout | undefined;

  constructor() {
    super({
      ...PATIENCE,
      name: 'the decoder',
      main: MAIN,
      load: undefined,
      flags: [`--max-old-space-size=${DECODER_HEAP_MB}`, `--wasm-max-mem-pages=${DECODER_WASM_PAGES}`, '--expose-gc'],
      env: { UV_THREADPOOL_SIZE: '1' },
      // What is live on the same cores goes first.
      priority: constants.priority.PRIORITY_BELOW_NORMAL,
      memoryMaxBytes: DECODER_MEMORY_BYTES,
    });
  }
}

export class DecoderPool {
  readonly #idle: DecoderProcess[] = [];
  readonly #busy = { file: new Set<DecoderProcess>(), live: new Set<DecoderProcess>() };
  /**
   * Settles when none is being started: one at a time, so that many files at once do not take all cores from live ones.
   */
  #starting: Promise<unknown> = Promise.resolve();

  /** A process for a file. Rejects with DecoderError `decoder_unavailable`. */
  async take(kind: DecoderKind): Promise<DecoderProcess> {
    const free = this.#withRoom(kind);
    if (free !== undefined) return this.#open(free, kind);
    // One may have become free while others were started.
    const taken = this.#starting.then(async () => this.#open(this.#withRoom(kind) ?? (await this.#start()), kind));
    this.#starting = taken.catch(() => undefined);
    return taken;
  }

  /** Has one wait for the first file, which would wait for its start otherwise. Never rejects. */
  async warmUp(): Promise<void> {
    if (this.#idle.length > 0) return;
    const decoder = await this.take('file').catch(() => undefined);
    if (decoder !== undefined) this.giveBack(decoder);
  }

  /** Ends those that wait: memory is short. */
  shrink(): void {
    for (const decoder of this.#idle.splice(0)) {
      clearTimeout(decoder.retiring);
      void decoder.close();
    }
  }

  /** A file is closed. */
  giveBack(decoder: DecoderProcess): void {
    decoder.files--;
    if (decoder.files > 0) return;
    this.#forget(decoder);
    if (decoder.death !== undefined) return;
    // Keeps no process alive while it waits.
    decoder.hold(false);
    this.#idle.push(decoder);
    if (this.#idle.length > IDLE_KEPT) decoder.retiring = setTimeout(() => this.#retire(decoder), IDLE_MS).unref();
  }

  #open(decoder: DecoderProcess, kind: DecoderKind): DecoderProcess {
    clearTimeout(decoder.retiring);
    this.#busy[kind].add(decoder);
    decoder.files++;
    decoder.hold(true);
    return decoder;
  }

  /** Undefined where one is to be started. */
  #withRoom(kind: DecoderKind): DecoderProcess | undefined {
    const { files, processes } = KINDS[kind];
    const [least] = [...this.#busy[kind]].toSorted((a, b) => a.files - b.files);
    if (least !== undefined && least.files < files) return least;
    return this.#idle.pop() ?? (this.#busy[kind].size < processes ? undefined : least);
  }

  async #start(): Promise<DecoderProcess> {
    const decoder = new DecoderProcess();
    void decoder.exited.then(() => this.#forget(decoder));
    try {
      await decoder.loaded;
      return decoder;
    } catch (cause) {
      await decoder.close();
      throw unavailable(cause);
    }
  }

  #retire(decoder: DecoderProcess): void {
    this.#forget(decoder);
    void decoder.close();
  }

  #forget(decoder: DecoderProcess): void {
    const at = this.#idle.indexOf(decoder);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#busy.file.delete(decoder);
    this.#busy.live.delete(decoder);
  }
}

function unavailable(cause: unknown): DecoderError {
  const message =
    `No process could be started to decode audio (${messageOf(cause)}): ` +
    'the machine may be out of memory or of processes, or a file of Sotto is missing. Try again, or install it anew.';
  return new DecoderError('decoder_unavailable', message, { cause });
}
