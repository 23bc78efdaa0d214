// Whatever bytes come, a codec answers with a message or a ProtocolError: soon, and with little memory.
import assert from 'node:assert/strict';
import {
  JsonClientCodec,
  JsonServerCodec,
  LIMITS,
  MsgpackClientCodec,
  MsgpackServerCodec,
  ProtocolError,
  type ClientCodec,
  type Frame,
  type ServerCodec,
} from '@sotto/protocol';
import * as fc from 'fast-check';
import t from 'tap';
import { clientMessage, serverMessage } from '../support/message-arbitraries.js';
import { anyText, holds } from '../support/property.js';

/** The code that a frame is refused with, `accepted`, or the failure of this test: any other error. */
function verdict(codec: ServerCodec | ClientCodec, frame: Frame): string {
  try {
    codec.decode(frame);
    return 'accepted';
  } catch (error) {
    if (error instanceof ProtocolError) return error.code;
    throw error;
  }
}

/** A copy of a frame with some bytes replaced. */
function change(frame: Uint8Array, edits: readonly (readonly [number, number])[]): Uint8Array {
  const changed = Uint8Array.from(frame);
  for (const [at, value] of edits) changed[at % changed.length] = value;
  return changed;
}

const bytes = (...values: number[]) => Uint8Array.from(values);

t.test('MS1: random bytes are a message or a ProtocolError', async (t) => {
  holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 200 }), (frame) => {
      verdict(new MsgpackServerCodec(), frame);
      verdict(new MsgpackClientCodec(), frame);
      verdict(new JsonServerCodec(), frame);
      verdict(new JsonClientCodec(), frame);
      verdict(new JsonServerCodec(), Buffer.from(frame).toString('latin1'));
    }),
    { numRuns: 5_000 },
  );
});

t.test('MS1: random bytes behind a plausible header are a message or a ProtocolError', async (t) => {
  const header = fc.constantFrom(0x81, 0x82, 0x83, 0x93, 0xdc, 0xdd, 0xde, 0xdf, 0xc4, 0xc7, 0xd4, 0xd9, 0x72);
  holds(
    t,
    fc.property(fc.array(header, { maxLength: 6 }), fc.uint8Array({ maxLength: 80 }), (headers, rest) => {
      verdict(new MsgpackServerCodec(), bytes(...headers, ...rest));
    }),
    { numRuns: 5_000 },
  );
});

t.test('MS1: a message that is cut off anywhere is malformed', async (t) => {
  holds(
    t,
    fc.property(clientMessage, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (message, share) => {
      const [frame] = new MsgpackClientCodec().encode(message);
      assert.ok(frame instanceof Uint8Array);
      const cut = frame.slice(0, Math.floor(share * frame.length));
      assert.equal(verdict(new MsgpackServerCodec(), cut), 'malformed_message');
    }),
  );
});

t.test('MS1: a message with bytes changed is a message or a ProtocolError', async (t) => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  holds(
    t,
    fc.property(clientMessage, serverMessage, changes, (up, down, edits) => {
      const [upFrame] = new MsgpackClientCodec().encode(up);
      const downFrame = new MsgpackServerCodec().encode(down);
      assert.ok(upFrame instanceof Uint8Array && downFrame instanceof Uint8Array);
      verdict(new MsgpackServerCodec(), change(upFrame, edits));
      verdict(new MsgpackClientCodec(), change(downFrame, edits));
    }),
    { numRuns: 2_000 },
  );
});

t.test('MS1: bytes left over are malformed', async (t) => {
  t.equal(
    verdict(new MsgpackServerCodec(), bytes(0x81, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xa4, 0x70, 0x69, 0x6e, 0x67)),
    'accepted',
  );
  t.equal(
    verdict(new MsgpackServerCodec(), bytes(0x81, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xa4, 0x70, 0x69, 0x6e, 0x67, 0xc0)),
    'malformed_message',
  );
  t.equal(verdict(new MsgpackServerCodec(), bytes()), 'malformed_message');
});

t.test('MS1: huge lengths in headers cost nothing', async (t) => {
  const before = process.memoryUsage().rss;
  const started = performance.now();
  for (const token of [0xdd, 0xdf, 0xc6, 0xdb, 0xc9]) {
    for (let round = 0; round < 2_000; round++) {
      const frame = bytes(token, 0xff, 0xff, 0xff, 0xff, 1, 2, 3);
      if (verdict(new MsgpackServerCodec(), frame) !== 'malformed_message')
        t.fail(`0x${token.toString(16)} was accepted`);
    }
  }
  t.ok(process.memoryUsage().rss - before < 64 * 2 ** 20, 'less than 64 MiB for 10,000 frames that claim 4 GiB each');
  t.ok(performance.now() - started < 2_000, 'and less than 2 s');
});

t.test('MS1: a frame of ever more containers is refused at the bounds', async (t) => {
  const nested = new Uint8Array(LIMITS.messageBytesMax).fill(0x91);
  t.equal(verdict(new MsgpackServerCodec(), nested), 'malformed_message', 'a million arrays, one in the other');
  const wide = new Uint8Array(LIMITS.messageBytesMax).fill(0x90);
  wide.set([0xdd, 0x00, 0x0f, 0xff, 0xfb]);
  t.equal(verdict(new MsgpackServerCodec(), wide), 'malformed_message', 'a million arrays, side by side');
});

t.test('MS1: extension types are refused wherever they stand', async (t) => {
  const record = [0xd4, 0x72, 0x40, 0x91, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xa4, 0x70, 0x69, 0x6e, 0x67];
  const regexp = [0xc7, 0x00, 0x78, 0x92, 0xa1, 0x61, 0xa0];
  const undefinedValue = [0xd4, 0x00, 0x00];
  const reference = [0xd6, 0x70, 0, 0, 0, 1];
  const date = [0xd6, 0xff, 0, 0, 0, 1];
  for (const extension of [record, regexp, undefinedValue, reference, date, [0xc1]]) {
    t.equal(verdict(new MsgpackServerCodec(), bytes(...extension)), 'malformed_message');
    t.equal(
      verdict(new MsgpackServerCodec(), bytes(0x82, 0xa1, 0x61, ...extension, 0xa1, 0x62, 0xc0)),
      'malformed_message',
    );
    t.equal(verdict(new MsgpackClientCodec(), bytes(0x92, 0x00, ...extension)), 'malformed_message');
  }
});

t.test('MS1: a small integer is never taken for a record of an earlier message', async (t) => {
  const codec = new MsgpackServerCodec();
  verdict(codec, bytes(0xd4, 0x72, 0x40, 0x91, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xa4, 0x70, 0x69, 0x6e, 0x67));
  for (let offset = 0; offset < 128; offset++) {
    t.match(codec.decode(bytes(0x93, 0x00, offset, 0xc4, 0x01, 0x07)), { type: 'audio', offset }, { bail: true });
  }
});

t.test('MS1: keys that are no strings are refused', async (t) => {
  t.equal(verdict(new MsgpackServerCodec(), bytes(0x81, 0x01, 0x01)), 'malformed_message');
  t.equal(verdict(new MsgpackServerCodec(), bytes(0x81, 0x91, 0x01, 0x01)), 'malformed_message');
  t.equal(verdict(new MsgpackServerCodec(), bytes(0x81, 0x80, 0x01)), 'malformed_message');
});

t.test('MS7: a key named __proto__ changes no prototype', async (t) => {
  const key = [...Buffer.from('__proto__')];
  const frame = bytes(
    0x82,
    0xa9,
    ...key,
    0x81,
    0xa1,
    0x61,
    0x01,
    0xa4,
    ...Buffer.from('type'),
    0xa4,
    ...Buffer.from('ping'),
  );
  t.strictSame(new MsgpackServerCodec().decode(frame), { type: 'ping' });
  t.notOk('a' in {});
});

t.test('MS3: random text is a message or a ProtocolError', async (t) => {
  const text = fc.oneof(anyText({ maxLength: 100 }), fc.json({ maxDepth: 6 }));
  holds(
    t,
    fc.property(text, (frame) => {
      verdict(new JsonServerCodec(), frame);
      verdict(new JsonClientCodec(), frame);
    }),
    { numRuns: 3_000 },
  );
});
