// Writes plain MessagePack: the shortest form of each value, in the few kinds of values that messages are made of.

/** What a message may hold. A field that is undefined is left out of a map, and nil in an array. */
type Plain =
  | null
  | undefined
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain };

const FIRST_BYTES = 64;

/**
 * Encodes a value of null, booleans, numbers, strings, bytes, arrays and plain objects. Whole numbers beyond 32 bits
 * are written as doubles, as exact as JavaScript has them. The array returned is the caller's own.
 *
 * Layout of the format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
export function writeMsgpack(value: unknown): Uint8Array {
  let bytes = new Uint8Array(FIRST_BYTES);
  let view = new DataView(bytes.buffer);
  let length = 0;

  /** Where `count` bytes more may be written. */
  const room = (count: number): number => {
    const at = length;
    length += count;
    if (length > bytes.length) {
      const larger = new Uint8Array(Math.max(length, bytes.length * 2));
      larger.set(bytes);
      bytes = larger;
      view = new DataView(bytes.buffer);
    }
    return at;
  };
  const unsigned = (size: number, number: number): void => {
    const at = room(size);
    if (size === 1) view.setUint8(at, number);
    else if (size === 2) view.setUint16(at, number);
    else view.setUint32(at, number);
  };
  /** A token and a length of 1, 2 or 4 bytes: `token` is that of the shortest that exists. */
  const head = (token: number, sizes: readonly number[], count: number): void => {
    const found = sizes.findIndex((size) => count < 2 ** (size * 8));
    unsigned(1, token + found);
    unsigned(sizes[found] ?? 4, count);
  };
  const blob = (data: ArrayLike<number>): void => {
    const at = room(data.length);
    bytes.set(data, at);
  };
  const number = (it: number): void => {
    const isWhole = Number.isInteger(it) && it >= -0x8000_0000 && it < 0x1_0000_0000;
    if (!isWhole) {
      unsigned(1, 0xcb);
      const at = room(8);
      view.setFloat64(at, it);
    } else if (it >= -0x20 && it < 0x80) {
      // A small integer is its own token.
      unsigned(1, it);
    } else if (it > 0) {
      head(0xcc, [1, 2, 4], it);
    } else {
      const size = it >= -0x80 ? 1 : it >= -0x8000 ? 2 : 4;
      unsigned(1, size === 1 ? 0xd0 : size === 2 ? 0xd1 : 0xd2);
      unsigned(size, it);
    }
  };
  const string = (it: string): void => {
    const data = utf8(it);
    if (data.length < 0x20) unsigned(1, 0xa0 | data.length);
    else head(0xd9, [1, 2, 4], data.length);
    blob(data);
  };
  /** A container's head: up to 15 values are counted in the token `short`. */
  const container = (short: number, long: number, count: number): void => {
    if (count < 0x10) unsigned(1, short | count);
    else head(long, [2, 4], count);
  };

  const write = (it: Plain): void => {
    if (it === null || it === undefined) unsigned(1, 0xc0);
    else if (typeof it === 'boolean') unsigned(1, it ? 0xc3 : 0xc2);
    else if (typeof it === 'number') number(it);
    else if (typeof it === 'string') string(it);
    else if (it instanceof Uint8Array) {
      head(0xc4, [1, 2, 4], it.length);
      blob(it);
    } else if (isList(it)) {
      container(0x90, 0xdc, it.length);
      for (const element of it) write(element);
    } else {
      const fields = Object.entries(it).filter(([, field]) => field !== undefined);
      container(0x80, 0xde, fields.length);
      for (const [key, field] of fields) {
        string(key);
        write(field);
      }
    }
  };

  write(value as Plain);
  return bytes.subarray(0, length);
}

function isList(value: object): value is readonly Plain[] {
  return Array.isArray(value);
}

/**
 * By hand: not every engine of a mobile app has a TextEncoder. Half a surrogate pair becomes a replacement character.
 */
function utf8(text: string): number[] {
  const bytes: number[] = [];
  for (const char of text) {
    const read = char.codePointAt(0) ?? 0;
    const point = read >= 0xd800 && read <= 0xdfff ? 0xfffd : read;
    if (point < 0x80) bytes.push(point);
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), tail(point));
    else if (point < 0x1_0000) bytes.push(0xe0 | (point >> 12), tail(point >> 6), tail(point));
    else bytes.push(0xf0 | (point >> 18), tail(point >> 12), tail(point >> 6), tail(point));
  }
  return bytes;
}

function tail(bits: number): number {
  return 0x80 | (bits & 0x3f);
}
