// The rules of protocol/README.md against the real server over real sockets: what a client may do wrong, on both
// transports and codecs.
import { setTimeout as delay } from 'node:timers/promises';
import type { ClientMessage, ServerMessage } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { loadUws } from '../../server/src/transport/uws-transport.js';
import { fixtureSamples } from '../support/fixtures.js';
import { NO_WORDS, ServerProcess } from '../support/server-process.js';
import { audioMessages, joined, pcm16, silence, START } from '../support/speech.js';
import { connectWire, type WireClient, type WireEncoding } from '../support/wire-client.js';
import { sampled, wholeRunOnly } from '../support/whole-run.js';

/** 200 ms. */
const CHUNK_SAMPLES = 3_200;
const chunk = (offset = 0): ClientMessage => ({ type: 'audio', offset, data: new Uint8Array(CHUNK_SAMPLES * 2) });

for (const transport of ['ws', 'uws'] as const) {
  // The quick run has the one that serves: both are held to one contract (transport/transport.test.ts).
  const isQuick = (transport === 'uws') === (loadUws() !== undefined);
  const skip =
    transport === 'uws' && loadUws() === undefined
      ? 'no uWebSockets.js binary for this Node'
      : !isQuick && wholeRunOnly.skip;
  t.test(`bad input over ${transport}`, { skip }, async (t) => {
    // What recognition makes of it is not asked here: the null engine answers at once.
    const server = await ServerProcess.start(t, [...NO_WORDS, '--transport', transport, '--log-level', 'error']);
    // JSON has more rules; what the client library sends elsewhere is MessagePack.
    for (const encoding of sampled(['json', 'msgpack'] as const, 1)) {
      await t.test(encoding, async (t) => wireSuite(t, server, encoding));
    }
    await t.test('the server is none the worse for it', async (t) => {
      t.match(await (await fetch(`${server.http}/health`)).json(), { status: 'ready' });
      await allConnectionsEnd(server);
      t.equal(server.stderr, '', 'nothing was logged as an error');
    });
  });
}

/** Those of the subtests before may still be closing; the test's own limit ends the wait. */
async function allConnectionsEnd(server: ServerProcess): Promise<void> {
  while ((await server.metric('sotto_connections')) > 0) await delay(20);
}

function wireSuite(t: Test, server: ServerProcess, encoding: WireEncoding): void {
  const connect = (t: Test): Promise<WireClient> => connectWire(t, server.url, encoding);
  const started = async (t: Test): Promise<WireClient> => {
    const client = await connect(t);
    client.send(START);
    await client.next('ready');
    return client;
  };

  t.test('HS4: anything before start is not_started', async (t) => {
    for (const message of [chunk(), { type: 'mark', id: 'm' }, { type: 'stop' }] as const) {
      t.same(await answer(await connect(t), message), { code: 'not_started', closed: 4400 }, message.type);
    }
  });

  t.test('HS7: a second start changes nothing', async (t) => {
    const client = await started(t);
    t.same(await answer(client, START), { code: 'already_started', closed: undefined });
    t.equal(client.all('ready').length, 1);
  });

  t.test('HS9: audio, languages and options that cannot be served', async (t) => {
    const cases: [object, string][] = [
      [{ audio: { encoding: 'pcm_s16le', sampleRate: 4_000 } }, 'unsupported_audio'],
      [{ audio: { encoding: 'pcm_s16le', sampleRate: 96_000 } }, 'unsupported_audio'],
      [{ audio: { encoding: 'opus', sampleRate: 16_000 } }, 'unsupported_audio'],
      [{ audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 9 } }, 'unsupported_audio'],
      [{ language: 'xx' }, 'unsupported_language'],
      [{ polish: { mode: 'formal' } }, 'unsupported_option'],
    ];
    for (const [fields, code] of cases) {
      const message = { ...START, ...fields } as unknown as ClientMessage;
      t.same(await answer(await connect(t), message), { code, closed: 4400 }, JSON.stringify(fields));
    }
  });

  t.test('MS1, MS3, MS4: frames that cannot be read', async (t) => {
    const frames =
      encoding === 'json'
        ? ['', '{', '[]x', '\u0000']
        : [
            Buffer.alloc(0),
            Buffer.from([0xc1]),
            Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
            Buffer.from([0x81, 0xa1]),
          ];
    for (const frame of frames) {
      const client = await started(t);
      client.raw(frame);
      t.match(await client.next('error'), { code: 'malformed_message', fatal: true }, String(frame));
      t.equal((await client.closed).code, 4400);
    }
  });

  t.test('MS5, MS6, MS7: unknown messages and wrong fields are told, unknown fields ignored', async (t) => {
    const bad: unknown[] = [
      { type: 'sing' },
      { type: 'configure', endpointing: { minSilenceMs: 'long' } },
      { type: 'configure', hotwords: Array.from({ length: 501 }, () => 'word') },
      { type: 'mark', id: '' },
      { type: 'mark', id: 'x'.repeat(129) },
      {},
    ];
    const client = await started(t);
    client.send(...(bad as ClientMessage[]));
    const odd = { type: 'mark', id: 'odd', constructor: 1, extra: { deep: [1] } };
    client.send(odd as unknown as ClientMessage);
    await client.next('mark');
    t.same(
      client.all('error').map((error) => error.code),
      ['unknown_message', ...bad.slice(1).map(() => 'invalid_message')],
    );
  });

  t.test('AU2: an odd count of bytes drops the chunk', async (t) => {
    const client = await started(t);
    t.same(await answer(client, chunk(), { type: 'audio', offset: CHUNK_SAMPLES, data: new Uint8Array(641) }), {
      code: 'odd_byte_count',
      closed: undefined,
    });
    t.equal((await stopped(client)).audioMs, 200);
  });

  t.test('AU3: repeats and overlaps are harmless', async (t) => {
    const client = await started(t);
    client.send(chunk(0), chunk(0), chunk(1_600), chunk(4_800), chunk(0), { type: 'mark', id: 'm' });
    t.equal((await client.next('mark')).offset, 8_000);
    t.equal((await stopped(client)).audioMs, 500);
    t.same(client.all('error'), []);
  });

  t.test('AU5: a small hole is filled and told, a large one ends the session', async (t) => {
    const small = await started(t);
    t.same(await answer(small, chunk(0), chunk(16_000)), { code: 'offset_gap', closed: undefined });
    t.equal((await stopped(small)).audioMs, 1_200);
    t.same(await answer(await started(t), chunk(0), chunk(160_000)), { code: 'offset_gap', closed: 4400 });
  });

  t.test('AU6: samples that are no numbers become silence', async (t) => {
    const client = await connect(t);
    client.send({ ...START, audio: { ...START.audio, encoding: 'pcm_f32le' } });
    await client.next('ready');
    const samples = new Float32Array(1_600).fill(0.1);
    samples[700] = Number.NaN;
    samples[800] = Number.POSITIVE_INFINITY;
    const message: ClientMessage = { type: 'audio', offset: 0, data: new Uint8Array(samples.buffer) };
    t.same(await answer(client, message), { code: 'invalid_samples', closed: undefined });
    t.equal((await stopped(client)).audioMs, 100);
  });

  t.test('AU4, AU9: no audio, empty chunks, silence', async (t) => {
    const none = await started(t);
    t.match(await stopped(none), { audioMs: 0, speechMs: 0, segments: 0, words: 0 });
    const client = await started(t);
    client.send({ type: 'audio', offset: 0, data: new Uint8Array(0) });
    client.send(...audioMessages(silence(20_000)));
    t.match(await stopped(client), { audioMs: 20_000, segments: 0 });
    t.same(client.all('error'), []);
  });

  t.test('AU10, ST1, ST2, ST3: stop ends the session, what comes behind it is ignored', async (t) => {
    const client = await started(t);
    client.send(...audioMessages(await fixtureSamples('en-short-yes')));
    client.send({ type: 'stop' }, chunk(0), { type: 'stop' }, { type: 'mark', id: 'late' });
    t.equal((await client.closed).code, 1000);
    t.equal(client.received.at(-1)?.type, 'stopped');
    t.equal(client.all('stopped').length, 1);
    t.same(client.all('mark'), []);
    checkOrder(t, client.received);
    t.equal(client.all('final')[0]?.reason, 'stop');
  });

  t.test('SP1-SP3, MK1, MK2, FN1, FN2: speech is told in order, marks behind their finals', async (t) => {
    const client = await started(t);
    client.send({ type: 'finalize', id: 'nothing' }, { type: 'mark', id: 'm' }, { type: 'mark', id: 'm' });
    const audio = joined(
      silence(300),
      await fixtureSamples('en-short-yes'),
      silence(1_500),
      await fixtureSamples('en-question'),
    );
    client.send(...audioMessages(audio), { type: 'finalize', id: 'f' }, { type: 'mark', id: 'end' });
    await client.next('mark', 2);
    t.same(
      client.all('mark').map((mark) => [mark.id, mark.offset]),
      [
        ['m', 0],
        ['m', 0],
        ['end', audio.length],
      ],
    );
    const finals = client.all('final');
    t.ok(finals.length >= 2, `${finals.length} finals`);
    t.match(finals.at(-1), { reason: 'finalize', finalizeId: 'f' });
    t.ok(finals.slice(0, -1).every((final) => final.reason === 'endpoint' && final.finalizeId === undefined));
    const totals = await stopped(client);
    t.equal(totals.segments, finals.length);
    checkOrder(t, client.received);
  });

  t.test('CF2: settings that cannot be honoured change nothing', async (t) => {
    const client = await started(t);
    t.same(await answer(client, { type: 'configure', language: 'xx' }), {
      code: 'unsupported_language',
      closed: undefined,
    });
  });

  t.test('PI1: ping comes back with its id, ahead of audio', async (t) => {
    const client = await connect(t);
    client.send({ type: 'ping' }, START, ...audioMessages(silence(5_000)), { type: 'ping', id: 'now' });
    t.same(await client.next('pong'), { type: 'pong' });
    t.same(await client.next('pong', 1), { type: 'pong', id: 'now' });
  });

  t.test('LM1: an oversized message closes the socket', async (t) => {
    const client = await started(t);
    client.raw(new Uint8Array(1_048_577));
    t.equal((await client.closed).code, 1009);
    t.match(client.all('error')[0], { code: 'message_too_large', fatal: true });
    const huge = await started(t);
    huge.raw(new Uint8Array(20_000_000));
    t.ok([1006, 1009].includes((await huge.closed).code));
  });

  t.test('BP5: a flood of messages closes the socket', async (t) => {
    const client = await started(t);
    for (let i = 0; i < 50_000 && client.socket.readyState === client.socket.OPEN; i++) client.send({ type: 'ping' });
    t.equal((await client.closed).code, 4429);
    t.match(client.all('error').at(-1), { code: 'too_many_messages', fatal: true });
  });

  t.test('BP2-BP4: audio far ahead of its processing is slowed or refused, never lost in silence', async (t) => {
    const client = await started(t);
    const { bufferedAudioMsMax } = client.all('ready')[0]?.limits ?? { bufferedAudioMsMax: 0 };
    const audio = audioMessages(silence(bufferedAudioMsMax * 3));
    // Large messages, so that the rate of messages does not end it first.
    for (let i = 0; i < audio.length; i += 20) {
      const data = Buffer.concat(audio.slice(i, i + 20).map((message) => message.data));
      client.send({ type: 'audio', offset: i * 1_600, data });
    }
    client.send({ type: 'stop' });
    const { code } = await client.closed;
    if (code === 1000) t.equal(client.all('stopped')[0]?.audioMs, bufferedAudioMsMax * 3);
    else t.same([code, client.all('error').at(-1)?.code], [4429, 'audio_too_fast']);
  });

  t.test('CL4: a socket that vanishes in the middle of a word leaves nothing behind', async (t) => {
    const client = await started(t);
    const samples = await fixtureSamples('en-question');
    client.send(...audioMessages(samples.subarray(0, samples.length / 2)));
    await client.next('speechStarted');
    client.socket.terminate();
    await allConnectionsEnd(server);
    t.equal(await server.metric('sotto_connections'), 0);
  });

  if (encoding === 'json') {
    t.test('AU7: raw frames follow one another, a header moves them', async (t) => {
      const client = await started(t);
      const frame = pcm16(silence(200));
      client.raw(frame);
      client.raw(frame);
      client.raw('{"type":"audio","offset":3200}');
      client.raw(frame);
      client.raw(frame);
      client.send({ type: 'mark', id: 'm' });
      t.equal((await client.next('mark')).offset, 3_200 * 3);
      client.raw('{"type":"audio","offset":-1}');
      t.match(await client.next('error'), { code: 'invalid_message', fatal: false });
    });

    t.test('MS3: a text frame beyond its bound is too large', async (t) => {
      const client = await started(t);
      client.raw(`{"type":"ping","id":"${'x'.repeat(70_000)}"}`);
      t.match(await client.next('error'), { code: 'message_too_large', fatal: true });
      t.equal((await client.closed).code, 1009);
    });
  }
}

/** The error that messages get, and the close code if it ended the session. */
async function answer(client: WireClient, ...messages: ClientMessage[]) {
  client.send(...messages, { type: 'ping', id: 'behind' });
  const error = await client.next('error');
  if (error.fatal) return { code: error.code, closed: (await client.closed).code };
  await client.next('pong');
  return { code: error.code, closed: undefined };
}

/** Stops; the totals. */
async function stopped(client: WireClient) {
  client.send({ type: 'stop' });
  await client.closed;
  return client.next('stopped');
}

/** SP1-SP5: what is told of utterances is in order. */
function checkOrder(t: Test, received: readonly ServerMessage[]): void {
  let open: number | undefined;
  let nextFinal = 0;
  let stable = '';
  let revision = 0;
  const ended = new Set<number>();
  for (const message of received) {
    switch (message.type) {
      case 'speechStarted':
        t.equal(open, undefined, 'utterances do not overlap');
        open = message.segmentId;
        stable = '';
        revision = 0;
        break;
      case 'partial':
        t.equal(message.segmentId, open);
        t.ok(message.stable.startsWith(stable), 'stable text only grows');
        t.ok(message.revision > revision);
        ({ stable, revision } = message);
        break;
      case 'speechEnded':
        t.equal(message.segmentId, open);
        ended.add(message.segmentId);
        open = undefined;
        break;
      case 'final':
        t.equal(message.segmentId, nextFinal++, 'finals come in order');
        t.ok(ended.has(message.segmentId), 'after speechEnded');
        break;
      default:
        break;
    }
  }
  t.equal(open, undefined);
  t.equal(nextFinal, ended.size, 'every utterance has its final');
}
