// The client on a real socket: what it sends, what it tells its user, and how every end is told.
import {
  BufferFullError,
  connect,
  ConnectError,
  ConnectionLostError,
  JsonClientCodec,
  ServerError,
  SessionClosedError,
  type ConnectOptions,
  type ServerMessage,
  type SessionEvent,
} from '@sotto/client';
import type { FinalMessage } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { READY, startWireServer, type WireScript } from '../support/wire-server.js';

const webSocket: NonNullable<ConnectOptions['webSocket']> = (url, protocols) => new WebSocket(url, protocols);

const final = (text: string, more: Partial<FinalMessage> = {}): FinalMessage => ({
  type: 'final',
  segmentId: 0,
  reason: 'endpoint',
  text,
  startMs: 0,
  endMs: 1_000,
  language: 'en',
  avgLogprob: -0.25,
  noSpeechProb: 0,
  ...more,
});
const STOPPED: ServerMessage = { type: 'stopped', reason: 'stop', audioMs: 40, speechMs: 0, segments: 0, words: 0 };

/** Answers as a well-behaved server does, with no speech in it. */
const polite: WireScript = (message, peer) => {
  if (message.type === 'start') peer.send(READY);
  if (message.type === 'mark') peer.send({ type: 'mark', id: message.id, offset: 0 });
  if (message.type === 'ping') peer.send({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
  if (message.type === 'stop') {
    peer.send(STOPPED);
    peer.close(1000);
  }
};

async function open(t: Test, script: WireScript, options: ConnectOptions = {}) {
  const { url, peers } = await startWireServer(t, script);
  const session = connect(url, { webSocket, ...options });
  t.teardown(() => session.close());
  return { session, peers };
}

for (const [name, codec] of [
  ['msgpack', undefined],
  ['json', () => new JsonClientCodec()],
] as const) {
  t.test(`a session from start to stopped (${name})`, async (t) => {
    const options: ConnectOptions = { language: 'en', words: true, ...(codec && { codec: codec() }) };
    const { session, peers } = await open(t, polite, options);
    t.equal(session.send(Int16Array.of(1, 2, 3)), false, 'audio before ready waits');
    t.match(await session.ready(), { sessionId: 's1', model: 'scripted' });
    session.send(Int16Array.of(-1, 32_767));
    session.configure({ endpointing: { minSilenceMs: 900 } });
    t.type(await session.ping(), 'number');
    t.match(await session.mark(), { type: 'mark', offset: 0 });
    t.match(await session.stop(), { type: 'stopped', reason: 'stop' });
    t.strictSame(await session.closed, { closeCode: 1000, reason: '' });

    const [peer] = peers;
    t.equal(peer?.subprotocol, `sotto.v1.${name}`);
    const audio = peer?.received.filter(({ type }) => type === 'audio') ?? [];
    t.match(audio, [{ offset: 0 }, { offset: 3 }]);
    const bytes = audio.flatMap((it) => (it.type === 'audio' ? [...it.data] : []));
    t.strictSame(bytes, [1, 0, 2, 0, 3, 0, 0xff, 0xff, 0xff, 0x7f]);
    t.match(peer?.received[0], {
      type: 'start',
      audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
      language: 'en',
      words: true,
    });
    t.match(
      peer?.received.filter(({ type }) => type !== 'audio' && type !== 'ping').map(({ type }) => type),
      ['start', 'configure', 'mark', 'stop'],
    );
  });
}

t.test('events come to listeners and to every iterator, and iterators end with the session', async (t) => {
  const { session } = await open(t, (message, peer) => {
    polite(message, peer);
    if (message.type === 'start')
      peer.send({ type: 'speechStarted', segmentId: 0, startMs: 5 }, final('one'), final('two'));
  });
  const heard: string[] = [];
  const stop = session.on('final', ({ text }) => {
    heard.push(text);
    stop();
  });
  const types: string[] = [];
  const reading = (async () => {
    for await (const event of session) types.push(event.type);
  })();
  for await (const event of session) {
    if (event.type === 'final' && event.text === 'two') break;
  }
  await session.stop();
  await reading;
  t.strictSame(heard, ['one'], 'a listener can be removed');
  t.strictSame(types, ['ready', 'speechStarted', 'final', 'final', 'stopped']);
});

t.test('BP2: audio is held back until acks open the window, and everything behind it waits too', async (t) => {
  const { session, peers } = await open(t, polite, { bufferedMsMax: 10_000 });
  await session.ready();
  const chunk = new Int16Array(1_600);
  for (let sent = 0; sent < 10; sent++) t.equal(session.send(chunk), true, 'a second fits the window');
  t.equal(session.send(chunk), false);
  const marked = session.mark();
  let drained = false;
  const draining = session.drained().then(() => (drained = true));
  await session.ping();
  t.equal(drained, false);
  t.equal(session.bufferedMs, 100);
  const [peer] = peers;
  t.equal(peer?.received.filter(({ type }) => type === 'audio').length, 10);
  t.notOk(peer?.received.some(({ type }) => type === 'mark'));

  peer?.send({ type: 'ack', offset: 16_000, lagMs: 950 });
  await session.ping();
  t.equal(drained, false, 'what has arrived but is not processed counts');
  peer?.send({ type: 'ack', offset: 16_000, lagMs: 900 });
  await Promise.all([draining, marked]);
  t.equal(session.bufferedMs, 0);
});

t.test('BP2: a chunk larger than the whole window passes when nothing else is in flight', async (t) => {
  const { session } = await open(t, polite);
  await session.ready();
  t.equal(session.send(new Int16Array(32_000)), true);
  t.equal(session.send(new Int16Array(1)), false);
});

t.test('a full buffer refuses audio with a typed error and keeps what it has', async (t) => {
  const { session } = await open(t, () => undefined, { bufferedMsMax: 100 });
  session.send(new Int16Array(1_600));
  t.throws(() => session.send(new Int16Array(1)), { name: 'BufferFullError', code: 'buffer_full', bufferedMs: 100 });
  t.equal(session.sentSamples, 1_600);
  t.ok(new BufferFullError(1).retryable);
});

t.test('samples that do not fit the encoding are refused by name', async (t) => {
  const { session } = await open(t, polite, { audio: { encoding: 'mulaw', sampleRate: 8_000 } });
  t.throws(() => session.send(Int16Array.of(1)), new TypeError('Int16Array does not fit the encoding mulaw.'));
  const stereo = (await open(t, polite, { audio: { channels: 2 } })).session;
  t.throws(() => stereo.send(Int16Array.of(1)), /2 bytes are not whole samples: expected a multiple of 4/);
});

t.test('float samples are scaled and clipped for pcm_s16le', async (t) => {
  const { session, peers } = await open(t, polite);
  session.send(Float32Array.of(0, 0.5, 1, -1, 2, -2));
  await session.mark();
  const audio = peers[0]?.received.find((it) => it.type === 'audio');
  const data = audio?.type === 'audio' ? Uint8Array.from(audio.data) : new Uint8Array();
  t.strictSame([...new Int16Array(data.buffer)], [0, 16_384, 32_767, -32_768, 32_767, -32_768]);
});

t.test('FN1: finalize resolves with its final, FN2: with undefined where nothing was in progress', async (t) => {
  let speaking = true;
  const { session } = await open(t, (message, peer) => {
    if (message.type === 'finalize' && speaking) {
      peer.send(final('now', { reason: 'finalize', ...(message.id !== undefined && { finalizeId: message.id }) }));
      speaking = false;
    }
    polite(message, peer);
  });
  t.match(await session.finalize(), { text: 'now', reason: 'finalize' });
  t.equal(await session.finalize(), undefined);
});

t.test('ER2: an error that is not fatal is an event, ER1: a fatal one ends everything that waits', async (t) => {
  const { session, peers } = await open(t, (message, peer) => {
    if (message.type === 'start') peer.send(READY);
  });
  await session.ready();
  const heard: string[] = [];
  session.on('error', ({ code }) => heard.push(code));
  const waiting: Promise<unknown>[] = [session.mark(), session.ping(), session.stop(), drain(session)];
  peers[0]?.send({ type: 'error', code: 'offset_gap', message: 'a hole', retryable: false, fatal: false });
  peers[0]?.send({ type: 'error', code: 'internal', message: 'It broke.', retryable: true, fatal: true });
  peers[0]?.close(1011, 'The server failed.');
  for (const it of waiting)
    await t.rejects(it, { name: 'ServerError', code: 'internal', message: 'It broke.', retryable: true });
  t.strictSame(heard, ['offset_gap', 'internal']);
  const end = await session.closed;
  t.match(end, { closeCode: 1011, reason: 'The server failed.' });
  t.ok(end.error instanceof ServerError);
});

async function drain(events: AsyncIterable<SessionEvent>): Promise<number> {
  let count = 0;
  for await (const _ of events) count++;
  return count;
}

t.test('CL1: a connection that breaks or is closed says whether to connect again', async (t) => {
  for (const [code, retryable] of [
    [1001, true],
    [1013, true],
    [4413, false],
    [4999, false],
  ] as const) {
    const { session, peers } = await open(t, polite, { reconnect: false });
    await session.ready();
    peers[0]?.close(code, 'because');
    const { error } = await session.closed;
    t.ok(error instanceof ConnectionLostError);
    t.match(error, { closeCode: code, reason: 'because', retryable });
  }
  const { session, peers } = await open(t, polite, { reconnect: false });
  await session.ready();
  const reading = drain(session);
  peers[0]?.terminate();
  await t.rejects(reading, { name: 'ConnectionLostError', closeCode: 1006, retryable: true });
});

t.test('CL2: a server that drains tells the totals, and that it was not the client who stopped', async (t) => {
  const { session, peers } = await open(t, polite, { reconnect: false });
  await session.ready();
  peers[0]?.send({ ...STOPPED, reason: 'drain' });
  peers[0]?.close(1001);
  t.match(await session.closed, { closeCode: 1001, error: { code: 'connection_lost', retryable: true } });
  t.match(await session.stop(), { reason: 'drain' });
});

t.test('nobody listening, no WebSocket and a server that does not answer are ConnectErrors', async (t) => {
  const nobody = connect('ws://127.0.0.1:9/v1/stream', { webSocket });
  await t.rejects(nobody.ready(), {
    name: 'ConnectError',
    code: 'connect_failed',
    message: /127\.0\.0\.1:9.*ECONNREFUSED/,
  });
  await t.rejects(nobody.stop(), ConnectError);

  const { session } = await open(t, () => undefined, { connectTimeoutMs: 50 });
  await t.rejects(session.ready(), { message: /no answer within 50 ms/ });

  if (!('WebSocket' in globalThis)) t.throws(() => connect('ws://127.0.0.1:9'), /no WebSocket.*"webSocket"/);
});

t.test('close may be called twice and at any time; afterwards nothing can be sent', async (t) => {
  const { session } = await open(t, polite);
  const ready = session.ready();
  const iterator = session[Symbol.asyncIterator]();
  session.close();
  session.close();
  await t.rejects(ready, SessionClosedError);
  t.throws(() => session.send(Int16Array.of(1)), SessionClosedError);
  await t.rejects(session.mark(), SessionClosedError);
  await t.rejects(session.finalize(), SessionClosedError);
  await session.drained();
  await t.rejects(session.ping(), SessionClosedError);
  await t.rejects(session.stop(), SessionClosedError);
  t.strictSame(await session.closed, { closeCode: 1000, reason: '' });
  t.match(await iterator.next(), { done: true });
  t.match(await session[Symbol.asyncIterator]().next(), { done: true });
});

t.test('a session that has ended after it was ready refuses everything', async (t) => {
  const { session } = await open(t, polite);
  await session.ready();
  await session.stop();
  await session.closed;
  t.throws(() => session.configure({ words: true }), SessionClosedError);
  await t.rejects(session.ping(), SessionClosedError);
  t.match(await session.ready(), { sessionId: 's1' }, 'what it was is still told');
});

t.test('stop may be called twice, and nothing can be sent behind it', async (t) => {
  const { session } = await open(t, polite);
  const totals = session.stop();
  t.throws(() => session.send(Int16Array.of(1)), SessionClosedError);
  t.equal(await totals, await session.stop());
});

t.test('VS3: messages of a later version are ignored, frames that are none end the session', async (t) => {
  const { session, peers } = await open(t, polite, { codec: new JsonClientCodec() });
  await session.ready();
  peers[0]?.sendFrame('{"type":"fromALaterVersion","segmentId":0,"text":"Hello."}');
  await session.mark();
  peers[0]?.sendFrame('{');
  t.match(await session.closed, { error: { name: 'ServerError', code: 'malformed_message' } });
});
