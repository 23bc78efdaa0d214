// Sessions that are recorded, and their transcripts over HTTP: any format, raw or polished, listed for those who may.
import { CLOSE } from '@sotto/protocol';
import { unzipSync } from 'fflate';
import t, { type Test } from 'tap';
import { pino } from 'pino';
import { Gateway } from '../../../server/src/gateway/gateway.js';
import { createWsTransport } from '../../../server/src/transport/ws-transport.js';
import { ListingGuard, type Listing } from '../../../server/src/api/transcripts/listing-guard.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { StoreError } from '../../../server/src/store/store-error.js';
import type { SessionFactory } from '../../../server/src/session/session-port.js';
import { RecordingSession } from '../../../server/src/transcripts/recording-session.js';
import { SessionRecorder } from '../../../server/src/transcripts/session-recorder.js';
import { transcriptRoutes } from '../../../server/src/api/transcripts/transcript-routes.js';
import { transcriptsIn } from '../../support/kept-transcripts.js';
import { ScriptedSession } from '../../support/scripted-session.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';
import { addFrontRoutes } from '../../support/front-routes.js';
import { testFolder } from '../../support/test-folder.js';
import { ROOMY_LIMITS } from '../../support/test-gateway.js';
import { connectWire } from '../../support/wire-client.js';

const AUDIO = { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } as const;

async function openServer(
  t: Test,
  { listing = 'auto', host = '127.0.0.1' }: { listing?: Listing; host?: string } = {},
) {
  const store = await LmdbStore.open(testFolder(t));
  const { transcripts, health } = transcriptsIn(store);
  const recorder = new SessionRecorder(transcripts, health);
  const sessions: ScriptedSession[] = [];
  const metrics = new MetricsRegistry();
  const gateway = new Gateway({
    metrics,
    createTransport: createWsTransport,
    limits: ROOMY_LIMITS,
    log: pino({ level: 'silent' }),
  });
  const create: SessionFactory = (sink) => {
    const session = new ScriptedSession(`s_${sessions.length}`, sink);
    sessions.push(session);
    return session;
  };
  addFrontRoutes(gateway, metrics, { store: () => health.state });
  gateway.open(
    (sink) => new RecordingSession(create, sink, recorder),
    transcriptRoutes(transcripts, new ListingGuard(listing, host)),
  );
  const port = await gateway.listen(0, '127.0.0.1');
  t.teardown(async () => {
    await gateway.close();
    await recorder.close();
    await store.close();
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    store,
    recorder,
    health,
    transcripts,
    async speak() {
      const client = await connectWire(t, `ws://127.0.0.1:${port}/v1/stream`);
      client.send({ type: 'start', audio: AUDIO, language: 'en' });
      const ready = await client.next('ready');
      const session = sessions.at(-1);
      if (session === undefined) throw new Error('No session was made.');
      return { client, session, ready };
    },
    get: (path: string, headers: Record<string, string> = {}) => fetch(`${url}${path}`, { headers }),
  };
}

function finals(session: ScriptedSession): void {
  session.sink.send({ ...FINAL, segmentId: 0, text: 'so um hello there', startMs: 0, endMs: 1_500 });
  session.sink.send({ ...FINAL, segmentId: 1, text: '', noise: 'noSpeech', startMs: 1_600, endMs: 1_900 });
  session.sink.send({ ...FINAL, segmentId: 2, text: 'A < B & C.', startMs: 2_000, endMs: 3_000 });
  session.sink.send({
    type: 'polished',
    scope: 'segment',
    segmentId: 0,
    text: 'Hello there.',
    mode: 'standard',
    model: 'rules',
    latencyMs: 1,
  });
}

const FINAL = { type: 'final', reason: 'endpoint', language: 'en', avgLogprob: -0.2, noSpeechProb: 0.01 } as const;

t.test('what a session says is there while it is said, under the id that its client knows', async (t) => {
  const server = await openServer(t);
  const { client, session, ready } = await server.speak();
  finals(session);
  await client.next('final');
  const path = `/v1/transcripts/${ready.sessionId}`;
  await server.recorder.close();
  t.match(await (await server.get(path)).json(), {
    id: ready.sessionId,
    source: 'session',
    state: 'live',
    model: 'scripted',
    language: 'en',
    text: 'so um hello there A < B & C.',
    polishedText: 'Hello there. A < B & C.',
    segments: [
      { segmentId: 0, text: 'so um hello there', polished: 'Hello there.' },
      { segmentId: 2, startMs: 2_000 },
    ],
  });
  session.sink.send({ type: 'stopped', reason: 'stop', audioMs: 3_000, speechMs: 2_500, segments: 2, words: 7 });
  session.sink.end(CLOSE.done);
  await client.closed;
  await server.recorder.close();
  t.match(await (await server.get(path)).json(), { state: 'complete', audioMs: 3_000, segmentCount: 2 });
});

t.test('every format, by name or by Accept, raw or polished', async (t) => {
  const server = await openServer(t);
  const { session, ready } = await server.speak();
  finals(session);
  await server.recorder.close();
  const path = `/v1/transcripts/${ready.sessionId}`;
  const text = async (query: string) => (await server.get(`${path}?${query}`)).text();
  t.equal(await text('format=txt'), 'so um hello there\nA < B & C.\n');
  t.equal(await text('format=txt&text=polished'), 'Hello there.\nA < B & C.\n');
  t.equal(await text('format=tsv'), 'start\tend\ttext\n0\t1500\tso um hello there\n2000\t3000\tA < B & C.\n');
  t.match(
    await text('format=vtt'),
    /^WEBVTT\n\n00:00:00\.000 --> 00:00:01\.500\nso um hello there\n\n.*A &lt; B &amp; C\.\n$/s,
  );
  t.match(await text('format=srt&text=polished'), /^1\n00:00:00,000 --> 00:00:01,500\nHello there\.\n\n2\n/);
  const docx = await server.get(`${path}?format=docx`);
  t.match(docx.headers.get('content-disposition'), `attachment; filename="${ready.sessionId}.docx"`);
  const files = unzipSync(new Uint8Array(await docx.arrayBuffer()));
  t.strictSame(Object.keys(files), ['[Content_Types].xml', '_rels/.rels', 'word/document.xml']);
  t.match(Buffer.from(files['word/document.xml'] ?? []).toString(), 'A &lt; B &amp; C.');
  const type = async (accept: string) => {
    const response = await server.get(path, { accept });
    return response.status === 200 ? response.headers.get('content-type')?.split(';')[0] : response.status;
  };
  t.equal(await type('*/*'), 'application/json');
  t.equal(await type('text/vtt'), 'text/vtt');
  t.equal(await type('application/x-subrip;q=0.5, text/plain'), 'text/plain');
  t.equal(
    await type('image/png, application/vnd.openxmlformats-officedocument.wordprocessingml.document;q=0.1'),
    docx.headers.get('content-type'),
  );
  t.equal(await type('image/png'), 406);
  for (const query of ['format=pdf', 'text=shouted'])
    t.equal((await server.get(`${path}?${query}`)).status, 400, query);
});

t.test('deleted while it is said: nothing more is kept, and the session goes on', async (t) => {
  const server = await openServer(t);
  const { client, session, ready } = await server.speak();
  finals(session);
  await server.recorder.close();
  const path = `/v1/transcripts/${ready.sessionId}`;
  t.equal((await fetch(`${server.url}${path}`, { method: 'DELETE' })).status, 204);
  session.sink.send({ ...FINAL, segmentId: 3, text: 'more', startMs: 4_000, endMs: 5_000 });
  for (let count = 0; count < 3; count++) await client.next('final');
  await server.recorder.close();
  t.equal((await server.get(path)).status, 404);
  t.equal((await fetch(`${server.url}${path}`, { method: 'DELETE' })).status, 404);
  t.strictSame(await server.store.keys('segments', { limit: 10 }), []);
});

t.test('a store that fails costs no session, and is told', async (t) => {
  const server = await openServer(t);
  server.store.commit = () => Promise.reject(new StoreError('store_unavailable', 'No space left on device'));
  const { client, session, ready } = await server.speak();
  finals(session);
  t.match(await client.next('final'), { text: 'so um hello there' });
  await server.recorder.close();
  t.match(await (await server.get('/ready')).json(), { status: 'ready', store: 'degraded' });
  t.equal((await server.get(`/v1/transcripts/${ready.sessionId}`)).status, 404);
  server.store.keys = () => Promise.reject(new StoreError('store_unavailable', '/secret/folder cannot be read'));
  const failed = await server.get('/v1/transcripts');
  t.equal(failed.status, 503);
  t.notMatch(await failed.text(), 'secret');
});

t.test('lists are for this machine alone, unless the operator says otherwise', async (t) => {
  const server = await openServer(t);
  await server.speak();
  await server.recorder.close();
  const listed = async (it: typeof server, headers: Record<string, string> = {}) =>
    (await it.get('/v1/transcripts', headers)).status;
  t.equal(await listed(server), 200);
  t.equal(await listed(server, { origin: server.url }), 200, 'a page of the server itself');
  for (const [name, value] of [
    ['x-forwarded-for', '203.0.113.7'],
    ['forwarded', 'for=203.0.113.7'],
    ['origin', 'https://evil.example'],
    ['origin', 'null'],
  ] as const) {
    t.equal(await listed(server, { [name]: value }), 403, `${name}: ${value}`);
  }
  t.equal(await listed(await openServer(t, { host: '0.0.0.0' })), 403);
  t.equal(await listed(await openServer(t, { listing: 'off' })), 403);
  const open = await openServer(t, { host: '0.0.0.0', listing: 'on' });
  t.equal(await listed(open, { 'x-forwarded-for': '203.0.113.7' }), 200);
  for (const query of ['limit=0', 'limit=1000', 'limit=x', 'before=../..', `q=${'x'.repeat(300)}`]) {
    t.equal((await server.get(`/v1/transcripts?${query}`)).status, 400, query);
  }
  t.equal((await server.get('/v1/transcripts/..%2f..%2fetc')).status, 404);
});
