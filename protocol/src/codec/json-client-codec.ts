// The client's end of the subprotocol for people without MessagePack: messages are JSON text frames, audio is the raw
// binary frame.
import { ProtocolError } from '../errors.js';
import type { ClientMessage, ServerMessage } from '../messages.js';
import { JSON_SUBPROTOCOL } from '../version.js';
import type { ClientCodec, Frame } from './codec.js';
import { AudioPosition, parseJson } from './json-audio.js';
import { asServerMessage } from './server-message.js';

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
    const message = asServerMessage(parseJson(frame));
    if (message?.type === 'resumed') this.#position.resume(message);
    return message;
  }
}
