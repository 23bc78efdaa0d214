// The codec for people without MessagePack: messages are JSON text frames, audio is the raw binary frame.
import { bytesPerFrame } from '../audio-format.js';
import { ProtocolError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { AudioFormat, ClientMessage, ResumedMessage, ServerMessage } from '../messages.js';
import { JSON_SUBPROTOCOL } from '../version.js';
import { isSampleOffset, parseClientMessage } from './client-message.js';
import type { ClientCodec, Frame, ServerCodec } from './codec.js';
import { asServerMessage } from './server-message.js';

/**
 * Counts where raw audio stands. A binary frame goes on where the one before it ended; `{"type":"audio","offset":N}`
 * says where the next one begins. Samples are counted as both ends can: whole frames of the format in `start`.
 */
class AudioPosition {
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

export class JsonServerCodec implements ServerCodec {
  readonly subprotocol = JSON_SUBPROTOCOL;
  readonly #position = new AudioPosition();

  decode(frame: Frame): ClientMessage | undefined {
    if (typeof frame !== 'string') return { type: 'audio', offset: this.#position.take(frame), data: frame };
    if (frame.length > LIMITS.textCharsMax) {
      throw new ProtocolError(
        'message_too_large',
        `A text frame has at most ${LIMITS.textCharsMax} characters, got ${frame.length}.`,
      );
    }
    const value = parse(frame);
    if (isAudioHeader(value)) {
      if (!isSampleOffset(value.offset)) {
        throw new ProtocolError('invalid_message', 'audio.offset: wanted a whole number of samples >= 0.', {
          messageType: 'audio',
        });
      }
      this.#position.seek(value.offset);
      return undefined;
    }
    const message = parseClientMessage(value);
    if (message.type === 'start') this.#position.start(message.audio);
    return message;
  }

  encode(message: ServerMessage): Frame {
    if (message.type === 'resumed') this.#position.resume(message);
    return JSON.stringify(message);
  }
}

export class JsonClientCodec implements ClientCodec {
  readonly subprotocol = JSON_SUBPROTOCOL;
  readonly #position = new AudioPosition();

  encode(message: ClientMessage): readonly Frame[] {
    if (message.type === 'start') {
      this.#position.start(message.audio);
      this.#position.seek(0);
    }
    if (message.type !== 'audio') return [JSON.stringify(message)];
    const { offset, data } = message;
    const moved = offset !== this.#position.next;
    if (moved) this.#position.seek(offset);
    this.#position.take(data);
    return moved ? [JSON.stringify({ type: 'audio', offset }), data] : [data];
  }

  decode(frame: Frame): ServerMessage | undefined {
    if (typeof frame !== 'string') {
      throw new ProtocolError('malformed_message', 'A server that speaks JSON sends no binary frames.');
    }
    const message = asServerMessage(parse(frame));
    if (message?.type === 'resumed') this.#position.resume(message);
    return message;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? null;
  } catch (cause) {
    throw new ProtocolError('malformed_message', 'The text frame is no JSON.', { cause });
  }
}

function isAudioHeader(value: unknown): value is { type: 'audio'; offset: unknown } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'audio';
}
