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
