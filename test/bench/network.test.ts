// The floor under a network's times: operations and bytes by hand, and the bench over a small model.
import { readWhisperConfig, WhisperNetwork } from '@sotto/models';
import t from 'tap';
import { promptOf, runNetworkCase } from '../../bench/src/network/network-case.js';
import { networkMetrics } from '../../bench/src/network/network-metrics.js';
import { decoderWork, encoderWork, floorMs } from '../../bench/src/network/work-count.js';
import { tinyWhisperFolder } from '../support/fixtures.js';

const tiny = await readWhisperConfig(tinyWhisperFolder);
const large = {
  ...tiny,
  width: 1280,
  melBins: 128,
  encoderLayers: 32,
  decoderLayers: 32,
  encoderInner: 5120,
  decoderInner: 5120,
  vocabularySize: 51_866,
};

t.test('large-v3: about 2.6 TFLOP for 30 s in the encoder, the decoder is bound by bytes', async (t) => {
  const encoder = encoderWork(large, 1, 1_500);
  t.ok(Math.abs(encoder.operations / 2.6e12 - 1) < 0.03, `${encoder.operations}`);
  t.equal(encoderWork(large, 4, 1_500).operations, 4 * encoder.operations);
  const step = decoderWork(large, { batch: 1, frames: 1_500, tokens: 1, past: 64, chosen: 1 });
  // 32 layers of 6 maps and the feed-forward, and the embedding, in half precision; keys and values beside them.
  const weights = 2 * (32 * (6 * 1280 ** 2 + 2 * 1280 * 5120) + 51_866 * 1280);
  t.equal(step.bytes, weights + 2 * 32 * 2 * 1280 * 1_564);
  const ceilings = { operationsPerSecond: 7e14, bytesPerSecond: 3e12 };
  t.equal(floorMs(step, ceilings), (1_000 * step.bytes) / 3e12);
  t.equal(floorMs(encoder, ceilings), (1_000 * encoder.operations) / 7e14);
});

t.test('a run of every part, and its figures', async (t) => {
  const network = await WhisperNetwork.load(tinyWhisperFolder, { threads: 1 });
  t.teardown(() => network.close());
  const one = { contextSeconds: 2, batch: 3, steps: 4, draftTokens: 5 };
  const times = await runNetworkCase(network, one);
  t.equal(times.stepMs.length, 4);
  const prompt = promptOf(network).length;
  t.equal(prompt, 4);
  const ceilings = { operationsPerSecond: 1e12, bytesPerSecond: 1e11 };
  const metrics = networkMetrics(network.config, one, [times], { textTokens: 20, prompt, ceilings });
  const valueOf = (name: string): number => {
    const metric = metrics.find((candidate) => candidate.name === `context 2 s, batch 3: ${name}`);
    return metric?.kind === 'scalar' ? metric.value : Number.NaN;
  };
  const shares = ['encode', 'prompt', 'steps'].map((part) => valueOf(`share.${part}`));
  t.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9, 'the parts are the whole');
  for (const part of ['encode', 'prompt', 'step', 'draft']) {
    t.ok(valueOf(part) > 0 && valueOf(`${part}.ofFloor`) > 0, part);
  }
  t.ok(valueOf('windowsPerSecond') > 0);
});
