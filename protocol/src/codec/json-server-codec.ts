// The server's end of the subprotocol for people without MessagePack: text frames in, text frames out, raw audio.
import { ProtocolError } from '../errors.js';
import { LIMITS } from '../limits.js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import { JSON_SUBPROTOCOL } from '../version.js';
import { isSampleOffset, parseClientMessage } from './client-message.js';
import type { Frame, ServerCodec } from './codec.js';
import { AudioPosition, parseJson } from './json-audio.js';

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
    const value = parseJson(frame);
    if (isAudioHeader(value)) {
      if (!isSampleOffset(value.offset)) {
        throw new ProtocolError('invalid_message', 'audio.offset: expected a whole number of samples >= 0.', {
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

function isAudioHeader(value: unknown): value is { type: 'audio'; offset: unknown } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'audio';
}
