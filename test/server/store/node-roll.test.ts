// The nodes that share a store know of each other, and of those that are gone.
import t from 'tap';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { NodeRoll } from '../../../server/src/store/node-roll.js';
import { testFolder } from '../../support/test-folder.js';
import { until } from '../../support/until.js';

t.test('nodes come, are seen by all, and go: by themselves or by falling silent', async (t) => {
  const store = await LmdbStore.open(testFolder(t));
  t.teardown(() => store.close());
  let now = 1_000_000;
  const ticks = new Set<() => void>();
  const failures: unknown[] = [];
  const enter = (name: string): NodeRoll =>
    new NodeRoll({
      store,
      health: { failed: (error) => failures.push(error) },
      facts: () => ({ name, status: 'ready', model: 'm', streams: name.length }),
      // Nobody's clock is right.
      wallNow: () => now * (name.startsWith('b') ? 1 : -1),
      clock: {
        now: () => now,
        every: (_, tick) => {
          ticks.add(tick);
          return () => ticks.delete(tick);
        },
      },
    });
  const tick = () => ticks.forEach((call) => call());
  const [b, a] = [enter('b:8080'), enter('a:8080')];
  tick();
  await until(() => names(a) === 'a:8080,b:8080' && names(b) === 'a:8080,b:8080', 'both');
  t.match(a.nodes[0], { status: 'ready', model: 'm', streams: 6, at: -now });
  await store.commit([{ map: 'meta', key: 'node:0', value: Buffer.from('no JSON') }]);
  await b.close();
  await b.close();
  tick();
  await until(() => names(a) === 'a:8080', 'one');
  const silent = enter('c:8080');
  await until(() => names(silent) === 'a:8080,c:8080', 'a third one');
  ticks.delete([...ticks].at(-1) ?? tick);
  now += 10_000;
  tick();
  await until(() => a.nodes[0]?.at === -now, 'it has looked');
  t.equal(names(a), 'a:8080,c:8080');
  now += 36_000;
  tick();
  await until(() => names(a) === 'a:8080', 'the silent one is gone');
  t.equal(await store.get('meta', 'node:0'), undefined, 'and what is no node');
  t.strictSame(failures, []);
  await a.close();
});

function names(roll: NodeRoll): string {
  return roll.nodes.map(({ name }) => name).join();
}
