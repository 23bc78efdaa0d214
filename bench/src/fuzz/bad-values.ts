// Values that do not belong where they stand, and bytes that were damaged on the way.
import type { Chance } from './chance.js';

/** Characters of a text that is larger than a server wants. */
const HUGE_CHARS = 40_000;
/** Heads of MessagePack that promise much: arrays, maps, texts, bytes, extensions. */
const GREEDY_HEADS = [0xdd, 0xdf, 0xdb, 0xc6, 0xc9, 0xc1, 0x9f, 0x8f, 0xd4, 0xc7];

export function badValue(chance: Chance): unknown {
  return chance.of<() => unknown>([
    () => null,
    () => chance.hits(0.5),
    () => -1 - chance.below(1_000_000),
    () => chance.of([0.5, 1e308, 2 ** 53, 2 ** 32, -0, Number.NaN, Number.POSITIVE_INFINITY]),
    () => chance.text(40),
    () => '',
    () => 'x'.repeat(chance.below(HUGE_CHARS)),
    () => [],
    () => ({}),
    () => chance.some(60, () => chance.below(9)),
    () => nested(2 + chance.below(30)),
    () => ({ ['__proto__']: { polluted: true }, constructor: 1, toString: null }),
    () => chance.bytes(chance.below(20)),
  ])();
}

function nested(depth: number): unknown {
  return depth === 0 ? 1 : depth % 2 === 0 ? [nested(depth - 1)] : { a: nested(depth - 1) };
}

/** A copy of a message with one field changed, taken away, added, or with a field of a field that is so. */
export function withBadField(
  chance: Chance,
  message: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const key = chance.of(Object.keys(message));
  const value = message[key];
  if (isObject(value) && Object.keys(value).length > 0 && chance.hits(0.6)) {
    return { ...message, [key]: withBadField(chance, value) };
  }
  if (chance.hits(0.2)) {
    const { [key]: _, ...rest } = message;
    return rest;
  }
  return { ...message, [chance.hits(0.1) ? chance.text(10) : key]: badValue(chance) };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** A copy with bytes changed, cut off, put in or said twice. */
export function damaged(chance: Chance, bytes: Uint8Array): Uint8Array {
  const at = chance.below(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  return chance.of<() => Uint8Array>([
    () => before,
    () => Buffer.concat([before, chance.bytes(1 + chance.below(4)), after.subarray(1)]),
    () => Buffer.concat([before, chance.bytes(1 + chance.below(8)), after]),
    () => Buffer.concat([before, Uint8Array.of(chance.of(GREEDY_HEADS), 0xff, 0xff, 0xff, 0xff), after]),
    () => Buffer.concat([bytes, after]),
    () => chance.bytes(chance.below(64)),
  ])();
}
