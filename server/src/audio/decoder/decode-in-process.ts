// Decodes a file in a process of its own: the event loop stays free, and a file that fells its decoder costs itself
// alone.
import { messageOf } from '@sotto/protocol';
import { ChildError, RequestError } from '../../native-host/errors.js';
import { AudioFileError, DecoderError, type AudioFileErrorCode, type AudioFileWarning } from '../audio-errors.js';
import type { Selection } from '../decode-blocks.js';
import { SLICE_TIMEOUT_MS, workMsMax } from '../decode-limits.js';
import { type DecoderKind, DecoderPool, type DecoderProcess } from './decoder-pool.js';
import type { DecoderOrder, DecoderStep } from './decoder-work.js';

export interface DecodeInProcessOptions {
  readonly warn: (warning: AudioFileWarning) => void;
  readonly selection?: Selection | undefined;
  /** Live streams, of which there are many, share processes. */
  readonly kind: DecoderKind;
  /** For tests. */
  readonly pool?: DecoderPool;
}

/** Bytes that a decoder is sent at a time, at the most. */
const PIECE_BYTES_MAX = 262_144;

/** All that may wait, and one more. */
const ATTEMPTS_MAX = 9;

const POOL = new DecoderPool();

/** Has a decoder wait for the first file. Never rejects. */
export function warmUpDecoders(): Promise<void> {
  return POOL.warmUp();
}

/** Ends the decoders that wait for a file: memory is short. */
export function shrinkDecoders(): void {
  POOL.shrink();
}

/** As `decodeBlocks` does, in another process. Throws AudioFileError `audio_too_complex` too, and DecoderError. */
export async function* decodeInProcess(
  bytes: AsyncIterable<Uint8Array>,
  { warn, selection = {}, kind, pool = POOL }: DecodeInProcessOptions,
): AsyncGenerator<Float32Array, void, undefined> {
  const source = pieces(bytes);
  let file: RemoteFile | undefined;
  try {
    const opened = await openFile(pool, kind, selection);
    file = opened.file;
    let { step } = opened;
    for (;;) {
      for (const warning of step.warnings) warn(warning);
      if (step.type === 'end') return;
      if (step.type === 'block') {
        yield step.samples;
        step = await file.ask({ type: 'next' });
      } else {
        const piece = await source.next();
        step = await file.ask(piece.done === true ? { type: 'over' } : { type: 'bytes', bytes: piece.value });
      }
    }
  } finally {
    await file?.leave();
    await source.return();
  }
}

/** Opens a file in a process that takes it: one that waited may have died meanwhile, without a byte of this file. */
async function openFile(pool: DecoderPool, kind: DecoderKind, selection: Selection) {
  for (let attempt = 1; ; attempt++) {
    const file = new RemoteFile(await pool.take(kind), pool);
    try {
      return { file, step: await file.ask({ type: 'open', selection }) };
    } catch (error) {
      await file.leave();
      if (attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** A file that is open in a process. */
class RemoteFile {
  static #last = 0;
  readonly #id = ++RemoteFile.#last;
  readonly #decoder: DecoderProcess;
  readonly #pool: DecoderPool;
  #bytes = 0;
  /** Time that we waited for the decoder, milliseconds. */
  #workedMs = 0;

  constructor(decoder: DecoderProcess, pool: DecoderPool) {
    this.#decoder = decoder;
    this.#pool = pool;
  }

  /** Rejects with AudioFileError, or with DecoderError where no file is to blame. */
  async ask(order: DecoderOrder): Promise<DecoderStep> {
    if (order.type === 'bytes') this.#bytes += order.bytes.length;
    const leftMs = workMsMax(this.#bytes) - this.#workedMs;
    const run = { name: 'a piece of a file', timeoutMs: Math.max(1, Math.min(SLICE_TIMEOUT_MS, leftMs)) };
    const startedAt = performance.now();
    try {
      return await this.#decoder.run({ file: this.#id, ...order }, run);
    } catch (error) {
      throw audioError(error);
    } finally {
      this.#workedMs += performance.now() - startedAt;
    }
  }

  /** Lets go of the file; a process that does not is ended. */
  async leave(): Promise<void> {
    await this.ask({ type: 'leave' }).catch(() => undefined);
    this.#pool.giveBack(this.#decoder);
  }
}

/** Cuts what is large. */
async function* pieces(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of bytes) {
    for (let at = 0; at < piece.length; at += PIECE_BYTES_MAX) yield piece.subarray(at, at + PIECE_BYTES_MAX);
  }
}

/** What the death of a decoder, or its answer, is for the sender of the file. */
function audioError(cause: unknown): Error {
  if (cause instanceof RequestError) {
    if (cause.code === 'failed')
      return new DecoderError('decoder_failed', `Decoding failed: ${cause.message}.`, { cause });
    return new AudioFileError(cause.code as AudioFileErrorCode, cause.message, { cause });
  }
  if (!(cause instanceof ChildError)) return cause instanceof Error ? cause : new Error(messageOf(cause));
  const what =
    cause.code === 'memory' ? 'takes too much memory' : cause.code === 'timeout' ? 'takes too long' : 'fails';
  const message = `Decoding the file ${what}: it is damaged, or of no honest kind. Convert it and send it again.`;
  return new AudioFileError('audio_too_complex', message, { cause });
}
