// The embedded store in a process of its own: what happens when that process or its file comes to harm.
import { truncate, stat, rename } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { StoreChange } from '../../../server/src/store/key-value-store.js';
import {
  HostedStore,
  type HostedStoreOptions,
  type StoreProcessEvent,
} from '../../../server/src/store/lmdb/hosted-store.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { WAITING_MAX } from '../../../server/src/store/lmdb/store-lane.js';
import { damagePages } from '../../support/damage.js';
import { testKeyValueStore } from '../../support/store-contract.js';
import { testFolder } from '../../support/test-folder.js';
import { until } from '../../support/until.js';

const QUICK = { backoffMinMs: 1, backoffMaxMs: 20 } as const;

async function openHosted(t: Test, folder = testFolder(t), options: Partial<HostedStoreOptions> = {}) {
  const events: StoreProcessEvent[] = [];
  const store = await HostedStore.open(folder, { ...QUICK, ...options, onEvent: (event) => events.push(event) });
  t.teardown(() => store.close());
  return { store, events, file: join(folder, 'data.mdb') };
}

const set = (key: string, value: string | Buffer): StoreChange => ({
  map: 'segments',
  key,
  value: Buffer.from(value),
});

/** Enough to fill many pages, each of which has its key in it. */
async function fill(store: HostedStore): Promise<void> {
  const rows = Array.from({ length: 200 }, (_, index) => index);
  await store.commit(
    rows.map((index) => set(`row ${String(index).padStart(3, '0')}`, Buffer.alloc(1_000, `row ${index} `))),
  );
}

t.test('the contract', (t) => testKeyValueStore(t, async (t) => (await openHosted(t)).store));

t.test('killed again and again: what was acknowledged is there, and nothing happens twice', async (t) => {
  const { store, events } = await openHosted(t, testFolder(t), { deathsTrusted: 100 });
  let acknowledged = 0;
  for (let kills = 0; kills < 2; kills++) {
    // Each of them only once, and only after the one before it.
    const commits = Array.from({ length: 60 }, async (_, at) => {
      const number = kills * 60 + at;
      const before = { ...set('count', `${number - 1}`), ...(number === 0 && { value: undefined }) };
      t.equal(await store.commit([set('count', `${number}`)], [before]), true, `commit ${number}`);
      acknowledged = number;
    });
    process.kill(store.pid ?? 0, 'SIGKILL');
    const read = store.get('segments', 'count');
    await Promise.all(commits);
    await read;
    await until(() => events.filter(({ type }) => type === 'restarted').length === kills + 1);
  }
  t.equal(acknowledged, 119);
  t.equal(Buffer.from((await store.get('segments', 'count')) ?? []).toString(), '119');
  t.equal(events.filter(({ type }) => type === 'died').length, 2);
});

t.test('a commit that is asked again with its receipt changes nothing', async (t) => {
  const store = await LmdbStore.open(testFolder(t));
  t.teardown(() => store.close());
  const commits = [
    { changes: [set('a', '1')], expect: [{ ...set('a', ''), value: undefined }] },
    { changes: [set('a', '2')], expect: [set('a', '7')] },
  ];
  t.strictSame(await store.commitOnce('r/1', commits), [true, false]);
  t.strictSame(await store.commitOnce('r/1', commits), [true, false]);
  t.strictSame(await store.commitOnce('r/2', commits), [false, false]);
});

t.test('a page damaged in the middle: what lies there is refused, the rest is served', async (t) => {
  const folder = testFolder(t);
  const first = await openHosted(t, folder);
  await fill(first.store);
  await first.store.close();
  t.ok((await damagePages(first.file, 'row 100 ')) > 0);
  const { store, events, file } = await openHosted(t, folder, { deathsTrusted: 100 });
  const [damaged, whole] = await Promise.allSettled([
    store.get('segments', 'row 100'),
    store.get('segments', 'row 001'),
    store.commit([{ map: 'meta', key: 'a', value: Buffer.from('1') }]),
  ]);
  t.match(damaged, { status: 'rejected', reason: { code: 'store_unavailable' } });
  t.match(whole, { status: 'fulfilled' });
  t.ok(events.some(({ type }) => type === 'died'));
  t.ok((await stat(file)).size > 100_000, 'the file is kept');
});

t.test('deaths in a row: refused at once, until the file is moved away', async (t) => {
  const { store, events, file } = await openHosted(t, testFolder(t), { healthyAfterMs: 200 });
  await fill(store);
  const { size } = await stat(file);
  await truncate(file, 8_192);
  await t.rejects(store.entries('segments', { limit: 1_000 }), { code: 'store_unavailable' });
  await until(() => events.some(({ type }) => type === 'distrusted'));
  await t.rejects(store.get('segments', 'row 001'), {
    code: 'store_unavailable',
    message: /in a row .* move .*data\.mdb away/s,
  });
  await t.rejects(store.commit([set('a', '1')]), { code: 'store_unavailable' });
  t.ok((await stat(file)).size < size, 'nobody has touched it since');
  await rename(file, `${file}.damaged`);
  await until(() => events.some(({ type }) => type === 'trusted'));
  t.equal(await store.commit([set('a', '1')]), true);
});

t.test('what waits is bounded: beyond, it is refused at once', async (t) => {
  const { store } = await openHosted(t);
  const asked = Array.from({ length: WAITING_MAX.asked + 1 }, () => store.get('meta', 'a'));
  await t.rejects(asked.at(-1) as Promise<unknown>, { code: 'store_unavailable', message: /too much waits/ });
  t.equal((await Promise.all(asked.slice(0, -1))).length, WAITING_MAX.asked);
  const large = Buffer.alloc(WAITING_MAX.bytes / 2 - 10);
  const commits = ['a', 'b', 'c'].map((key) => store.commit([set(key, large)]));
  await t.rejects(commits[2] as Promise<unknown>, { code: 'store_unavailable' });
  t.strictSame(await Promise.all(commits.slice(0, 2)), [true, true]);
});

t.test('closed: what was asked before is done, what comes after is refused, the folder is free', async (t) => {
  const folder = testFolder(t);
  const { store } = await openHosted(t, folder);
  await t.rejects(HostedStore.open(folder), { code: 'store_in_use' });
  const commit = store.commit([set('a', '1')]);
  await Promise.all([store.close(), store.close()]);
  t.equal(await commit, true);
  await t.rejects(store.get('segments', 'a'), { code: 'store_unavailable' });
  const again = await openHosted(t, folder);
  t.equal(Buffer.from((await again.store.get('segments', 'a')) ?? []).toString(), '1');
});
