// What a GPU's memory must hold, predicted from a model's dimensions.
import { deviceMemoryNeed, largestBatchWithin, readWhisperConfig, WHISPER_SIZES } from '@sotto/models';
import t from 'tap';
import { tinyWhisperFolder } from '../support/fixtures.js';

const { width, encoderLayers, decoderLayers, heads, alignmentHeads } = WHISPER_SIZES['large-v3'];
const large = {
  ...(await readWhisperConfig(tinyWhisperFolder)),
  width,
  encoderLayers,
  decoderLayers,
  alignmentHeads,
  encoderInner: 4 * width,
  decoderInner: 4 * width,
  encoderHeads: heads,
  decoderHeads: heads,
  vocabularySize: 51_866,
  maxTargetPositions: 448,
};
const PARAMETERS = 1_543_490_560;
const within = (bytes: number, most = 64) => largestBatchWithin(bytes, large, PARAMETERS, { batch: most, seconds: 30 });
const need = (batch: number, seconds = 30) => deviceMemoryNeed(large, PARAMETERS, { batch, seconds });

t.test('weights, and for every window what the encoder hands on and the cache', async (t) => {
  // Keys and values of 32 layers over 1,500 frames and 448 places: 319 MB a window in half precision.
  const perWindow = need(2) - need(1);
  t.ok(perWindow > 319e6 && perWindow < 700e6, `${perWindow}`);
  // The decoder's weights, 0.8 of 1.5 billion, are there twice: once for recorded steps.
  t.ok(need(1) > 2 * (PARAMETERS + 0.8e9) && need(1) < 7e9, `${need(1)}`);
  t.ok(need(8, 2) < need(8), 'shorter contexts need less');
});

t.test('the largest batch within what is free, a power of two', async (t) => {
  t.equal(within(80e9), 64);
  t.equal(within(need(16)), 16);
  t.equal(within(need(16) - 1), 8);
  t.equal(within(80e9, 48), 32, 'what is asked for is cut to a power of two');
  t.equal(within(2e9), 0);
});
