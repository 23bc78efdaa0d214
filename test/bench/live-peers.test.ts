// Streaming peers: servers that are spoken to on their own wires, and the figures that come of what they show.
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { WebSocketServer, type WebSocket } from 'ws';
import { place, type LoadedRecording } from '../../bench/src/audio/playlist.js';
import { liveMetrics } from '../../bench/src/live-peers/live-metrics.js';
import { chooseLivePeers, type LivePeer } from '../../bench/src/live-peers/live-peers.js';
import type { LiveText } from '../../bench/src/live-peers/live-wire.js';
import { PeerServer } from '../../bench/src/live-peers/peer-server.js';
import type { LiveStream } from '../../bench/src/live-peers/play-live.js';
import { heardRecordings, revisedWords } from '../../bench/src/live-peers/shown-words.js';
import { openWhisperLiveKit } from '../../bench/src/live-peers/whisper-live-kit-wire.js';
import { openWhisperLive } from '../../bench/src/live-peers/whisper-live-wire.js';
import { openWhisperStreaming } from '../../bench/src/live-peers/whisper-streaming-wire.js';

const recording = (text: string, ms: number, words: LoadedRecording['words'] = []): LoadedRecording => ({
  id: text,
  path: '',
  language: 'en',
  text,
  words,
  utterances: [],
  samples: new Float32Array(16 * ms).fill(0.5),
});
const RED = [
  { text: 'red', startMs: 0, endMs: 400 },
  { text: 'green', startMs: 400, endMs: 900 },
];
/** Two recordings of a second with a second between: 'red green' from 1,000 ms on, 'green' from 3,000 ms on. */
const playlist = place(
  [recording('red green', 1_000, RED), recording('green', 1_000, [{ text: 'green', startMs: 0, endMs: 900 }])],
  1_000,
);
const stream = (...shown: LiveStream['shown']): LiveStream => ({
  playlist,
  shown,
  endedAtMs: 9_000,
  sendDelaysMs: [1],
});

t.test('a word counts from the text that first held it, and not before it was said', async (t) => {
  const [first, second] = heardRecordings(
    stream(
      { atMs: 1_500, settled: '', tentative: 'Red' },
      { atMs: 2_000, settled: '', tentative: 'Red, green.' },
      { atMs: 2_600, settled: 'Red, green.', tentative: '' },
      { atMs: 4_200, settled: 'Red, green.', tentative: 'grey' },
      { atMs: 4_500, settled: 'Red, green.', tentative: 'Green' },
    ),
  );
  t.match(first?.words, [
    { text: 'red', endMs: 1_400, shownAtMs: 1_500, settledAtMs: 2_600, isRight: true },
    { text: 'green', shownAtMs: 2_000, settledAtMs: 2_600, restsAtMs: 2_000, isRight: true },
  ]);
  t.match(second?.words, [{ text: 'green', shownAtMs: 4_500, isRight: true }]);
  t.equal(second?.words[0]?.settledAtMs, undefined);
});

t.test('figures of a peer', async (t) => {
  const run = {
    streams: [
      stream(
        { atMs: 1_500, settled: '', tentative: 'Read' },
        { atMs: 2_000, settled: '', tentative: 'Red green' },
        { atMs: 2_600, settled: 'Red green', tentative: '' },
      ),
    ],
    cpuMs: 2_500,
    memory: [{ processes: [], rssBytes: 0, pssBytes: 3 * 2 ** 20, cpuMs: 0 }],
  };
  const metrics = liveMetrics('x', run, 'en');
  const figure = (name: string) => metrics.find((metric) => metric.name === `x: ${name}`);
  t.match(figure('first partial'), { count: 1, p50: 1_000 });
  t.match(figure('word shown'), { count: 2, min: 100, max: 600 });
  t.match(figure('final'), { count: 1, p50: 700, note: /^0 of 1/ });
  t.match(figure('errors'), { value: 1 / 3, note: /0 wrong, 1 missing, 0 too many of 3/ });
  t.match(figure('revisions'), { value: 0.5 });
  t.match(figure('processor time'), { value: 0.5 });
  t.match(figure('memory'), { value: 3 });
});

t.test('what only grows is no revision; a text said again is none', async (t) => {
  const texts = ['a b', 'a b c', 'a b c', 'a x c', 'a'].map((settled, atMs) => ({ atMs, settled, tentative: '' }));
  t.equal(revisedWords(texts), 1 + 2);
});

/** A server on a WebSocket that answers as `serve` says; gives its port and what the wire showed. */
async function withSockets(t: Tap, serve: (socket: WebSocket) => void): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', serve);
  t.teardown(() => {
    server.clients.forEach((client) => client.terminate());
    server.close();
  });
  return (server.address() as { port: number }).port;
}
type Tap = Pick<typeof t, 'teardown'>;

t.test('WhisperLive: completed segments stay, though only the last ones come', async (t) => {
  const received: string[] = [];
  const port = await withSockets(t, (socket) => {
    const say = (message: object): void => socket.send(JSON.stringify(message));
    socket.on('message', (data, isBinary) => {
      if (!isBinary) return say({ message: 'SERVER_READY' });
      received.push(String(data));
      if (received.length > 1) return socket.close();
      say({
        segments: [
          { start: '0.0', text: ' One', completed: true },
          { start: '1.0', text: ' tw' },
        ],
      });
      say({ segments: [{ start: '1.0', text: ' Two', completed: true }] });
    });
  });
  const texts: LiveText[] = [];
  const wire = await openWhisperLive({ port, language: 'en', shows: (text) => texts.push(text), quietMs: 50 });
  wire.send(Buffer.from('audio'));
  await wire.finish();
  t.strictSame(texts, [
    { settled: ' One', tentative: ' tw' },
    { settled: ' One  Two', tentative: '' },
  ]);
  t.strictSame(received, ['audio', 'END_OF_AUDIO']);
});

t.test('WhisperLiveKit: lines are settled, the buffer is not; an empty message ends', async (t) => {
  const port = await withSockets(t, (socket) => {
    const say = (message: object): void => socket.send(JSON.stringify(message));
    say({ type: 'config', useAudioWorklet: true });
    socket.on('message', (data: Buffer) => {
      if (data.length > 0) say({ lines: [{ text: 'One.' }, { text: null }], buffer_transcription: 'two' });
      else say({ type: 'ready_to_stop' });
    });
  });
  const texts: LiveText[] = [];
  const wire = await openWhisperLiveKit({ port, language: 'en', shows: (text) => texts.push(text) });
  wire.send(Buffer.from('audio'));
  await wire.finish();
  t.match(texts, [{ settled: /^One\./, tentative: 'two' }]);
  wire.close();
});

t.test('whisper_streaming: lines of committed words over TCP', async (t) => {
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    socket.write('0 900  One two\n\0\0');
    socket.on('data', () => socket.write('1000 1800 three\n'));
    socket.on('end', () => socket.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const texts: LiveText[] = [];
  const wire = await openWhisperStreaming({ port, language: 'en', shows: (text) => texts.push(text) });
  wire.send(Buffer.from('audio'));
  await wire.finish();
  t.strictSame(texts, [
    { settled: ' One two', tentative: '' },
    { settled: ' One two three', tentative: '' },
  ]);
  wire.close();
});

const peer = (takes: LivePeer['takes'], body: string): LivePeer => ({
  name: 'parrot',
  how: 'by heart',
  takes,
  command: (port) => ({ program: process.execPath, args: ['-e', body, `${port}`], env: {} }),
  open: openWhisperLiveKit,
});
const FOLDERS = { model: '', ctranslate2: '', models: '', python: '', language: 'en', threads: 1 };

t.test('a peer that takes one stream gets a process for each; its usage is that of all', async (t) => {
  const server = await PeerServer.start(
    peer('one', "require('net').createServer().listen(process.argv[1], '127.0.0.1')"),
    2,
    FOLDERS,
  );
  t.not(server.portOf(0), server.portOf(1));
  t.equal((await server.usage())?.processes.length, 2);
  await server[Symbol.asyncDispose]();
  t.equal(await server.usage(), undefined);
});

t.test('a peer that does not start is told with its last words', async (t) => {
  await t.rejects(PeerServer.start(peer('many', "throw new Error('no weights')"), 1, FOLDERS), {
    code: 'peer_failed',
    message: /parrot ended before it was ready:[^]*no weights/,
  });
  t.throws(() => chooseLivePeers(['sotto', 'parrot']), { code: 'usage', message: /No peer "parrot"/ });
});
