// Reads plain MessagePack, and nothing else of it: what the client needs of the format, in a kilobyte.
import { ProtocolError } from '../errors.js';
import { LIMITS } from '../limits.js';

const REPLACEMENT = 0xfffd;

/**
 * The one value that a frame holds: maps become objects, byte strings views of the frame, integers beyond 2^53 the
 * nearest number. Extension types, keys that are no strings, cut-off values, bytes left over and nesting deeper than
 * `LIMITS.messageDepthMax` are refused.
 *
 * Layout of the format: https://github.com/msgpack/msgpack/blob/master/spec.md
 * @throws {ProtocolError} malformed_message
 */
export function readMsgpack(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let position = 0;

  /** Where the next `count` bytes begin; they are then passed. */
  const take = (count: number): number => {
    const from = position;
    position += count;
    if (position > bytes.length) throw malformed('it ends in the middle of a value');
    return from;
  };
  /** An unsigned integer of 1, 2 or 4 bytes. */
  const unsigned = (size: number): number => {
    const at = take(size);
    return size === 1 ? view.getUint8(at) : size === 2 ? view.getUint16(at) : view.getUint32(at);
  };
  /** A signed integer of 1, 2, 4 or 8 bytes. */
  const signed = (size: number): number => {
    const at = take(size);
    if (size === 8) return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
    return size === 1 ? view.getInt8(at) : size === 2 ? view.getInt16(at) : view.getInt32(at);
  };
  const text = (length: number): string => {
    const from = take(length);
    return readUtf8(bytes, from, from + length);
  };
  const blob = (length: number): Uint8Array => {
    const from = take(length);
    return bytes.subarray(from, from + length);
  };
  // What holds values grows as they come: a length that was made up costs nothing.
  const list = (length: number, depth: number): unknown[] => {
    const values: unknown[] = [];
    for (let left = length; left > 0; left--) values.push(value(depth + 1));
    return values;
  };
  const map = (length: number, depth: number): unknown => {
    const entries: [string, unknown][] = [];
    for (let left = length; left > 0; left--) {
      const key = value(depth + 1);
      if (typeof key !== 'string') throw malformed('a map has a key that is not a string');
      entries.push([key, value(depth + 1)]);
    }
    // Defines its properties, so that a key named __proto__ is a field like any other.
    return Object.fromEntries(entries);
  };

  const value = (depth: number): unknown => {
    if (depth > LIMITS.messageDepthMax) throw malformed(`nested deeper than ${LIMITS.messageDepthMax}`);
    const token = unsigned(1);
    if (token <= 0x7f) return token;
    if (token >= 0xe0) return token - 0x1_00;
    if (token <= 0x8f) return map(token & 0x0f, depth);
    if (token <= 0x9f) return list(token & 0x0f, depth);
    if (token <= 0xbf) return text(token & 0x1f);
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return token === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return blob(unsigned(1 << (token - 0xc4)));
      case 0xca:
        return view.getFloat32(take(4));
      case 0xcb:
        return view.getFloat64(take(8));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return unsigned(1 << (token - 0xcc));
      case 0xcf:
        return unsigned(4) * 2 ** 32 + unsigned(4);
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        return signed(1 << (token - 0xd0));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return text(unsigned(1 << (token - 0xd9)));
      case 0xdc:
      case 0xdd:
        return list(unsigned(2 << (token - 0xdc)), depth);
      case 0xde:
      case 0xdf:
        return map(unsigned(2 << (token - 0xde)), depth);
      default:
        throw malformed(`the type 0x${token.toString(16)} is not used by this protocol`);
    }
  };

  const read = value(0);
  if (position < bytes.length) throw malformed(`${bytes.length - position} bytes follow the message`);
  return read;
}

/**
 * By hand: not every engine of a mobile app has a TextDecoder. Bytes that are no UTF-8 become replacement characters or
 * other text, never an error.
 */
function readUtf8(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let at = from; at < to;) {
    const lead = bytes[at++] ?? 0;
    // 110xxxxx, 1110xxxx and 11110xxx say how many bytes 10xxxxxx follow.
    const more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    let point = more === 0 ? (lead < 0x80 ? lead : REPLACEMENT) : lead & (0x3f >> more);
    for (const end = Math.min(to, at + more); at < end; at++) point = (point << 6) | ((bytes[at] ?? 0) & 0x3f);
    text += String.fromCodePoint(point > 0x10_ffff ? REPLACEMENT : point);
  }
  return text;
}

function malformed(what: string): ProtocolError {
  return new ProtocolError('malformed_message', `The MessagePack frame cannot be read: ${what}.`);
}
