// Jobs over HTTP: submitted, followed, cancelled, gone on with, and remembered.
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { AudioFileError } from '../../../server/src/audio/audio-errors.js';
import { STORE_MAPS } from '../../../server/src/store/key-value-store.js';
import { FileBlobs } from '../../../server/src/store/lmdb/file-blobs.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import type { StoreHandle } from '../../../server/src/store/open-store.js';
import { RedisBlobs } from '../../../server/src/store/redis/redis-blobs.js';
import { RedisStore } from '../../../server/src/store/redis/redis-store.js';
import {
  decodeRaw,
  eventsOf,
  idOf,
  json,
  LoudnessTranscriber,
  openLocal,
  recordingOf,
  startJobServer,
} from '../../support/job-server.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { testFolder } from '../../support/test-folder.js';

const SECRET = 'a secret of some length';

async function leftIn(store: StoreHandle): Promise<string[]> {
  const lists = await Promise.all(STORE_MAPS.map((map) => store.data.keys(map, { limit: 1_000 })));
  return [...lists.flat(), ...(await store.blobs.names())];
}

/** The audio goes right after the job is over. */
async function withoutAudio(store: StoreHandle): Promise<void> {
  while ((await store.blobs.names()).length > 0) await new Promise(setImmediate);
}

async function code(response: Promise<Response>): Promise<unknown[]> {
  const answer = await response;
  return [answer.status, ((await answer.json()) as { error: { code: string } }).error.code];
}

/** Odd loudness is in the first channel, even in the second. */
async function* decodeStereo(
  bytes: AsyncIterable<Uint8Array>,
  { channel }: { readonly channel?: number | undefined },
): AsyncGenerator<Float32Array> {
  if (channel === 2) throw new AudioFileError('no_channel', 'The file has 2 channels.');
  for await (const block of decodeRaw(bytes)) {
    const isFirst = Math.round((block[0] ?? 0) * 32_768) % 2 === 1;
    yield channel === undefined || isFirst === (channel === 0) ? block : new Float32Array(block.length);
  }
}

t.test('an upload becomes a transcript', async (t) => {
  const store = await openLocal(t);
  const server = await startJobServer(t, { store });
  const response = await server.upload(recordingOf(1, 0, 2), { language: 'en', words: 'false' }, 'my talk.wav');
  t.equal(response.status, 202);
  const job = await json(response);
  t.match(job, { state: 'queued', name: 'my talk.wav', progress: 0, options: { language: 'en', words: false } });
  t.equal(response.headers.get('location'), `/v1/jobs/${String(job['id'])}`);
  const done = await server.over(String(job['id']));
  t.match(done, { state: 'done', progress: 1, audioMs: 3_000, cache: 'miss', transcriptId: job['id'] });
  await withoutAudio(store);
  const text = await fetch(`${server.url}${String(done['transcript'])}?format=txt`);
  t.equal(await text.text(), 'w1\nw2\n');
  t.match(await json(fetch(`${server.url}/v1/jobs`)), { jobs: [{ id: job['id'], state: 'done' }] });
  t.match(await json(fetch(`${server.url}/v1/transcripts?q=w2`)), {
    transcripts: [{ id: job['id'], name: 'my talk.wav' }],
  });
  t.match(await json(fetch(`${server.url}/v1/jobs/${String(job['id'])}`, { method: 'DELETE' })), { state: 'deleted' });
  t.strictSame(await leftIn(store), [], 'deleted means gone: job, transcript, index, result');
  t.equal((await fetch(`${server.url}/v1/jobs/${String(job['id'])}`)).status, 404);
});

t.test('each channel is a speaker, on one timeline', async (t) => {
  const store = await openLocal(t);
  const server = await startJobServer(t, { store, decode: decodeStereo });
  const id = await idOf(server.upload(recordingOf(2, 1, 4), { channels: 'separate' }, 'a call.wav'));
  const done = await server.over(id);
  t.match(done, { state: 'done', progress: 1, audioMs: 3_000, options: { channels: 'separate' } });
  t.match(await json(fetch(`${server.url}/v1/transcripts/${id}`)), {
    segments: [
      { text: 'w2', channel: 1, startMs: 0 },
      { text: 'w1', channel: 0, startMs: 1_000 },
      { text: 'w4', channel: 1, startMs: 2_000 },
    ],
  });
  const subtitles = await (await fetch(`${server.url}/v1/transcripts/${id}?format=srt`)).text();
  t.match(subtitles, /00:00:00,000 --> .*\nSpeaker 2: w2\n[^]*00:00:01,000 --> .*\nSpeaker 1: w1\n/);
  const mixed = await server.over(await idOf(server.upload(recordingOf(2, 1, 4), {}, 'a call.wav')));
  t.equal(await (await fetch(`${server.url}${String(mixed['transcript'])}?format=txt`)).text(), 'w2\nw1\nw4\n');
  t.strictSame(await code(server.upload(recordingOf(1), { channels: 'both' })), [400, 'invalid_request']);
});

t.test('what is wrong is refused with a code, and nothing is kept of it', async (t) => {
  const store = await openLocal(t, 200_000);
  const server = await startJobServer(t, { store, uploadBytesMax: 100_000 });
  const post = (body: string, type = 'application/json') =>
    fetch(`${server.url}/v1/jobs`, { method: 'POST', body, headers: { 'content-type': type } });
  t.strictSame(await code(server.upload(recordingOf(1), { language: 'no language' })), [400, 'invalid_request']);
  t.strictSame(await code(server.upload(recordingOf(1), { polish: '{' })), [400, 'invalid_request']);
  t.strictSame(await code(server.upload(recordingOf(1), { webhook: '{"url":"http://127.0.0.1/"}' })), [
    400,
    'invalid_request',
  ]);
  const near = [
    'http://127.0.0.1:9/',
    'http://[::1]/',
    'http://localhost/x',
    'http://169.254.169.254/',
    'ftp://example.com/',
    'http://2130706433/',
    'https://u:p@example.com/',
  ];
  for (const url of near) {
    const webhook = JSON.stringify({ url, secret: SECRET });
    t.strictSame(await code(server.upload(recordingOf(1), { webhook })), [400, 'webhook_refused'], url);
  }
  t.strictSame(await code(server.upload(recordingOf(1, 2, 3, 4, 5))), [413, 'body_too_large']);
  t.strictSame(await code(post('{}')), [400, 'invalid_request']);
  t.strictSame(await code(post('{"path": "a.wav"}')), [400, 'path_refused']);
  t.strictSame(await code(post('x', 'text/plain')), [415, 'unsupported_media_type']);
  t.strictSame(await code(fetch(`${server.url}/v1/jobs/j_nothing`)), [404, 'job_unknown']);
  t.strictSame(await code(fetch(`${server.url}/v1/jobs/j_..%2f..`)), [404, 'job_unknown']);
  t.strictSame(await leftIn(store), []);
  const broken = await server.over(await idOf(server.upload(Buffer.from('broken'))));
  t.match(broken, { state: 'failed', error: { code: 'not_audio', message: 'This is no recording.' } });
  t.match(await json(fetch(`${server.url}/v1/transcripts/${String(broken['id'])}`)), { state: 'interrupted' });
  await withoutAudio(store);
});

t.test('the queue is bounded, and so is the room for uploads', async (t) => {
  const store = await openLocal(t, 100_000);
  const transcriber = new LoudnessTranscriber();
  transcriber.holdAt = 0;
  const server = await startJobServer(t, { store, transcriber, settings: { jobsWaitingMax: 2 } });
  const first = await idOf(server.upload(recordingOf(1)));
  await transcriber.isHeld;
  t.match(await json(server.upload(recordingOf(2, 3))), { state: 'queued' });
  const full = await server.upload(recordingOf(3));
  t.strictSame(
    [full.status, await full.json()],
    [503, { error: { code: 'store_full', message: 'There is no room for more uploads now.' } }],
  );
  const last = await idOf(server.upload(Buffer.alloc(10)));
  const refused = await server.upload(Buffer.alloc(10));
  t.match(
    [refused.status, refused.headers.get('retry-after'), await refused.json()],
    [503, '30', { error: { code: 'jobs_full' } }],
  );
  transcriber.release();
  t.match(await server.over(first), { state: 'done' });
  t.match(await server.over(last), { state: 'done' });
  t.equal((await server.upload(recordingOf(3))).status, 202, 'there is room again');
});

t.test('a job is cancelled while it waits, and while it is done', async (t) => {
  const store = await openLocal(t);
  const transcriber = new LoudnessTranscriber();
  transcriber.holdAt = 1;
  const server = await startJobServer(t, { store, transcriber });
  const running = await idOf(server.upload(recordingOf(1, 2, 3)));
  const waiting = await idOf(server.upload(recordingOf(4)));
  await transcriber.isHeld;
  const followed = server.over(running);
  for (const id of [waiting, running]) {
    t.match(await json(fetch(`${server.url}/v1/jobs/${id}`, { method: 'DELETE' })), { state: 'cancelled' });
  }
  t.match(await followed, { state: 'cancelled' });
  transcriber.release();
  t.match(await server.over(await idOf(server.upload(recordingOf(5)))), { state: 'done' }, 'the next one is done');
  await withoutAudio(store);
  t.equal((await fetch(`${server.url}/v1/transcripts/${running}`)).status, 404);
  t.match(await json(fetch(`${server.url}/v1/jobs/${running}`)), { state: 'cancelled' });
});

t.test('a transcript that is deleted takes its result along, and ends the job that writes it', async (t) => {
  const store = await openLocal(t);
  const transcriber = new LoudnessTranscriber();
  const server = await startJobServer(t, { store, transcriber });
  const deleted = (id: string) => fetch(`${server.url}/v1/transcripts/${id}`, { method: 'DELETE' });
  const first = await idOf(server.upload(recordingOf(1, 2)));
  await server.over(first);
  t.equal((await deleted(first)).status, 204);
  t.strictSame(await store.data.keys('results', { limit: 9 }), []);
  transcriber.holdAt = transcriber.heard + 1;
  const second = await idOf(server.upload(recordingOf(1, 2)));
  await transcriber.isHeld;
  while ((await deleted(second)).status !== 204) await new Promise(setImmediate);
  transcriber.release();
  t.match(await server.over(second), { state: 'cancelled' });
  await withoutAudio(store);
  t.strictSame(await store.data.keys('segments', { limit: 9 }), []);
});

t.test('events tell each change, and go on where a reader was cut off', async (t) => {
  const store = await openLocal(t);
  const transcriber = new LoudnessTranscriber();
  transcriber.holdAt = 1;
  const server = await startJobServer(t, { store, transcriber });
  const id = await idOf(server.upload(recordingOf(1, 2)));
  await transcriber.isHeld;
  const stop = new AbortController();
  const first: string[] = [];
  const response = await fetch(`${server.url}/v1/jobs/${id}/events`, { signal: stop.signal });
  t.match(response.headers.get('content-type'), 'text/event-stream');
  let lastId = '';
  for await (const event of eventsOf(response)) {
    first.push(event.event);
    lastId = event.id;
    break;
  }
  stop.abort();
  t.strictSame(first, ['running']);
  transcriber.release();
  const rest: string[] = [];
  const again = await fetch(`${server.url}/v1/jobs/${id}/events`, { headers: { 'last-event-id': lastId } });
  for await (const event of eventsOf(again)) {
    t.ok(Number(event.id) > Number(lastId));
    rest.push(event.event);
  }
  t.equal(rest.at(-1), 'done');
  t.equal((await fetch(`${server.url}/v1/jobs/j_none/events`)).status, 404);
});

t.test('a job that was cut off is gone on with, and no segment is heard twice or lost', async (t) => {
  const store = await openLocal(t);
  const transcriber = new LoudnessTranscriber();
  transcriber.holdAt = 3;
  const before = await startJobServer(t, { store, transcriber });
  const id = await idOf(before.upload(recordingOf(11, 12, 13, 0, 14, 15)));
  await transcriber.isHeld;
  await before.close();
  t.strictSame(await store.blobs.names(), [id]);
  const again = new LoudnessTranscriber();
  const after = await startJobServer(t, { store, transcriber: again });
  t.match(await after.over(id), { state: 'done', audioMs: 6_000 });
  t.equal(again.heard, 3, 'what was kept is not heard again');
  const transcript = await json(fetch(`${after.url}/v1/transcripts/${id}`));
  t.match(transcript, {
    text: 'w11 w12 w13 w14 w15',
    segments: [
      { startMs: 0 },
      { startMs: 1_000 },
      { startMs: 2_000 },
      { startMs: 4_000 },
      { startMs: 5_000, endMs: 6_000 },
    ],
  });
});

t.test('a job during which the server ended twice is set aside, one during which it ended once is not', async (t) => {
  const store = await openLocal(t);
  const transcriber = new LoudnessTranscriber();
  transcriber.holdAt = 0;
  const first = await startJobServer(t, { store, transcriber });
  const [once, twice] = [await idOf(first.upload(recordingOf(1))), await idOf(first.upload(recordingOf(2)))];
  await transcriber.isHeld;
  await first.close();
  const { JobStore } = await import('../../../server/src/jobs/job-store.js');
  const jobs = new JobStore(store.data, Date.now);
  t.match(await jobs.get(once), { attempts: 0 }, 'an orderly end does not count');
  await jobs.change(once, () => ({ attempts: 1 }));
  await jobs.change(twice, () => ({ attempts: 2 }));
  const second = await startJobServer(t, { store });
  t.match(await second.over(once), { state: 'done' });
  t.match(await second.over(twice), {
    state: 'failed',
    error: { code: 'recognition_failed', message: /ended 2 times while it worked on this recording/ },
  });
});

t.test('a recording that was heard before is not heard again', async (t) => {
  const store = await openLocal(t);
  const server = await startJobServer(t, { store });
  const recording = recordingOf(1, 2, 3);
  t.match(await server.over(await idOf(server.upload(recording))), { cache: 'miss' });
  t.match(await server.over(await idOf(server.upload(recording))), { cache: 'hit', state: 'done', audioMs: 3_000 });
  t.equal(server.transcriber.runs, 1);
  t.match(await server.over(await idOf(server.upload(recording, { language: 'en' }))), { cache: 'miss' });
  t.match(await server.over(await idOf(server.upload(recordingOf(1, 2)))), { cache: 'miss' });
  server.clock.now += 60_001;
  t.match(await server.over(await idOf(server.upload(recording))), { cache: 'miss' }, 'too old');
});

t.test('a file in the folder is taken, nothing outside of it', async (t) => {
  const folder = testFolder(t, { inside: { 'talk.raw': recordingOf(7, 8) }, 'secret.raw': recordingOf(9) });
  const inside = join(folder, 'inside');
  await symlink('../secret.raw', join(inside, 'link.raw'));
  await symlink('talk.raw', join(inside, 'near.raw'));
  await mkdir(join(inside, 'sub'));
  await symlink('../..', join(inside, 'sub', 'up'));
  const dataFolder = join(folder, 'data');
  const data = await LmdbStore.open(dataFolder);
  t.teardown(() => data.close());
  const store = { data, blobs: await FileBlobs.open(join(dataFolder, 'uploads'), 1_000), isShared: false };
  const server = await startJobServer(t, { store, settings: { jobFolder: inside } });
  const submit = (path: string) =>
    fetch(`${server.url}/v1/jobs`, {
      method: 'POST',
      body: JSON.stringify({ path }),
      headers: { 'content-type': 'application/json' },
    });
  for (const path of ['talk.raw', './sub/../talk.raw', 'near.raw']) {
    const id = await idOf(submit(path));
    t.match(await server.over(id), { state: 'done', name: path.split('/').at(-1) }, path);
    t.equal(await (await fetch(`${server.url}/v1/transcripts/${id}?format=txt`)).text(), 'w7\nw8\n');
  }
  const refused = [
    '../secret.raw',
    '/etc/passwd',
    'link.raw',
    'sub/up/secret.raw',
    'sub',
    '.',
    'nothing.raw',
    'a\0b',
    'sub/../../secret.raw',
  ];
  for (const path of refused) t.equal((await submit(path)).status, 400, path);
  await writeFile(join(inside, 'late.raw'), recordingOf(1));
});

t.test('jobs and what came of them are forgotten in time', async (t) => {
  const store = await openLocal(t);
  const server = await startJobServer(t, { store });
  await server.over(await idOf(server.upload(recordingOf(1, 2))));
  await server.jobs.sweep();
  t.not((await leftIn(store)).length, 0);
  server.clock.now += 60_001;
  await server.jobs.sweep();
  await server.cache.sweep();
  t.strictSame(await leftIn(store), []);
});

t.test('Redis: jobs of several nodes', { skip: WITHOUT_REDIS }, async (t) => {
  const redis = await startRedis(t);
  const open = async (): Promise<StoreHandle> => {
    const data = await RedisStore.open(redis.url);
    t.teardown(() => data.close());
    return { data, blobs: new RedisBlobs(data.redis, 5_000_000), isShared: true };
  };
  const settings = { redisUrl: redis.url };
  const stuck = new LoudnessTranscriber();
  stuck.holdAt = 2;
  const one = await startJobServer(t, { store: await open(), settings, transcriber: stuck });
  const id = await idOf(one.upload(recordingOf(21, 22, 23, 24)));
  await stuck.isHeld;
  const two = await startJobServer(t, { store: await open(), settings });
  const followed = two.over(id);
  await one.close();
  t.match(await followed, { state: 'done', audioMs: 4_000 }, 'another node goes on with it');
  t.equal(two.transcriber.heard, 2);
  t.match(await json(fetch(`${two.url}/v1/transcripts/${id}`)), { text: 'w21 w22 w23 w24' });
  const three = await startJobServer(t, { store: await open(), settings });
  const ids = await Promise.all([1, 2, 3, 4].map((level) => idOf(three.upload(recordingOf(level)))));
  for (const one of ids) t.match(await two.over(one), { state: 'done' });
});
