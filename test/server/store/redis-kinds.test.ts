// Redis behind Sentinels and Redis as a cluster, by URL: real ones.
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { mark, speechToMark } from '../../../bench/src/nodes/marked-speech.js';
import { RoamingClient } from '../../../bench/src/nodes/roaming-client.js';
import { BullQueue } from '../../../server/src/jobs/bull-queue.js';
import { placeOf, redisAddress } from '../../../server/src/store/redis/redis-address.js';
import { RedisBlobs } from '../../../server/src/store/redis/redis-blobs.js';
import { RedisStore } from '../../../server/src/store/redis/redis-store.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { startCluster, startSentinel, WITHOUT_REDIS } from '../../support/redis-server.js';
import { MARKED, ServerProcess } from '../../support/server-process.js';
import { testBlobStore, testKeyValueStore } from '../../support/store-contract.js';
import { wholeRunOnly } from '../../support/whole-run.js';

t.setTimeout(600_000);

const whole = { skip: wholeRunOnly.skip || WITHOUT_REDIS };

t.test('addresses', async (t) => {
  t.match(redisAddress('redis://127.0.0.1'), {
    kind: 'single',
    hosts: [{ host: '127.0.0.1', port: 6_379 }],
    database: 0,
    isEncrypted: false,
  });
  t.match(redisAddress('rediss://me:p%40ss@[::1]:7000/3'), {
    hosts: [{ host: '::1', port: 7_000 }],
    username: 'me',
    password: 'p@ss',
    database: 3,
    isEncrypted: true,
  });
  const sentinels = redisAddress('redis+sentinel://:secret@a:1,b/voices/2');
  t.match(sentinels, {
    kind: 'sentinel',
    hosts: [
      { host: 'a', port: 1 },
      { host: 'b', port: 26_379 },
    ],
    master: 'voices',
    database: 2,
    password: 'secret',
  });
  t.equal(placeOf(sentinels), 'a:1,b:26379 (voices)');
  t.match(redisAddress('rediss+cluster://a,b:7001'), { kind: 'cluster', isEncrypted: true });
  for (const wrong of [
    '',
    'http://a',
    'redis://',
    'redis://a,b',
    'redis://a/x',
    'redis://a:port',
    'redis+sentinel://a',
    'redis+cluster://a/1',
    'redis+cluster://a,,b',
    'redis://user:hush@a/0/1',
  ]) {
    t.throws(() => redisAddress(wrong), { code: 'store_unavailable', message: /^(?!.*hush)--redis-url is not/ }, wrong);
  }
});

/** What a Redis of any kind must do for us. */
async function testRedis(t: Test, url: string): Promise<void> {
  let count = 0;
  const open = async (t: Test): Promise<RedisStore> => {
    // One slot of a cluster, as with the prefix that is used.
    const store = await RedisStore.open(url, `{test${count++}}:`);
    t.teardown(() => store.close());
    return store;
  };
  await testKeyValueStore(t, open);
  await testBlobStore(t, async (t, bytesMax) => {
    const { redis } = await open(t);
    return new RedisBlobs(redis, bytesMax, `{blobs${count++}}:`);
  });
  await t.test('jobs', async (t) => {
    const queue = new BullQueue({ url, concurrency: 1, onError: (error) => t.comment(String(error)) });
    t.teardown(() => queue.close());
    const done = new Promise<string>((resolve) => queue.work(async (id) => resolve(id)));
    await queue.add('j_1');
    t.equal(await done, 'j_1');
    t.equal(await queue.waiting(), 0);
  });
}

function node(t: Test, url: string): Promise<ServerProcess> {
  return ServerProcess.start(t, ['--polish', 'off', ...MARKED, '--store', 'redis', '--redis-url', url]);
}

t.test('a cluster', whole, async (t) => {
  const { url } = await startCluster(t);
  await testRedis(t, url);
  await t.test('a live session goes on at another node', async (t) => {
    const [first, second] = [await node(t, url), await node(t, url)];
    const { samples, words } = mark(speechToMark([await fixtureSamples('en-recipe')], 1_000), 1);
    let address = first.url;
    const client = new RoamingClient(() => address, samples);
    const running = client.run(1);
    while (client.progress < 0.7) await delay(10);
    address = second.url;
    first.kill('SIGKILL');
    await running;
    t.same([client.restarts + client.freshRestarts, client.moves], [0, 1]);
    t.strictSame(client.text.split(' '), words);
  });
});

t.test('Sentinels', whole, async (t) => {
  const { url, master } = await startSentinel(t);
  await testRedis(t, url);
  await t.test('the master dies under a live stream: the store works again, and no word is lost', async (t) => {
    const [first, second] = [await node(t, url), await node(t, url)];
    const clips = await Promise.all(['en-recipe', 'en-bakery', 'en-recipe'].map(fixtureSamples));
    const { samples, words } = mark(speechToMark(clips, 1_000), 1);
    let address = first.url;
    const client = new RoamingClient(() => address, samples);
    const running = client.run(0.5);
    while (client.progress < 0.1) await delay(10);
    await master.kill();
    const store = async (): Promise<string> =>
      ((await (await fetch(`${first.http}/ready`)).json()) as { store: string }).store;
    while ((await store()) !== 'degraded') await delay(20);
    while ((await store()) !== 'ok') await delay(20);
    t.ok(client.progress < 0.8, 'long before the stream ends');
    while (client.progress < 0.9) await delay(10);
    address = second.url;
    first.kill('SIGKILL');
    await running;
    t.same([client.restarts + client.freshRestarts, client.moves], [0, 1]);
    t.strictSame(client.text.split(' '), words);
  });
});
