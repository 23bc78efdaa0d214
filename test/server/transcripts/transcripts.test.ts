// Transcripts as they are kept, found and forgotten, on LMDB and on Redis.
import t, { type Test } from 'tap';
import { STORE_MAPS, type KeyValueStore } from '../../../server/src/store/key-value-store.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { RedisStore } from '../../../server/src/store/redis/redis-store.js';
import { StoreError } from '../../../server/src/store/store-error.js';
import { PENDING_SEGMENTS_MAX, TranscriptWriter } from '../../../server/src/transcripts/transcript-writer.js';
import { NOON, record, RETENTION_MS, segment, transcriptsIn } from '../../support/kept-transcripts.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { testFolder } from '../../support/test-folder.js';

async function openLmdb(t: Test): Promise<LmdbStore> {
  const store = await LmdbStore.open(testFolder(t));
  t.teardown(() => store.close());
  return store;
}

/** Every key of the store: what is gone must not stand here. */
async function allKeys(store: KeyValueStore): Promise<string[]> {
  const lists = await Promise.all(STORE_MAPS.map((map) => store.keys(map, { limit: 10_000 })));
  return lists.flat();
}

async function contract(t: Test, open: (t: Test) => Promise<KeyValueStore>): Promise<void> {
  await t.test('a transcript is read as it was written, its segments in order', async (t) => {
    const { transcripts } = transcriptsIn(await open(t));
    const first = record('s_1', { state: 'live' });
    t.equal(await transcripts.write(first, [segment(10, 'ten'), segment(2, 'two')], undefined), true);
    t.equal(await transcripts.write(record('s_1'), [], undefined), false, 'an id is taken once');
    const next = record('s_1', { state: 'complete', segments: 3 });
    t.equal(
      await transcripts.write(next, [segment(2, 'two', { polished: 'Two.' }), segment(11, 'eleven')], first),
      true,
    );
    t.strictSame(await transcripts.get('s_1'), next);
    t.strictSame(
      (await transcripts.allSegments('s_1')).map(({ segmentId, text, polished }) => [segmentId, text, polished]),
      [
        [2, 'two', 'Two.'],
        [10, 'ten', undefined],
        [11, 'eleven', undefined],
      ],
    );
    t.equal(await transcripts.get('s_2'), undefined);
    t.strictSame(await transcripts.allSegments('s_'), [], 'an id that begins another');
  });

  await t.test('the list is in pages, the newest first', async (t) => {
    const { transcripts } = transcriptsIn(await open(t));
    for (let index = 0; index < 5; index++) {
      await transcripts.write(record(`s_${index}`, { createdAt: NOON + index }), [], undefined);
    }
    const first = await transcripts.list({ limit: 2 });
    t.strictSame(
      first.items.map(({ id }) => id),
      ['s_4', 's_3'],
    );
    const second = await transcripts.list({ limit: 2, before: first.next });
    t.strictSame(
      second.items.map(({ id }) => id),
      ['s_2', 's_1'],
    );
    const third = await transcripts.list({ limit: 2, before: second.next });
    t.strictSame([third.items.map(({ id }) => id), third.next], [['s_0'], undefined]);
  });

  await t.test('search finds words of raw and polished text, in any script', async (t) => {
    const { transcripts } = transcriptsIn(await open(t));
    const say = (id: string, createdAt: number, ...texts: string[]) =>
      transcripts.write(
        record(id, { createdAt: NOON + createdAt }),
        texts.map((text, index) => segment(index, text)),
        undefined,
      );
    await say('s_budget', 1, 'Good morning everyone.', 'The budget meeting is at ten.');
    await say('s_later', 2, 'We moved the meeting.', 'No budgets today.');
    await say('s_chinese', 3, '今天下午三点开会。', '会议开到五点。');
    await transcripts.write(
      record('s_polished'),
      [segment(0, 'uh teh roadmp', { polished: 'The roadmap.' })],
      undefined,
    );
    const found = async (query: string) =>
      (await transcripts.search(query, { limit: 10 })).items.map((it) => it.record.id);
    t.strictSame(await found('meeting'), ['s_later', 's_budget']);
    t.strictSame(await found('BUDGET meeting'), ['s_budget'], 'a whole word but the last');
    t.strictSame(await found('meeting budg'), ['s_later', 's_budget'], 'of the last the beginning');
    t.strictSame(await found('roadmap'), ['s_polished']);
    t.strictSame(await found('开会'), ['s_chinese']);
    t.strictSame(await found('下午三点'), ['s_chinese']);
    t.strictSame(await found('三点下午'), [], 'its pairs alone are no phrase');
    t.strictSame(await found('会'), ['s_chinese']);
    t.strictSame(await found('会议 meeting'), []);
    t.strictSame(await found('?!'), []);
    const { items } = await transcripts.search('budget', { limit: 1 });
    t.strictSame(
      items[0]?.matches.map(({ text }) => text),
      ['No budgets today.'],
    );
    const page = await transcripts.search('meeting', { limit: 1 });
    t.strictSame(
      page.items.map((it) => it.record.id),
      ['s_later'],
    );
    const rest = await transcripts.search('meeting', { limit: 1, before: page.next });
    t.strictSame(
      rest.items.map((it) => it.record.id),
      ['s_budget'],
    );
  });

  await t.test('deleted means gone: no key of it is left', async (t) => {
    const store = await open(t);
    const { transcripts } = transcriptsIn(store);
    await transcripts.write(record('s_other'), [segment(0, 'secret of another')], undefined);
    const before = await allKeys(store);
    const segments = Array.from({ length: 450 }, (_, index) =>
      segment(index, `secret number ${index} 秘密`, index % 2 === 0 ? { polished: `Secret ${index}!` } : {}),
    );
    await transcripts.write(record('s_1', { polished: 'All the secrets, polished.' }), segments, undefined);
    t.equal(await transcripts.delete('s_1'), true);
    t.strictSame(await allKeys(store), before);
    t.equal(await transcripts.delete('s_1'), false);
    t.strictSame(
      (await transcripts.search('secret', { limit: 9 })).items.map((it) => it.record.id),
      ['s_other'],
    );
  });

  await t.test('what is too old is not shown, and swept in bounded steps', async (t) => {
    const store = await open(t);
    const { transcripts, clock } = transcriptsIn(store);
    const ids = Array.from({ length: 230 }, (_, index) => index);
    await Promise.all(
      ids.map((index) => transcripts.write(record(`s_${index}`), [segment(0, `word${index}`)], undefined)),
    );
    await transcripts.write(
      record('s_long', { updatedAt: NOON + RETENTION_MS }),
      [segment(0, 'still here')],
      undefined,
    );
    await transcripts.sweep();
    t.ok(await transcripts.get('s_0'));
    clock.now += RETENTION_MS + 1;
    t.equal(await transcripts.get('s_0'), undefined, 'before any sweep');
    t.strictSame((await transcripts.search('word7', { limit: 9 })).items, []);
    await transcripts.sweep();
    t.equal((await store.keys('transcripts', { limit: 1_000 })).length, 131, 'a hundred at a time');
    await transcripts.sweep();
    await transcripts.sweep();
    t.strictSame(await store.keys('transcripts', { limit: 10 }), ['s_long'], 'what had words later stays');
    clock.now += RETENTION_MS;
    await transcripts.sweep();
    t.strictSame(await allKeys(store), []);
  });

  await t.test('after a crash: what was live is interrupted, what was half deleted is removed', async (t) => {
    const store = await open(t);
    const { transcripts } = transcriptsIn(store);
    await transcripts.write(record('s_live', { state: 'live' }), [segment(0, 'cut')], undefined);
    await transcripts.write(record('s_half', { state: 'deleting' }), [segment(0, 'off')], undefined);
    t.equal(await transcripts.get('s_half'), undefined);
    await transcripts.recover();
    t.match(await transcripts.get('s_live'), { state: 'interrupted' });
    t.strictSame(await store.keys('transcripts', { limit: 10 }), ['s_live']);
  });

  await t.test('a transcript that is deleted while it grows stays deleted', async (t) => {
    const store = await open(t);
    const { transcripts, health } = transcriptsIn(store);
    const writer = new TranscriptWriter(transcripts, health, record('s_1', { state: 'live' }));
    writer.keep(segment(0, 'one'));
    await writer.write();
    t.ok(await transcripts.delete('s_1'));
    writer.keep(segment(1, 'two'));
    await writer.write();
    t.equal(writer.isGone, true);
    writer.keep(segment(2, 'three'));
    await writer.write();
    t.strictSame(await allKeys(store), []);
    t.equal(health.state, 'ok');
  });
}

t.test('LMDB', (t) => contract(t, openLmdb));

t.test('Redis', { skip: WITHOUT_REDIS }, async (t) => {
  const { url } = await startRedis(t);
  let count = 0;
  await contract(t, async (t) => {
    const store = await RedisStore.open(url, `test${count++}:`);
    t.teardown(() => store.close());
    return store;
  });
});

t.test('a store that fails is waited for, within a bound, and heard of once', async (t) => {
  const store = await openLmdb(t);
  const { transcripts } = transcriptsIn(store);
  const said: string[] = [];
  const { StoreHealth } = await import('../../../server/src/store/store-health.js');
  const health = new StoreHealth({
    error: (_fields: unknown, message?: string) => said.push(`error ${message}`),
    warn: () => undefined,
    info: (message: unknown) => said.push(`info ${String(message)}`),
  });
  const commit = store.commit.bind(store);
  store.commit = () => Promise.reject(new StoreError('store_unavailable', 'No space left on device'));
  const writer = new TranscriptWriter(transcripts, health, record('s_1', { state: 'live' }));
  for (let index = 0; index < PENDING_SEGMENTS_MAX + 10; index++) writer.keep(segment(index, `word${index}`));
  await writer.write();
  t.equal(health.state, 'degraded');
  t.equal(said.length, 1);
  t.equal(writer.isSettled, false);
  store.commit = commit;
  await writer.write();
  t.equal(health.state, 'ok');
  t.equal(said.length, 2);
  const kept = await transcripts.allSegments('s_1');
  t.equal(kept.length, PENDING_SEGMENTS_MAX);
  t.equal(kept[0]?.text, 'word10', 'the oldest were left out');
  t.match(await transcripts.get('s_1'), { isIncomplete: true, segments: PENDING_SEGMENTS_MAX });
});

t.test('a write that happened although it failed is gone on from', async (t) => {
  const store = await openLmdb(t);
  const { transcripts, health } = transcriptsIn(store);
  const commit = store.commit.bind(store);
  const writer = new TranscriptWriter(transcripts, health, record('s_1', { state: 'live' }));
  for (const index of [0, 1]) {
    store.commit = async (...args) => {
      await commit(...args);
      throw new StoreError('store_unavailable', 'The answer was lost');
    };
    writer.keep(segment(index, `word${index}`));
    await writer.write();
    t.equal(writer.isSettled, false);
    store.commit = commit;
    writer.keep(segment(index + 10, `more${index}`));
    await writer.write();
    t.equal(writer.isGone, false, 'nobody has deleted it');
    t.equal(writer.isSettled, true);
  }
  t.equal((await transcripts.allSegments('s_1')).length, 4);
});
