// What was heard before: found by its bytes and by its sound, bounded in size, age and memory.
import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { pino } from 'pino';
import { CachedTranscription, HELD_BYTES_MAX } from '../../../server/src/recordings/cached-transcription.js';
import { ResultCache } from '../../../server/src/recordings/result-cache.js';
import { FILE_DEFAULTS, type FileOptions } from '../../../server/src/recordings/file-transcription.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { StoreError } from '../../../server/src/store/store-error.js';
import { StoreHealth } from '../../../server/src/store/store-health.js';
import { LoudnessTranscriber } from '../../support/job-server.js';
import { WallClock } from '../../support/kept-transcripts.js';
import { testFolder } from '../../support/test-folder.js';

const OPTIONS: FileOptions = { ...FILE_DEFAULTS, language: 'en' };

async function openCache(t: Test, bytesMax = 1_000_000) {
  const store = await LmdbStore.open(testFolder(t));
  t.teardown(() => store.close());
  const clock = new WallClock();
  const cache = new ResultCache({
    store,
    model: () => 'loudness',
    bytesMax,
    retentionMs: 60_000,
    wallNow: () => clock.now,
  });
  const transcriber = new LoudnessTranscriber();
  const health = new StoreHealth(pino({ level: 'silent' }));
  return {
    store,
    clock,
    cache,
    transcriber,
    health,
    transcription: new CachedTranscription(transcriber, cache, health),
  };
}

async function* seconds(...loudness: readonly number[]): AsyncGenerator<Float32Array> {
  for (const level of loudness) yield new Float32Array(16_000).fill(level / 32_768);
}

async function* tiny(): AsyncGenerator<Float32Array> {
  for await (const block of seconds(1, 2, 3)) {
    for (let at = 0; at < block.length; at += 777) yield block.subarray(at, at + 777);
  }
}

async function* undecoded(): AsyncGenerator<Float32Array> {
  yield* seconds();
  throw new Error('It was decoded.');
}

async function* broken(): AsyncGenerator<Float32Array> {
  yield* seconds(1);
  throw new Error('cut off');
}

const result = (text: string) => ({
  segments: [
    {
      text: text.repeat(1_500),
      startMs: 0,
      endMs: 1,
      words: [],
      tokens: [],
      language: 'en',
      avgLogprob: 0,
      noSpeechProb: 0,
      temperature: 0,
    },
  ],
  audioMs: 1,
});

const fails = () => Promise.reject(new StoreError('store_unavailable', 'gone'));

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function hear(
  transcription: CachedTranscription,
  audio: AsyncIterable<Float32Array>,
  {
    options = OPTIONS,
    uploadHash,
    isLive = false,
  }: { options?: FileOptions; uploadHash?: string; isLive?: boolean } = {},
) {
  const outcomes: string[] = [];
  const lengths: number[] = [];
  const texts: string[] = [];
  const run = {
    uploadHash,
    isLive,
    onCache: (outcome: string) => void outcomes.push(outcome),
    onAudioMs: (ms: number) => void lengths.push(ms),
  };
  for await (const { text } of transcription.transcribe(audio, options, run)) texts.push(text);
  return { texts: texts.join(' '), outcome: outcomes.join(), audioMs: lengths.at(-1) };
}

t.test('the same sound is a hit, however its bytes and blocks came', async (t) => {
  const { transcription, transcriber } = await openCache(t);
  const first = { texts: 'w1 w2 w3', audioMs: 3_000 };
  t.match(await hear(transcription, seconds(1, 2, 3)), { ...first, outcome: 'miss' });
  t.match(await hear(transcription, tiny()), { ...first, outcome: 'hit' });
  t.equal(transcriber.runs, 1);
  for (const options of [
    { language: 'auto' },
    { task: 'translate' },
    { prompt: 'x' },
    { hotwords: ['x'] },
    { words: true },
    { temperature: 0.5 },
    { cutting: { minSilenceMs: 300 } },
  ] as const) {
    t.match(
      await hear(transcription, seconds(1, 2, 3), { options: { ...OPTIONS, ...options } }),
      { outcome: 'miss' },
      JSON.stringify(options),
    );
  }
});

t.test('the same bytes need not be decoded', async (t) => {
  const { transcription } = await openCache(t);
  const uploadHash = sha256('upload');
  await hear(transcription, seconds(4, 5), { uploadHash });
  t.match(await hear(transcription, undecoded(), { uploadHash }), { texts: 'w4 w5', outcome: 'hit', audioMs: 2_000 });
  t.match(await transcription.find(uploadHash, OPTIONS), { audioMs: 2_000 });
  t.equal(await transcription.find(sha256('other'), OPTIONS), undefined);
  const other = sha256('the same as another file');
  t.match(await hear(transcription, seconds(4, 5), { uploadHash: other }), { outcome: 'hit' });
  t.ok(await transcription.find(other, OPTIONS), 'found by its bytes from now on');
});

t.test('a recording that is wanted at once, or too long to hold, is kept all the same', async (t) => {
  const { transcription, transcriber } = await openCache(t);
  const uploadHash = sha256('live');
  t.match(await hear(transcription, seconds(1), { isLive: true, uploadHash }), { outcome: 'miss' });
  t.match(await hear(transcription, seconds(1), { isLive: true, uploadHash }), { outcome: 'hit' });
  const count = Math.ceil(HELD_BYTES_MAX.recording / 64_000) + 2;
  let ahead = 0;
  async function* long(): AsyncGenerator<Float32Array> {
    for (let second = 0; second < count; second++) {
      ahead = Math.max(ahead, second - (transcriber.heard - 1));
      yield* seconds(9);
    }
  }
  const { outcome, audioMs } = await hear(transcription, long());
  t.strictSame([outcome, audioMs], ['miss', count * 1_000]);
  t.ok(ahead * 64_000 <= HELD_BYTES_MAX.recording + 200_000, 'no more than that is held');
});

t.test('the oldest results go when there is no room, and those that are too old', async (t) => {
  const { cache, clock, store } = await openCache(t, 10_000);
  for (let index = 0; index < 10; index++) {
    clock.now += 1;
    await cache.keep(`key${index}`, `upload${index}`, result(`${index}`));
    t.ok(cache.bytes <= 10_000);
  }
  t.equal(await cache.find('key0'), undefined);
  t.equal(await cache.findUpload('upload0'), undefined);
  t.ok(await cache.find('key9'));
  t.ok(await cache.findUpload('upload9'));
  await cache.keep('huge', undefined, result('much longer '));
  t.equal(await cache.find('huge'), undefined, 'no single result takes most of the room');
  t.ok(await cache.find('key9'));
  await cache.keep('key9', 'another', result('9'));
  t.ok((await cache.findUpload('upload9')) && (await cache.findUpload('another')), 'both lead there');
  clock.now += 60_001;
  t.equal(await cache.find('key9'), undefined);
  await cache.sweep();
  t.equal(cache.bytes, 0);
  for (const map of ['results', 'resultsByTime', 'uploads'] as const)
    t.strictSame(await store.keys(map, { limit: 9 }), []);
});

t.test('a cache that fails costs its hits, never a result', async (t) => {
  const { transcription, store, health } = await openCache(t);
  store.get = fails;
  store.commit = fails;
  t.match(await hear(transcription, seconds(1, 2), { uploadHash: sha256('x') }), { texts: 'w1 w2', outcome: 'miss' });
  t.equal(health.state, 'degraded');
});

t.test('what is broken off is not kept', async (t) => {
  const { transcription, store } = await openCache(t);
  await t.rejects(hear(transcription, broken()), { message: 'cut off' });
  for await (const _ of transcription.transcribe(seconds(1, 2, 3), OPTIONS)) break;
  t.strictSame(await store.keys('results', { limit: 9 }), []);
});

t.test('a result is kept as the work of the model that did it, whatever serves meanwhile', async (t) => {
  let serving = 'a';
  const { store, clock, transcriber, health } = await openCache(t);
  const cache = new ResultCache({
    store,
    model: () => serving,
    bytesMax: 1_000_000,
    retentionMs: 60_000,
    wallNow: () => clock.now,
  });
  /** Each recording is heard by the model that serves when its turn comes. */
  const hearing = {
    transcribe: (...[audio, options, run]: Parameters<CachedTranscription['transcribe']>) => {
      run?.onModel?.({ name: serving, identity: serving });
      return transcriber.transcribe(audio, options, run);
    },
  };
  const transcription = new CachedTranscription(hearing, cache, health);
  /** Decoded while a waits for its turn: b serves when it has come, and a again when it is over. */
  async function* swapped(): AsyncGenerator<Float32Array> {
    yield* seconds(1);
    serving = 'b';
  }
  async function* swappedBack(): AsyncGenerator<Float32Array> {
    yield* seconds(2);
    serving = 'a';
  }
  const uploadHash = sha256('one');
  t.match(await hear(transcription, swapped(), { uploadHash }), { texts: 'w1', outcome: 'miss' });
  serving = 'a';
  t.equal(await transcription.find(uploadHash, OPTIONS), undefined, 'a has not heard it');
  serving = 'b';
  t.ok(await transcription.find(uploadHash, OPTIONS), 'b has');
  const other = sha256('other');
  t.match(await hear(transcription, swappedBack(), { isLive: true, uploadHash: other }), { outcome: 'miss' });
  t.equal(serving, 'a');
  t.equal(await transcription.find(other, OPTIONS), undefined, 'a has not heard that one either');
  serving = 'b';
  t.ok(await transcription.find(other, OPTIONS));
});
