import { ModelRegistry } from '@sotto/models';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { openEngine } from '../../../server/src/asr/engine-host/open-engine.js';
import { whisperEngineSpec } from '../../../server/src/asr/engine-host/whisper-engine-spec.js';
import type { Engine } from '../../../server/src/asr/engine.js';
import { createRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { wholeRunOnly } from '../../support/whole-run.js';

const STREAMS = 4;
const SEGMENT_MS = 3_000;
const OPTIONS = {
  language: 'en',
  task: 'transcribe',
  previousText: '',
  hotwords: [],
  words: true,
  onPartial: () => undefined,
  onError: () => undefined,
} as const;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const ms = (value: number): string => `${value.toFixed(1)} ms`;

/** Notes how long the runs of an engine take. */
function timed(engine: Engine, runs: number[]): Engine {
  return {
    model: engine.model,
    maxBatch: engine.maxBatch,
    warmUp: () => engine.warmUp(),
    close: () => engine.close(),
    decode: async (batch) => {
      const began = performance.now();
      const results = await engine.decode(batch);
      runs.push(performance.now() - began);
      return results;
    },
  };
}

for (const isolation of ['inline', 'process'] as const) {
  // In a process of its own it could block only that one: the quick run has the engine in this process.
  const options = isolation === 'process' ? wholeRunOnly : {};
  t.test(`${isolation}: no run blocks the event loop, at ${STREAMS} streams of speech`, options, async (t) => {
    const model = await new ModelRegistry().find('whisper-base-adapted');
    const samples = await fixtureSamples('en-long-harbour');
    const runs: number[] = [];
    const engine = await openEngine(whisperEngineSpec(model, { threads: 1 }), isolation);
    await engine.warmUp();
    const asr = await createRecognizer([timed(engine, runs)]);
    // What loading has left for the loop to do is over.
    await delay(100);
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const before = performance.eventLoopUtilization();
    const stream = async (_: unknown, index: number): Promise<void> => {
      await delay(index * 110);
      const segment = asr.open(OPTIONS);
      for (let endMs = 500; endMs < SEGMENT_MS; endMs += 500) {
        segment.update(samples.subarray(0, endMs * 16));
        await delay(500);
      }
      await segment.finish(samples.subarray(0, SEGMENT_MS * 16), 0.9);
    };
    await Promise.all(Array.from({ length: STREAMS }, stream));
    const busy = performance.eventLoopUtilization(before);
    loop.disable();
    const [p50, p99, max] = [loop.percentile(50), loop.percentile(99), loop.max].map((ns) => ns / 1e6) as [
      number,
      number,
      number,
    ];
    const [shortest, longest] = [Math.min(...runs), Math.max(...runs)];
    t.comment(
      `loop delay p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}; ${runs.length} runs of ${ms(shortest)} to ${ms(longest)}, the loop busy ${(100 * busy.utilization).toFixed(0)} %`,
    );
    t.ok(runs.length >= STREAMS, 'it was busy');
    // Blocking runs would make the loop as busy as the engine, and its delays as long as runs. Single delays may come
    // from a busy machine.
    t.ok(busy.active < sum(runs) / 2, 'the loop is idle while the engine runs');
    t.ok(p99 < longest, 'delays are shorter than runs');
    await asr.close();
  });
}
