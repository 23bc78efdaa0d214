// Which batches an engine runs once before there is work.
import { recordedBatches, sampleRate } from '@sotto/models';
import t from 'tap';
import { cpuShapes, gpuShapes } from '../../../server/src/asr/whisper/warm-up-shapes.js';

const buckets = [2, 6, 12, 30].map((seconds) => seconds * sampleRate);

t.test('steps are recorded in a few sizes, none of which is much larger than what it is for', async (t) => {
  t.same(recordedBatches(64), [1, 2, 4, 8, 16, 24, 32, 48, 64]);
  t.same(recordedBatches(20), [1, 2, 4, 8, 16, 20], 'no more windows than a run may hold');
  t.same(recordedBatches(1), [1]);
});

t.test('a GPU runs all sizes of live speech, the largest first, and one long window', async (t) => {
  const shapes = gpuShapes(buckets, 8);
  const sizesOf = (seconds: number) =>
    shapes.filter(({ bucket }) => bucket === seconds * sampleRate).map(({ windows }) => windows);
  for (const seconds of [2, 6, 12]) t.same(sizesOf(seconds), [8, 4, 2, 1]);
  t.same(sizesOf(30), [1]);
  t.same(shapes[0], { bucket: 12 * sampleRate, windows: 8 });
});

t.test('a CPU runs the shortest window', async (t) => {
  t.same(cpuShapes(buckets), [{ bucket: 2 * sampleRate, windows: 1 }]);
});
