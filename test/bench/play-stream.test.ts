// The bench's clients against a real WebSocket server that speaks the protocol's own codec.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServerCodec, MSGPACK_SUBPROTOCOL, type ClientMessage, type ServerMessage } from '@sotto/protocol';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { pcmOf, place } from '../../bench/src/audio/playlist.js';
import { Crowd } from '../../bench/src/load/crowd.js';
import { Probe } from '../../bench/src/load/probe.js';
import { lossTotal } from '../../bench/src/stream/segment-trace.js';
import { playStream } from '../../bench/src/stream/play-stream.js';
import { until } from '../support/until.js';

const READY: ServerMessage = {
  type: 'ready',
  version: 1,
  sessionId: 's',
  model: 'none',
  languages: ['en'],
  limits: { messageBytesMax: 1_048_576, bufferedAudioMsMax: 30_000 },
};

interface Heard {
  readonly url: string;
  /** Messages of every connection, in the order in which they came. */
  readonly messages: ClientMessage[][];
  close(): Promise<void>;
}

/** A server that answers by a script. */
async function listen(answer: (message: ClientMessage) => ServerMessage[]): Promise<Heard> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => MSGPACK_SUBPROTOCOL });
  const messages: ClientMessage[][] = [];
  server.on('connection', (socket) => {
    const codec = createServerCodec(MSGPACK_SUBPROTOCOL);
    const own: ClientMessage[] = [];
    messages.push(own);
    socket.on('message', (data: Buffer) => {
      const message = codec.decode(Uint8Array.from(data));
      if (message === undefined) return;
      own.push(message);
      for (const reply of answer(message)) socket.send(codec.encode(reply));
    });
  });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `ws://127.0.0.1:${address.port}/v1/stream`,
    messages,
    close: async () => {
      for (const socket of server.clients) socket.terminate();
      server.close();
      await once(server, 'close');
    },
  };
}

const echo = (message: ClientMessage): ServerMessage[] => {
  if (message.type === 'start') return [READY];
  if (message.type === 'mark') return [{ type: 'mark', id: message.id, offset: 0 }];
  if (message.type === 'ping') return [{ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) }];
  if (message.type === 'stop') {
    return [{ type: 'stopped', reason: 'stop', audioMs: 0, speechMs: 0, segments: 0, words: 0 }];
  }
  return [];
};

const recording = {
  id: 'tone',
  path: 'tone.flac',
  language: 'en',
  text: '',
  words: [],
  utterances: [],
  samples: Float32Array.from({ length: 3_200 }, (_, at) => Math.sin(at / 5) / 2),
};

t.test('playStream: sends every sample once, in place, with a mark behind each recording', async (t) => {
  const server = await listen(echo);
  t.teardown(() => server.close());
  const playlist = place([recording, recording], 100);
  const { trace, sendDelaysMs, events } = await playStream(playlist, {
    url: server.url,
    language: 'en',
    pace: 4,
    chunkMs: 30,
  });
  t.equal(lossTotal(trace.loss), 0);
  const messages = server.messages[0] ?? [];
  t.match(messages[0], { type: 'start', language: 'en', words: true });
  const audio = messages.flatMap((message) => (message.type === 'audio' ? [message] : []));
  t.strictSame(
    audio.map(({ offset }) => offset),
    Array.from({ length: 24 }, (_, index) => index * 480).filter((offset) => offset < playlist.totalSamples),
  );
  t.ok(Buffer.concat(audio.map(({ data }) => data)).equals(Buffer.from(pcmOf(playlist, 0, playlist.totalSamples))));
  t.strictSame(
    messages.filter(({ type }) => type === 'mark' || type === 'stop').map(({ type }) => type),
    ['mark', 'mark', 'stop'],
  );
  t.equal(sendDelaysMs.length, audio.length);
  const stopped = events.find(({ event }) => event.type === 'stopped');
  t.ok((stopped?.atMs ?? 0) >= playlist.totalSamples / 16 / 4 - 1, 'no faster than the pace');
});

t.test('playStream: a session that is refused ends the bench with what the server said', async (t) => {
  const server = await listen(() => [
    { type: 'error', code: 'overloaded', message: 'Full.', retryable: true, fatal: true },
  ]);
  t.teardown(() => server.close());
  const playing = playStream(place([recording], 100), {
    url: server.url,
    language: 'en',
    pace: 1,
    chunkMs: 40,
    readyTimeoutMs: 200,
  });
  await t.rejects(playing, { code: 'server_failed', message: /Full\./ });
});

t.test('Crowd: idle connections are silent, senders stream without holes, trouble is counted', async (t) => {
  const server = await listen((message) => [
    ...echo(message),
    ...(message.type === 'audio' && message.offset === 0
      ? [{ type: 'error', code: 'internal', message: 'x', retryable: true, fatal: false } as const]
      : []),
  ]);
  t.teardown(() => server.close());
  const crowd = new Crowd({
    url: server.url,
    openAtOnce: 3,
    openTimeoutMs: 2_000,
    chunkMs: 20,
    pcm: new Uint8Array(3 * 640),
  });
  t.teardown(() => crowd.leave());
  await crowd.gatherIdle(4);
  await crowd.gatherSenders(3);
  crowd.send();
  const { troubles } = crowd.report();
  await until(() => troubles.get('error internal') === 3 && crowd.report().chunksSent >= 3 * 8);
  crowd.leave();
  const sent = server.messages.map((messages) =>
    messages.flatMap((message) => (message.type === 'audio' ? [message.offset] : [])),
  );
  t.strictSame(
    server.messages.map((messages) => messages[0]?.type),
    Array.from({ length: 7 }, () => 'start'),
  );
  t.equal(sent.filter((offsets) => offsets.length === 0).length, 4);
  for (const offsets of sent.filter(({ length }) => length > 0)) {
    t.strictSame(
      offsets,
      offsets.map((_, index) => index * 320),
    );
  }
  t.equal(crowd.report().troubles.get('error internal'), 3);
});

t.test('Probe: times pings and marks', async (t) => {
  const server = await listen(echo);
  t.teardown(() => server.close());
  const probe = await Probe.start({
    url: server.url,
    openTimeoutMs: 2_000,
    chunkMs: 20,
    pcm: new Uint8Array(1_280),
    intervalMs: 20,
  });
  t.teardown(() => probe.stop());
  const pings: number[] = [];
  const marks: number[] = [];
  while (pings.length <= 3 || marks.length <= 3) {
    await sleep(20);
    const taken = probe.take();
    t.equal(taken.overdue, 0);
    pings.push(...taken.pings);
    marks.push(...taken.marks);
  }
  t.ok([...pings, ...marks].every((ms) => ms > 0));
  probe.stop();
  probe.take();
  t.equal(probe.take().pings.length, 0, 'taken once');
});
