// The databases under everything kept, and what happens to a data folder that cannot be used.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { FileBlobs } from '../../../server/src/store/lmdb/file-blobs.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { RedisBlobs } from '../../../server/src/store/redis/redis-blobs.js';
import { RedisStore } from '../../../server/src/store/redis/redis-store.js';
import { SCRIPT_ARGUMENTS } from '../../support/sotto-command.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { testBlobStore, testKeyValueStore } from '../../support/store-contract.js';
import { testFolder } from '../../support/test-folder.js';

async function openLmdb(t: Test, folder = testFolder(t)): Promise<LmdbStore> {
  const store = await LmdbStore.open(folder);
  t.teardown(() => store.close());
  return store;
}

t.test('LMDB', (t) => testKeyValueStore(t, (t) => openLmdb(t)));
t.test('files', (t) => testBlobStore(t, (t, bytesMax) => FileBlobs.open(join(testFolder(t), 'uploads'), bytesMax)));

t.test('Redis', { skip: WITHOUT_REDIS }, async (t) => {
  const { url } = await startRedis(t);
  let count = 0;
  const open = async (t: Test): Promise<RedisStore> => {
    const store = await RedisStore.open(url, `test${count++}:`);
    t.teardown(() => store.close());
    return store;
  };
  await testKeyValueStore(t, open);
  await testBlobStore(t, async (t, bytesMax) => {
    const { redis } = await open(t);
    return new RedisBlobs(redis, bytesMax, `blobs${count++}:`);
  });
  await t.test('what it knew of scripts is gone, as after a restart', async (t) => {
    const store = await open(t);
    for (const value of ['1', '2']) {
      await store.redis.script('FLUSH');
      t.ok(await store.commit([{ map: 'transcripts', key: 'a', value: Buffer.from(value) }]));
      t.ok(await store.commit([{ map: 'transcripts', key: 'b', value: Buffer.from(value) }]), 'known again');
      t.same(await store.get('transcripts', 'a'), Buffer.from(value));
    }
  });
});

t.test('a Redis that is not there, or goes away, is an error and no wait', { skip: WITHOUT_REDIS }, async (t) => {
  await t.rejects(RedisStore.open('redis://user:secret@127.0.0.1:1'), {
    code: 'store_unavailable',
    message: /^Redis at 127\.0\.0\.1:1 cannot be reached/,
  });
  const redis = await startRedis(t);
  const store = await RedisStore.open(redis.url);
  t.teardown(() => store.close());
  await store.commit([{ map: 'meta', key: 'a', value: Buffer.from('1') }]);
  await redis.kill();
  await t.rejects(store.get('meta', 'a'), { code: 'store_unavailable' });
  await t.rejects(store.commit([]), { code: 'store_unavailable' });
});

t.test('what was committed outlives the process that wrote it', async (t) => {
  const folder = testFolder(t);
  const script = `
    import { LmdbStore } from './server/src/store/lmdb/lmdb-store.ts';
    const store = await LmdbStore.open(${JSON.stringify(folder)});
    await store.commit([{ map: 'meta', key: 'a', value: Buffer.from('kept') }]);
    process.stdout.write('committed');
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, [...SCRIPT_ARGUMENTS, '--input-type=module', '-e', script]);
  t.teardown(() => child.kill('SIGKILL'));
  let failed = '';
  child.stderr.on('data', (data) => (failed += String(data)));
  const ended = once(child, 'exit').then(() => 'ended');
  if ((await Promise.race([once(child.stdout, 'data'), ended])) === 'ended') throw new Error(failed);
  await t.rejects(LmdbStore.open(folder), {
    code: 'store_in_use',
    message: new RegExp(`in use by another server \\(process ${child.pid}\\)`),
  });
  child.kill('SIGKILL');
  await ended;
  const store = await openLmdb(t, folder);
  t.equal(Buffer.from((await store.get('meta', 'a')) ?? []).toString(), 'kept');
});

t.test('two stores of one process cannot have the same folder either', async (t) => {
  const folder = testFolder(t);
  const first = await openLmdb(t, folder);
  await t.rejects(LmdbStore.open(folder), { code: 'store_in_use' });
  await first.close();
  await openLmdb(t, folder);
});

t.test('a damaged data file is refused before it can do harm', async (t) => {
  const folder = testFolder(t, { whole: {} });
  const whole = await LmdbStore.open(join(folder, 'whole'));
  for (let index = 0; index < 50; index++) {
    await whole.commit([{ map: 'segments', key: `${index}`, value: Buffer.alloc(2_000, index) }]);
  }
  await whole.close();
  const data = await readFile(join(folder, 'whole', 'data.mdb'));
  const damages: Record<string, (path: string) => Promise<void>> = {
    'cut off': (path) => truncate(path, data.length / 2),
    'cut off in its head': (path) => truncate(path, 100),
    text: (path) => writeFile(path, 'hello'),
    noise: (path) => writeFile(path, Buffer.alloc(100_000, 0xa5)),
  };
  for (const [what, damage] of Object.entries(damages)) {
    const copy = join(folder, what);
    await cp(join(folder, 'whole'), copy, { recursive: true });
    await damage(join(copy, 'data.mdb'));
    await t.rejects(LmdbStore.open(copy), { code: 'store_damaged', message: /Move it away/ }, what);
  }
  const store = await openLmdb(t, join(folder, 'whole'));
  t.equal((await store.keys('segments', { limit: 100 })).length, 50);
});

t.test('a folder that cannot be made or written is named', async (t) => {
  const folder = testFolder(t, { file: 'no folder' });
  await t.rejects(LmdbStore.open(join(folder, 'file', 'data')), {
    code: 'store_unavailable',
    message: /cannot be made/,
  });
  if (process.getuid?.() === 0) return;
  await chmod(folder, 0o500);
  await t.rejects(LmdbStore.open(folder), { code: 'store_unavailable', message: /cannot be written/ });
});

t.test('a disk that is full is an error of each commit, and no more', async (t) => {
  // A process that may write files of a certain size meets what a full disk does.
  const script = `
    import { LmdbStore } from './server/src/store/lmdb/lmdb-store.ts';
    const store = await LmdbStore.open(${JSON.stringify(join(testFolder(t), 'data'))});
    const write = (key) => store.commit([{ map: 'segments', key, value: Buffer.alloc(100_000) }]).then(() => 'ok', (error) => error.code);
    const outcomes = [];
    for (let index = 0; index < 6; index++) outcomes.push(await write('one' + index));
    outcomes.push(...(await Promise.all([1, 2].map((index) => write('side by side' + index)))));
    await store.commit([{ map: 'segments', key: 'one0', value: undefined }]);
    await store.close();
    process.stdout.write(JSON.stringify(outcomes));
  `;
  const limited = 'ulimit -f 500; exec "$@"';
  const child = spawn('bash', [
    '-c',
    limited,
    'bash',
    process.execPath,
    ...SCRIPT_ARGUMENTS,
    '--input-type=module',
    '-e',
    script,
  ]);
  let said = '';
  child.stdout.on('data', (data) => (said += String(data)));
  const [code] = (await once(child, 'exit')) as [number | null];
  t.equal(code, 0, 'nothing fails unheard');
  const outcomes = JSON.parse(said) as string[];
  t.equal(outcomes[0], 'ok');
  t.strictSame(outcomes.slice(-2), ['store_unavailable', 'store_unavailable']);
});
