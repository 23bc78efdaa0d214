// What both ends of the JSON subprotocol share: text frames are JSON, and both count where raw audio stands.
import { bytesPerFrame } from '../audio-format.js';
import { ProtocolError } from '../errors.js';
import type { AudioFormat, ResumedMessage } from '../messages.js';

/**
 * Counts where raw audio stands. A binary frame goes on where the one before it ended; `{"type":"audio","offset":N}`
 * says where the next one begins. Samples are counted as both ends can: whole frames of the format in `start`.
 */
export class AudioPosition {
  /** Bytes of one sample of every channel; unknown before `start`. */
  #frameBytes: number | undefined;
  #next = 0;

  start(format: AudioFormat): void {
    this.#frameBytes ??= bytesPerFrame(format);
  }

  /** A session of this format goes on at `offset` (rule RS6). */
  resume({ audio, offset }: ResumedMessage): void {
    this.#frameBytes = bytesPerFrame(audio);
    this.#next = offset;
  }

  get next(): number {
    return this.#next;
  }

  seek(offset: number): void {
    this.#next = offset;
  }

  /** The offset of `data`, which then has been passed. */
  take(data: Uint8Array): number {
    const offset = this.#next;
    if (this.#frameBytes !== undefined) this.#next += Math.floor(data.byteLength / this.#frameBytes);
    return offset;
  }
}

/** The value of a text frame. @throws {ProtocolError} malformed_message */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) ?? null;
  } catch (cause) {
    throw new ProtocolError('malformed_message', 'The text frame is not JSON.', { cause });
  }
}
