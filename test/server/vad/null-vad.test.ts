// The detector that hears nothing: what benchmarks rely on.
import t from 'tap';
import { NullVad } from '../../../server/src/vad/null-vad.js';
import { VAD_FRAME_SAMPLES } from '../../../server/src/vad/vad.js';

t.test('everything is silence, until the stream is closed', async (t) => {
  const stream = new NullVad().open();
  const loud = new Float32Array(VAD_FRAME_SAMPLES).fill(0.9);
  t.equal(await stream.push(loud), 0);
  stream.reset();
  t.equal(await stream.push(loud), 0);
  t.throws(() => stream.push(new Float32Array(1)), RangeError);
  stream.close();
  await t.rejects(stream.push(loud), { code: 'vad_closed' });
});
