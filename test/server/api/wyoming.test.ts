// Home Assistant's protocol, byte by byte, on a real port.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { openWyoming } from '../../../server/src/api/wyoming/open-wyoming.js';
import { WyomingServer } from '../../../server/src/api/wyoming/wyoming-server.js';
import { QuotaError } from '../../../server/src/admission/quota.js';
import { StartError } from '../../../server/src/main.js';
import { ScriptedSession } from '../../support/scripted-session.js';
import { testFolder } from '../../support/test-folder.js';
import { startWholeServer } from '../../support/whole-server.js';

const LIMITS = { messageBytesMax: 4_096, bufferedAudioMsMax: 1_000, outboxBytesMax: 65_536, idleTimeoutMs: 60_000 };
const PCM = { rate: 16_000, width: 2, channels: 1 };

/** A frame as the Python package writes it. */
function frame(type: string, data: object = {}, payload = Buffer.alloc(0)): Buffer {
  const body = Buffer.from(JSON.stringify(data));
  const header = { type, version: '1.7.2', data_length: body.length, payload_length: payload.length };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body, payload]);
}

/** The events of an answer. */
function events(answer: string): { type: string; data: Record<string, unknown> }[] {
  const found = [];
  for (let rest = Buffer.from(answer); rest.length > 0;) {
    const end = rest.indexOf('\n');
    const { type, data_length: length } = JSON.parse(rest.subarray(0, end).toString()) as {
      type: string;
      data_length: number;
    };
    const data = JSON.parse(rest.subarray(end + 1, end + 1 + length).toString()) as Record<string, unknown>;
    found.push({ type, data });
    rest = rest.subarray(end + 1 + length);
  }
  return found;
}

async function serve(t: Test, onSession: (session: ScriptedSession) => void = () => undefined) {
  const sessions: ScriptedSession[] = [];
  let streams = 0;
  const server = new WyomingServer({
    model: { name: 'small', languages: ['en', 'de'] },
    limits: LIMITS,
    log: pino({ level: 'silent' }),
    open: (sink) => {
      if (sessions.length === 3) throw new QuotaError('3 streams at a time', 'total', 1);
      const session = new ScriptedSession(`s${sessions.length}`, sink);
      sessions.push(session);
      streams++;
      onSession(session);
      return { session, release: () => streams-- };
    },
  });
  t.teardown(() => server.close());
  const port = await server.listen(0, '127.0.0.1');
  return {
    server,
    sessions,
    streams: () => streams,
    open: () => connect(port, '127.0.0.1'),
    /** What is answered to these bytes, up to the end. */
    async ask(...bytes: readonly (string | Uint8Array)[]) {
      const socket = connect(port, '127.0.0.1');
      socket.end(Buffer.concat(bytes.map((part) => Buffer.from(part as Uint8Array))));
      return events(await text(socket));
    },
  };
}

const speaks = (session: ScriptedSession): void => {
  session.onReceive = ({ type }) => {
    if (type === 'audio') session.final(session.received.length, `chunk ${session.received.length - 1}.`);
  };
};

t.test('describe, ping and a recording with its streaming transcript', async (t) => {
  const { ask, sessions, streams } = await serve(t, speaks);
  const recording = [
    frame('transcribe', { name: null, language: 'en', transcript_names: ['Sotto'], transcript_terms: ['Wyoming'] }),
    frame('audio-start', { ...PCM, timestamp: 0 }),
    frame('audio-chunk', { ...PCM, timestamp: 0 }, Buffer.alloc(320)),
    frame('audio-chunk', { ...PCM, timestamp: 10 }, Buffer.alloc(640)),
    frame('audio-stop', { timestamp: null }),
  ];
  const answer = await ask(frame('describe'), frame('ping', { text: 'a' }), frame('no-such-event'), ...recording);
  t.match(answer[0], {
    type: 'info',
    data: {
      asr: [
        {
          name: 'sotto',
          installed: true,
          attribution: { name: String, url: String },
          supports_transcript_streaming: true,
          models: [{ name: 'small', languages: ['en', 'de'], installed: true }],
        },
      ],
      tts: [],
    },
  });
  t.strictSame(answer.slice(1), [
    { type: 'pong', data: { text: 'a' } },
    { type: 'transcript-start', data: { language: 'en' } },
    { type: 'transcript-chunk', data: { text: 'chunk 1.' } },
    { type: 'transcript-chunk', data: { text: ' chunk 2.' } },
    { type: 'transcript', data: { text: 'chunk 1. chunk 2.', language: 'en' } },
    { type: 'transcript-stop', data: {} },
  ]);
  t.match(sessions[0]?.received[0], {
    type: 'start',
    audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
    language: 'en',
    hotwords: ['Sotto', 'Wyoming'],
  });
  t.equal(streams(), 0, 'its place is given back');
  // Chunks alone, and one recording after another.
  const twice = await ask(...recording.slice(2), ...recording);
  t.strictSame(
    twice.filter(({ type }) => type === 'transcript').map(({ data }) => data['text']),
    ['chunk 1. chunk 2.', 'chunk 1. chunk 2.'],
  );
  t.match(await ask(...recording), [{ type: 'error', data: { code: 'quota_exceeded' } }], 'no stream is left');
});

t.test('frames cut anywhere', async (t) => {
  const { open } = await serve(t, speaks);
  const socket = open();
  const bytes = Buffer.concat([frame('audio-chunk', PCM, Buffer.alloc(32)), frame('audio-stop')]);
  const answer = text(socket);
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await turn();
  }
  socket.end();
  t.match(
    events(await answer).map(({ type }) => type),
    ['transcript-start', 'transcript-chunk', 'transcript', 'transcript-stop'],
  );
});

t.test('silence is an empty transcript', async (t) => {
  const { ask } = await serve(t);
  t.strictSame(await ask(frame('audio-start', PCM), frame('audio-stop')), [
    { type: 'transcript-start', data: {} },
    { type: 'transcript', data: { text: '' } },
    { type: 'transcript-stop', data: {} },
  ]);
});

t.test('bad events are answered, and the next recording is taken', async (t) => {
  const { ask } = await serve(t, speaks);
  const good = [frame('audio-chunk', PCM, Buffer.alloc(320)), frame('audio-stop')];
  for (const [type, data] of [
    ['audio-start', { ...PCM, width: 4 }],
    ['audio-start', { ...PCM, rate: 1 }],
    ['transcribe', { language: 7 }],
  ] as const) {
    const answer = await ask(frame(type, data), frame('audio-stop'), ...good);
    t.match(answer[0], { type: 'error', data: { code: 'invalid_message', text: new RegExp(`^${type}: `) } });
    t.equal(answer.filter(({ type }) => type === 'transcript').length, 1);
  }
});

t.test('what is no frame is answered, and ends the connection', async (t) => {
  const { ask, server } = await serve(t);
  for (const [bytes, code] of [
    ['GET / HTTP/1.1\r\n\r\n', 'malformed_message'],
    ['[]\n', 'malformed_message'],
    ['{"type":"ping","data_length":-1}\n', 'malformed_message'],
    ['{"type":"ping","data_length":2}\n[]', 'malformed_message'],
    ['{"type":"ping","data_length":65537}\n', 'message_too_large'],
    ['{"type":"audio-chunk","payload_length":4097}\n', 'message_too_large'],
    ['{"type":"audio-chunk","payload_length":1e15}\n', 'message_too_large'],
    ['x'.repeat(20_000), 'message_too_large'],
  ] as const) {
    t.match(await ask(bytes, frame('describe')), [{ type: 'error', data: { code } }], bytes.slice(0, 60));
  }
  t.strictSame(await ask('{"type":"ping","data_length":9}\n{'), [], 'a frame that never ends is no event');
  t.match(await ask(frame('describe')), [{ type: 'info' }], 'the server lives on');
  await server.close();
});

t.test('audio that waits holds its client back; a client that leaves takes its session along', async (t) => {
  const { open, sessions, streams } = await serve(t, (session) => (session.msPerChunk = 2_000));
  const socket = open();
  socket.write(
    Buffer.concat([frame('audio-chunk', PCM, Buffer.alloc(64)), frame('audio-chunk', PCM, Buffer.alloc(64))]),
  );
  while (sessions[0] === undefined || sessions[0].received.length < 2) await turn();
  for (let i = 0; i < 20; i++) await turn();
  t.equal(sessions[0].received.length, 2, 'the second chunk waits');
  sessions[0].catchUp();
  while (sessions[0].received.length < 3) await turn();
  sessions[0].catchUp();
  socket.destroy();
  while (streams() > 0) await turn();
  t.equal(sessions[0].abandoned, 1);
});

t.test('a server that ends lets recordings finish', async (t) => {
  const { open, sessions, server } = await serve(t, speaks);
  const socket = open();
  const answer = text(socket);
  socket.write(frame('audio-chunk', PCM, Buffer.alloc(64)));
  while (sessions[0] === undefined || sessions[0].received.length < 2) await turn();
  await server.drain();
  t.match(events(await answer).at(-2), { type: 'transcript', data: { text: 'chunk 1.' } });
});

t.test('a server on the network needs to let anybody in; one with keys answers without', async (t) => {
  await t.rejects(startWholeServer(t, { host: '0.0.0.0', keys: 'required', wyomingPort: 1, dataDir: testFolder(t) }), {
    constructor: StartError,
    message: /--wyoming-port on --host 0\.0\.0\.0 .* --allow-anonymous true/,
  });
  for (const [isDemanded, allowAnonymous, code] of [
    [true, false, 'unauthorized'],
    [true, true, 'shutting_down'],
    [false, false, 'shutting_down'],
  ] as const) {
    let held = 0;
    const port = await freePort();
    const server = await openWyoming({
      port,
      host: '127.0.0.1',
      gateway: { createSession: () => undefined },
      access: { isDemanded },
      allowAnonymous,
      takeStream: () => {
        held++;
        return () => held--;
      },
      model: { name: 'small', languages: ['en'] },
      limits: LIMITS,
      log: pino({ level: 'silent' }),
    });
    t.teardown(() => server.close());
    const socket = connect(port, '127.0.0.1');
    socket.end(frame('audio-start', PCM));
    t.match(events(await text(socket)), [{ type: 'error', data: { code } }]);
    t.equal(held, 0);
  }
});

t.test('a whole server: its streams take their place among those of all', async (t) => {
  const wyomingPort = await freePort();
  await startWholeServer(t, { wyomingPort, store: 'none' });
  const ask = async (...frames: readonly Buffer[]) => {
    const socket = connect(wyomingPort, '127.0.0.1');
    socket.end(Buffer.concat(frames));
    return events(await text(socket));
  };
  t.match(await ask(frame('describe')), [{ type: 'info', data: { asr: [{ name: 'sotto' }] } }]);
  const recording = [frame('audio-start', PCM), frame('audio-chunk', PCM, Buffer.alloc(3_200)), frame('audio-stop')];
  t.match((await ask(...recording)).slice(-2), [{ type: 'transcript' }, { type: 'transcript-stop' }]);
  t.match(await ask(frame('transcribe', { language: 'xx' }), ...recording), [
    { type: 'error', data: { code: 'unsupported_language' } },
  ]);
});

/** One that nobody listens on, most likely. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}
