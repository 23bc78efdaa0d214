// Both codecs: what is encoded comes back, and what is wrong is named.
import assert from 'node:assert/strict';
import {
  JsonClientCodec,
  JsonServerCodec,
  MsgpackClientCodec,
  MsgpackServerCodec,
  ProtocolError,
  ServerMessage,
  chooseSubprotocol,
  createServerCodec,
  type ClientCodec,
  type ClientMessage,
  type Frame,
  type ServerCodec,
} from '@sotto/protocol';
import * as fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import t from 'tap';
import * as v from 'valibot';
import {
  audioMessage,
  clientMessage,
  controlMessage,
  serverMessage,
  startMessage,
} from '../support/message-arbitraries.js';
import { holds } from '../support/property.js';

const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });
const plain = (value: unknown): Uint8Array => Uint8Array.from(packr.pack(value));

const CODECS = [
  { name: 'msgpack', server: () => new MsgpackServerCodec(), client: () => new MsgpackClientCodec(), write: plain },
  { name: 'json', server: () => new JsonServerCodec(), client: () => new JsonClientCodec(), write: JSON.stringify },
] as const satisfies readonly {
  name: string;
  server: () => ServerCodec;
  client: () => ClientCodec;
  write: (value: unknown) => Frame;
}[];

/** Sends through both ends of one connection. */
function pass(client: ClientCodec, server: ServerCodec, message: ClientMessage): ClientMessage[] {
  return client.encode(message).flatMap((frame) => server.decode(frame) ?? []);
}

/** Messages as they compare: bytes as numbers, whatever class of byte array carries them. */
function comparable(message: ClientMessage | undefined): unknown {
  return message?.type === 'audio' ? { ...message, data: [...message.data] } : message;
}

function errorOf(run: () => unknown): ProtocolError {
  try {
    run();
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

for (const { name, server, client, write } of CODECS) {
  t.test(`MS2: every client message comes back (${name})`, async (t) => {
    holds(
      t,
      fc.property(startMessage, fc.array(clientMessage, { maxLength: 5 }), (start, messages) => {
        const [sender, receiver] = [client(), server()];
        for (const message of [start, ...messages]) {
          assert.deepEqual(pass(sender, receiver, message).map(comparable), [comparable(message)]);
        }
      }),
    );
  });

  t.test(`MS2: every server message comes back (${name})`, async (t) => {
    holds(
      t,
      fc.property(serverMessage, (message) => {
        const back = client().decode(server().encode(message));
        assert.deepEqual(back, message);
        assert.ok(v.is(ServerMessage, back));
      }),
    );
  });

  t.test(`MS7: undefined fields are absent, null fields too, unknown ones are dropped (${name})`, async (t) => {
    const configure: ClientMessage = {
      type: 'configure',
      language: undefined,
      endpointing: { threshold: undefined },
      words: true,
    };
    t.strictSame(pass(client(), server(), configure), [{ type: 'configure', endpointing: {}, words: true }]);
    t.strictSame(server().decode(write({ type: 'ping', id: null, colour: 'red', deep: { er: [1] } })), {
      type: 'ping',
    });
    const polluting = '{"type":"ping","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const hostile: unknown = JSON.parse(polluting);
    const decoded = server().decode(name === 'json' ? polluting : write(hostile));
    t.strictSame(decoded, { type: 'ping' });
    t.equal(Object.getPrototypeOf(decoded), Object.prototype);
    t.notOk('polluted' in {});
  });

  t.test(`MS5: an unknown message is named (${name})`, async (t) => {
    const error = errorOf(() => server().decode(write({ type: 'shout' })));
    t.match(error, { code: 'unknown_message', message: 'There is no message of type "shout".' });
    t.equal(errorOf(() => server().decode(write({ type: '__proto__' }))).code, 'unknown_message');
    t.equal(errorOf(() => server().decode(write({ type: 'ready' }))).code, 'unknown_message');
  });

  t.test(`MS6: a wrong field is named with what was wanted (${name})`, async (t) => {
    const audio = { encoding: 'pcm_s16le', sampleRate: 16_000 };
    const cases: [unknown, string, RegExp][] = [
      [{ type: 'mark' }, 'invalid_message', /^mark\.id is missing\.$/],
      [{ type: 'mark', id: '' }, 'invalid_message', /^mark\.id: expected at least one character, got ""\.$/],
      [{ type: 'mark', id: 7 }, 'invalid_message', /^mark\.id: expected string, got 7\.$/],
      [{ type: 'mark', id: 'x'.repeat(129) }, 'invalid_message', /^mark\.id: expected <=128, got "x{40}…"\.$/],
      [{ type: 'start' }, 'invalid_message', /^start\.audio is missing\.$/],
      [
        { type: 'start', audio, language: 'English?' },
        'invalid_message',
        /^start\.language: expected a language such as "en".*"English\?"/,
      ],
      [
        { type: 'start', audio, hotwords: ['ok', 7] },
        'invalid_message',
        /^start\.hotwords\.1: expected string, got 7\.$/,
      ],
      [
        { type: 'configure', endpointing: { minSilenceMs: 5 } },
        'invalid_message',
        /^configure\.endpointing\.minSilenceMs: expected >=96, got 5\.$/,
      ],
      ['start', 'invalid_message', /object/],
      [null, 'invalid_message', /object/],
      [17, 'invalid_message', /object/],
      [{ type: 5 }, 'invalid_message', /"type"/],
    ];
    for (const [value, code, message] of cases) {
      t.match(
        errorOf(() => server().decode(write(value))),
        { code, message },
        JSON.stringify(value),
      );
    }
  });

  t.test(`HS9: audio that the protocol does not carry is unsupported_audio (${name})`, async (t) => {
    for (const audio of [
      { encoding: 'opus', sampleRate: 16_000 },
      { encoding: 'pcm_s16le', sampleRate: 7_999 },
      { encoding: 'pcm_s16le', sampleRate: 48_001 },
      { encoding: 'pcm_s16le', sampleRate: 16_000.5 },
      { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 9 },
      { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 0 },
    ]) {
      const error = errorOf(() => server().decode(write({ type: 'start', audio })));
      t.match(error, { code: 'unsupported_audio', message: /^start\.audio\.(encoding|sampleRate|channels): / });
    }
  });

  t.test(`MS9: only whole, exact sample offsets are taken (${name})`, async (t) => {
    for (const offset of [-1, 0.5, 2 ** 53, '0', null, undefined]) {
      const codec = server();
      const error = errorOf(() => codec.decode(write({ type: 'audio', offset, data: Buffer.from([1, 2]) })));
      t.match(error, { code: 'invalid_message', message: /^audio\.offset: / }, String(offset));
    }
  });

  t.test(`VS3: a client ignores what it does not know (${name})`, async (t) => {
    t.equal(client().decode(write({ type: 'fromALaterVersion', segmentId: 1 })), undefined);
    t.equal(client().decode(write({ type: 'toString' })), undefined);
    t.strictSame(client().decode(write({ type: 'pong', id: 'a', more: 1 })), { type: 'pong', id: 'a', more: 1 });
    t.equal(errorOf(() => client().decode(write(17))).code, 'malformed_message');
  });
}

t.test('HS3: the first known subprotocol of the client is taken', async (t) => {
  t.equal(chooseSubprotocol([]), 'sotto.v1.msgpack');
  t.equal(chooseSubprotocol(['sotto.v9.cbor', 'sotto.v1.json', 'sotto.v1.msgpack']), 'sotto.v1.json');
  t.equal(chooseSubprotocol(['sotto.v1.msgpack', 'sotto.v1.json']), 'sotto.v1.msgpack');
  t.equal(chooseSubprotocol(['chat']), undefined);
  t.equal(createServerCodec('sotto.v1.json').subprotocol, 'sotto.v1.json');
  t.equal(createServerCodec('sotto.v1.msgpack').subprotocol, 'sotto.v1.msgpack');
});

t.test('MS2: msgpack takes maps and rows of the same message', async (t) => {
  holds(
    t,
    fc.property(fc.oneof(controlMessage, audioMessage), (message) => {
      assert.deepEqual(comparable(new MsgpackServerCodec().decode(plain(message))), comparable(message));
    }),
  );
  t.strictSame(
    comparable(new MsgpackServerCodec().decode(plain([0, 640, Buffer.from([1, 2]), 'of a later version']))),
    {
      type: 'audio',
      offset: 640,
      data: [1, 2],
    },
  );
  t.equal(errorOf(() => new MsgpackServerCodec().decode(plain([99, 1]))).code, 'unknown_message');
  t.equal(errorOf(() => new MsgpackServerCodec().decode(plain([]))).code, 'unknown_message');
  t.equal(errorOf(() => new MsgpackServerCodec().decode(plain([0, 640]))).code, 'invalid_message');
  t.equal(
    new MsgpackClientCodec().decode(plain([99, 1])),
    undefined,
    'VS3: a client ignores rows that it does not know',
  );
});

t.test('MS2: audio is not copied', async (t) => {
  const [frame] = new MsgpackClientCodec().encode({ type: 'audio', offset: 5, data: new Uint8Array(1280).fill(9) });
  const message = new MsgpackServerCodec().decode(frame ?? '');
  t.ok(frame instanceof Uint8Array && message.type === 'audio' && message.data.buffer === frame.buffer);
});

t.test('MS8: text has no place in msgpack, binary is audio in JSON', async (t) => {
  t.equal(errorOf(() => new MsgpackServerCodec().decode('{"type":"ping"}')).code, 'malformed_message');
  const bytes = plain({ type: 'ping' });
  t.strictSame(new JsonServerCodec().decode(bytes), { type: 'audio', offset: 0, data: bytes });
  t.equal(errorOf(() => new JsonClientCodec().decode(bytes)).code, 'malformed_message');
});

t.test('MS3: JSON that is none, or too long, is refused', async (t) => {
  for (const text of ['', '{', 'nil', '{"type":"ping"', '\u0000', '['.repeat(60_000), '{"a":'.repeat(12_000)]) {
    t.equal(errorOf(() => new JsonServerCodec().decode(text)).code, 'malformed_message', text.slice(0, 20));
  }
  t.equal(errorOf(() => new JsonServerCodec().decode(' '.repeat(65_537))).code, 'message_too_large');
  const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
  t.strictSame(new JsonServerCodec().decode(`{"type":"ping","deep":${deep}}`), { type: 'ping' });
});

t.test('AU7: raw audio goes on where it ended, and where a header says', async (t) => {
  const codec = new JsonServerCodec();
  codec.decode(JSON.stringify({ type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 8_000, channels: 2 } }));
  const offsets = [40, 7, 4, 0, 4].map((bytes) => {
    const message = codec.decode(new Uint8Array(bytes));
    return message?.type === 'audio' ? message.offset : undefined;
  });
  t.strictSame(offsets, [0, 10, 11, 12, 12]);
  t.equal(codec.decode('{"type":"audio","offset":5}'), undefined);
  t.match(codec.decode(new Uint8Array(8)), { type: 'audio', offset: 5 });
  t.match(codec.decode(new Uint8Array(8)), { type: 'audio', offset: 7 });
});

t.test('AU7: a JSON client writes a header only where its audio moves', async (t) => {
  const codec = new JsonClientCodec();
  codec.encode({ type: 'start', audio: { encoding: 'pcm_f32le', sampleRate: 16_000, channels: 1 } });
  const data = new Uint8Array(400);
  t.strictSame(codec.encode({ type: 'audio', offset: 0, data }), [data]);
  t.strictSame(codec.encode({ type: 'audio', offset: 100, data }), [data]);
  t.strictSame(codec.encode({ type: 'audio', offset: 50, data }), ['{"type":"audio","offset":50}', data]);
  t.strictSame(codec.encode({ type: 'audio', offset: 150, data }), [data]);
});
