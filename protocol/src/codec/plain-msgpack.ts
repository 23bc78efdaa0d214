// Walks the bytes of a MessagePack frame before they are decoded, so that a hostile frame costs no memory and no stack.
import { ProtocolError } from '../errors.js';
import { LIMITS } from '../limits.js';

/**
 * Accepts a frame that is exactly one value of plain MessagePack: nothing cut off or left over, string keys only, no
 * extension types (they could make a decoder build regular expressions, dates or objects that refer to each other), no
 * more values and no deeper nesting than `LIMITS`. Strings and byte strings are skipped by their length: a frame of
 * audio is judged after four steps, whatever its size.
 *
 * Layout of the format: https://github.com/msgpack/msgpack/blob/master/spec.md
 * @throws {ProtocolError} malformed_message
 */
export function assertPlainMsgpack(bytes: Uint8Array): void {
  /** For each open container, values still to come; a map counts its keys as well. */
  const remaining: number[] = [];
  const isMap: boolean[] = [];
  let position = 0;
  let values = 0;

  const length = (size: 1 | 2 | 4): number => {
    if (position + size > bytes.length) throw truncated();
    let value = 0;
    for (let end = position + size; position < end; position++) value = value * 256 + (bytes[position] as number);
    return value;
  };
  const skip = (count: number): void => {
    position += count;
    if (position > bytes.length) throw truncated();
  };
  const open = (count: number, map: boolean): void => {
    if (remaining.length >= LIMITS.messageDepthMax) throw malformed(`nested deeper than ${LIMITS.messageDepthMax}`);
    remaining.push(map ? count * 2 : count);
    isMap.push(map);
  };

  do {
    if (++values > LIMITS.messageValuesMax) throw malformed(`more than ${LIMITS.messageValuesMax} values`);
    const depth = remaining.length - 1;
    const left = remaining[depth] ?? 0;
    if (depth >= 0) remaining[depth] = left - 1;
    const isKey = isMap[depth] === true && left % 2 === 0;

    const token = length(1);
    const isString = (token >= 0xa0 && token <= 0xbf) || (token >= 0xd9 && token <= 0xdb);
    if (isKey && !isString) throw malformed('a map has a key that is not a string');

    if (token <= 0x7f || token >= 0xe0) {
      // A small integer is its own token.
    } else if (token <= 0x8f) open(token & 0x0f, true);
    else if (token <= 0x9f) open(token & 0x0f, false);
    else if (token <= 0xbf) skip(token & 0x1f);
    else {
      switch (token) {
        case 0xc0: // nil
        case 0xc2: // false
        case 0xc3: // true
          break;
        case 0xc4: // bin 8
        case 0xd9: // str 8
          skip(length(1));
          break;
        case 0xc5: // bin 16
        case 0xda: // str 16
          skip(length(2));
          break;
        case 0xc6: // bin 32
        case 0xdb: // str 32
          skip(length(4));
          break;
        case 0xcc: // uint 8
        case 0xd0: // int 8
          skip(1);
          break;
        case 0xcd: // uint 16
        case 0xd1: // int 16
          skip(2);
          break;
        case 0xca: // float 32
        case 0xce: // uint 32
        case 0xd2: // int 32
          skip(4);
          break;
        case 0xcb: // float 64
        case 0xcf: // uint 64
        case 0xd3: // int 64
          skip(8);
          break;
        case 0xdc: // array 16
          open(length(2), false);
          break;
        case 0xdd: // array 32
          open(length(4), false);
          break;
        case 0xde: // map 16
          open(length(2), true);
          break;
        case 0xdf: // map 32
          open(length(4), true);
          break;
        default:
          throw malformed(`the type 0x${token.toString(16)} is not used by this protocol`);
      }
    }
    while (remaining.at(-1) === 0) {
      remaining.pop();
      isMap.pop();
    }
  } while (remaining.length > 0);

  if (position < bytes.length) throw malformed(`${bytes.length - position} bytes follow the message`);
}

function truncated(): ProtocolError {
  return malformed('it ends in the middle of a value');
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('malformed_message', `The MessagePack frame cannot be read: ${what}.`);
}
