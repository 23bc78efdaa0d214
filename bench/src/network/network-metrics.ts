// From the times of a network to windows per second, shares, and how far each part is from its floor.
import { type WhisperConfig } from '@sotto/models';
import { median } from '../measure/statistics.js';
import { scalarMetric, type Metric } from '../report/metric.js';
import type { NetworkCase, NetworkTimes } from './network-case.js';
import { decoderWork, encoderWork, floorMs, type Ceilings, type Work } from './work-count.js';

/** Encoder frames of a second. */
const FRAMES = 50;

/** @param textTokens tokens that a window is taken to hold, @param prompt tokens of the prompt */
export function networkMetrics(
  config: WhisperConfig,
  one: NetworkCase,
  runs: readonly NetworkTimes[],
  { textTokens, prompt, ceilings }: { textTokens: number; prompt: number; ceilings: Ceilings | undefined },
): Metric[] {
  const { batch, contextSeconds, draftTokens } = one;
  const frames = contextSeconds * FRAMES;
  const name = `context ${contextSeconds} s, batch ${batch}`;
  const encode = median(runs.map(({ encodeMs }) => encodeMs));
  const first = median(runs.map(({ promptMs }) => promptMs));
  const step = median(runs.flatMap(({ stepMs }) => stepMs));
  const draft = median(runs.map(({ draftMs }) => draftMs));
  const plain = encode + first + textTokens * step;
  const drafted = encode + draft + (textTokens - draftTokens) * step;
  const run = (tokens: number, past: number, chosen: number): Work =>
    decoderWork(config, { batch, frames, tokens, past, chosen });
  const parts: [part: string, ms: number, work: Work][] = [
    ['encode', encode, encoderWork(config, batch, frames)],
    ['prompt', first, run(prompt, 0, 1)],
    ['step', step, run(1, prompt + Math.round(textTokens / 2), 1)],
    ['draft', draft, run(prompt + draftTokens, 0, draftTokens + 1)],
  ];
  return [
    scalarMetric(`${name}: windowsPerSecond`, '1/s', (1_000 * batch) / plain, {
      better: 'higher',
      note: `${textTokens} tokens each, one by one`,
    }),
    scalarMetric(`${name}: windowsPerSecondDrafted`, '1/s', (1_000 * batch) / drafted, {
      better: 'higher',
      note: `${draftTokens} of them verified at once, the others one by one`,
    }),
    scalarMetric(`${name}: share.encode`, 'share', encode / plain, { better: 'neither' }),
    scalarMetric(`${name}: share.prompt`, 'share', first / plain, { better: 'neither' }),
    scalarMetric(`${name}: share.steps`, 'share', (textTokens * step) / plain, { better: 'neither' }),
    ...parts.flatMap(([part, ms, work]) => [
      scalarMetric(`${name}: ${part}`, 'ms', ms),
      scalarMetric(`${name}: ${part}.teraOperations`, '1e12/s', work.operations / ms / 1e9, { better: 'higher' }),
      ...(ceilings === undefined
        ? []
        : [
            scalarMetric(`${name}: ${part}.ofFloor`, 'share', floorMs(work, ceilings) / ms, {
              better: 'higher',
              note: 'shortest possible time, by operations or by bytes, over the measured one',
            }),
          ]),
    ]),
  ];
}
