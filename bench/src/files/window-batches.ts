// Windows of files in batches against the same windows one by one, in the engine that a server has on the CPU.
import { availableParallelism } from 'node:os';
import { ModelRegistry } from '@sotto/models';
import { WhisperEngine, whisperEngineSpec } from '@sotto/server';
import type { LoadedRecording } from '../audio/playlist.js';
import { batchCase, plainTokens } from '../engine/decode-case.js';
import { speechWindows } from '../engine/speech-windows.js';
import { timeInterleaved } from '../measure/interleaved.js';
import { median } from '../measure/statistics.js';
import { atLeast, scalarMetric, type Metric } from '../report/metric.js';

/**
 * Contexts of the windows, seconds: short ones, those of a file of a few sentences, and the longest, which long files
 * mostly have.
 */
const CONTEXTS_S = [4, 12, 30] as const;
const BATCHES = [1, 4, 8] as const;
/** Windows of one run of a case, whatever its batches. */
const WINDOWS = 8;

/** Windows a second by context and batch, all cases in turn in every round; and each batch over one by one. */
export async function windowBatches(
  recordings: readonly LoadedRecording[],
  language: string,
  rounds: number,
): Promise<Metric[]> {
  if (rounds === 0) return [];
  const model = await new ModelRegistry().choose();
  const { options } = whisperEngineSpec(model, { threads: availableParallelism(), maxBatch: WINDOWS });
  const engine = await WhisperEngine.load(options);
  try {
    await engine.warmUp();
    const metrics: Metric[] = [];
    for (const seconds of CONTEXTS_S.filter((one) => engine.model.buckets.includes(one * 16_000))) {
      const speechMs = seconds * 1_000 - engine.model.tailSilenceSamples / 16;
      const windows = speechWindows(recordings, speechMs, WINDOWS);
      const tokens = await plainTokens(engine, windows, language);
      const cases = BATCHES.map((batch) => {
        const parts = Array.from({ length: WINDOWS / batch }, (_, part) => [part * batch, (part + 1) * batch] as const);
        const batches = parts.map(([from, to]) =>
          batchCase(engine, windows.slice(from, to), tokens.slice(from, to), language, 'none'),
        );
        return {
          run: async () => {
            for (const one of batches) await one.run();
          },
        };
      });
      const speeds = (await timeInterleaved(cases, rounds)).map(({ wallMs }) => (WINDOWS * 1_000) / median(wallMs));
      const [oneByOne = Number.NaN] = speeds;
      for (const [index, batch] of BATCHES.entries()) {
        const speed = speeds[index] ?? Number.NaN;
        metrics.push(
          scalarMetric(`context ${seconds} s, batch ${batch}: windowsPerSecond`, '1/s', speed, { better: 'higher' }),
        );
        if (batch > 1) {
          metrics.push(
            scalarMetric(`context ${seconds} s, batch ${batch}: overOneByOne`, 'x', speed / oneByOne, {
              better: 'higher',
              target: atLeast('value', 1),
            }),
          );
        }
      }
    }
    return metrics;
  } finally {
    await engine.close();
  }
}
