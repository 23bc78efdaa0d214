// The processes that wait for files.
import t from 'tap';
import { DecoderPool } from '../../../server/src/audio/decoder/decoder-pool.js';

t.test('one that was made ready takes the first file', async (t) => {
  const pool = new DecoderPool();
  await pool.warmUp();
  await pool.warmUp();
  const first = await pool.take('file');
  t.teardown(() => first.close());
  const second = await pool.take('file');
  t.teardown(() => second.close());
  t.not(first, second, 'making ready twice makes one');
  pool.giveBack(first);
  t.equal(await pool.take('file'), first);
});

t.test('those that wait end where memory is short, and others take the files behind', async (t) => {
  const pool = new DecoderPool();
  const [waiting, busy] = [await pool.take('file'), await pool.take('file')];
  t.teardown(() => busy.close());
  pool.giveBack(waiting);
  pool.shrink();
  await waiting.exited;
  t.equal(busy.death, undefined);
  const next = await pool.take('file');
  t.teardown(() => next.close());
  t.not(next, waiting);
});
