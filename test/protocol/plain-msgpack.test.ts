// The client's own MessagePack beside msgpackr: each reads what the other writes.
import assert from 'node:assert/strict';
import { ProtocolError } from '@sotto/protocol';
import * as fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import t from 'tap';
import { readMsgpack } from '../../protocol/src/codec/msgpack-reader.js';
import { writeMsgpack } from '../../protocol/src/codec/msgpack-writer.js';
import { assertPlainMsgpack } from '../../protocol/src/codec/plain-msgpack.js';
import { anyText, holds } from '../support/property.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number' });

/** Whole numbers on both sides of every bound at which the format changes. */
const edges = [5, 7, 8, 15, 16, 31, 32, 53].flatMap((bits) =>
  [-1, 0, 1].flatMap((step) => [2 ** bits + step, -(2 ** bits) + step]),
);
const number = fc.oneof(
  fc.constantFrom(...edges.filter(Number.isSafeInteger), 0, -0),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true }),
);
/** Strings of every length of the format's heads are too long for a property; their bounds have a test of their own. */
const text = anyText({ maxLength: 70 });
const key = text.filter((it) => it !== '__proto__');
const bytes = fc.uint8Array({ maxLength: 300 });
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false),
    number,
    text,
    bytes,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
  ),
}));

/** Buffers as the plain arrays that they hold; negative zero is a number that no message has. */
function comparable(it: unknown): unknown {
  if (it instanceof Uint8Array) return { bytes: [...it] };
  if (Array.isArray(it)) return it.map(comparable);
  if (typeof it === 'object' && it !== null)
    return Object.fromEntries(Object.entries(it).map(([name, field]) => [name, comparable(field)]));
  return Object.is(it, -0) ? 0 : it;
}

t.test('what is written is plain MessagePack that msgpackr reads as it was', async (t) => {
  holds(
    t,
    fc.property(value, (it) => {
      const written = writeMsgpack(it);
      assertPlainMsgpack(written);
      assert.deepEqual(comparable(unpackr.unpack(written)), comparable(it));
      assert.deepEqual(comparable(readMsgpack(written)), comparable(it));
    }),
  );
});

t.test('what msgpackr writes is read as it was', async (t) => {
  holds(
    t,
    fc.property(value, (it) => assert.deepEqual(comparable(readMsgpack(packr.pack(it))), comparable(it))),
  );
});

const size = (it: number): number => writeMsgpack(it).length;
const read = (...bytes: number[]): unknown => readMsgpack(Uint8Array.from(bytes));

t.test('numbers take the shortest form', async (t) => {
  t.strictSame([0, 127, -1, -32].map(size), [1, 1, 1, 1]);
  t.strictSame([128, 255, -33, -128].map(size), [2, 2, 2, 2]);
  t.strictSame([256, 65_535, -129, -32_768].map(size), [3, 3, 3, 3]);
  t.strictSame([65_536, 2 ** 32 - 1, -32_769, -(2 ** 31)].map(size), [5, 5, 5, 5]);
  t.strictSame([2 ** 32, 2 ** 53 - 1, 0.5, -(2 ** 31) - 1].map(size), [9, 9, 9, 9]);
});

t.test('64-bit integers and single floats, which only others write', async (t) => {
  t.equal(read(0xcf, 0, 0, 0, 1, 0, 0, 0, 2), 2 ** 32 + 2);
  t.equal(read(0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe), -2);
  t.equal(read(0xd3, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff), -(2 ** 32) - 1);
  t.equal(read(0xca, 0x3f, 0x20, 0, 0), 0.625);
});

t.test('every length of strings, bytes, arrays and maps', async (t) => {
  for (const length of [0, 15, 16, 31, 32, 255, 256, 65_535, 65_536]) {
    const list = Array.from({ length }, (_, at) => at % 7);
    const map = Object.fromEntries(list.map((it, at) => [`k${at}`, it]));
    for (const it of ['é'.repeat(length / 2), 'x'.repeat(length), new Uint8Array(length).fill(7), list, map]) {
      const written = writeMsgpack(it);
      assert.deepEqual(comparable(readMsgpack(written)), comparable(it));
      assert.deepEqual(comparable(unpackr.unpack(written)), comparable(it));
      t.ok(written.length <= packr.pack(it).length, `${it.constructor.name} of ${length}: no longer than by msgpackr`);
    }
  }
});

t.test('undefined is left out of maps and nil in arrays', async (t) => {
  t.strictSame(readMsgpack(writeMsgpack({ a: undefined, b: [undefined, 1] })), { b: [null, 1] });
});

t.test('a key named __proto__ is a field and no prototype', async (t) => {
  const read = readMsgpack(packr.pack(JSON.parse('{"__proto__":{"polluted":1}}')));
  t.notOk('polluted' in {});
  t.equal(Object.getPrototypeOf(read), Object.prototype);
});

t.test('text that is no text on either side is no error', async (t) => {
  t.equal(readMsgpack(writeMsgpack('\ud800a\udc00')), '\ufffda\ufffd', 'halves of surrogate pairs');
  holds(
    t,
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 31 }), (data) => {
      assert.equal(typeof readMsgpack(Uint8Array.of(0xa0 | data.length, ...data)), 'string');
    }),
  );
});

t.test(
  'whatever bytes come, they are a value or malformed_message; and no more is taken than a server takes',
  async (t) => {
    const head = fc.constantFrom(0x81, 0x92, 0xdc, 0xdd, 0xde, 0xdf, 0xc4, 0xc6, 0xc7, 0xd4, 0xd9, 0xdb, 0xa3, 0xc1);
    holds(
      t,
      fc.property(fc.array(head, { maxLength: 9 }), fc.uint8Array({ maxLength: 60 }), (heads, rest) => {
        const frame = Uint8Array.of(...heads, ...rest);
        assert.equal(
          verdict(() => readMsgpack(frame)),
          verdict(() => assertPlainMsgpack(frame)),
        );
      }),
      { numRuns: 5_000 },
    );
  },
);

function verdict(run: () => unknown): string {
  try {
    run();
    return 'taken';
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}
