// What looks after the store, second by second.
import t from 'tap';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { StoreError } from '../../../server/src/store/store-error.js';
import { StoreHealth } from '../../../server/src/store/store-health.js';
import { Tending, type Tended } from '../../../server/src/store/tending.js';
import { ManualClock } from '../../support/manual-clock.js';
import { testFolder } from '../../support/test-folder.js';
import { until } from '../../support/until.js';

const broken = async (): Promise<void> => {
  throw new StoreError('store_unavailable', 'the disk is full');
};

t.test('a part that fails does not keep the others from being looked after', async (t) => {
  const store = await LmdbStore.open(testFolder(t));
  t.teardown(() => store.close());
  const health = new StoreHealth({ error: () => {}, warn: () => {}, info: () => {} });
  const clock = new ManualClock();
  const tending = new Tending(store, health, clock);
  const seen: string[] = [];
  const part: Tended = {
    tend: async () => void seen.push('tended'),
    sweep: async () => void seen.push('swept'),
  };
  tending.add({ tend: broken, sweep: broken }, part);
  let isFull = true;
  const late = (): Promise<void> => (isFull ? broken() : Promise.resolve(void seen.push('done late')));
  await tending.once(late);
  await tending.once(async () => void seen.push('done at once'));
  t.equal(health.state, 'degraded', 'what could not be done is told');
  clock.advance(1_000);
  await until(() => seen.includes('swept'));
  t.strictSame(seen, ['done at once', 'tended', 'swept'], 'one failure is that of one part');

  isFull = false;
  clock.advance(1_000);
  await until(() => seen.includes('done late'));
  await tending.close();
});
