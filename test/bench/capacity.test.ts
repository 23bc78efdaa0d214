// The capacity bench: the search, the window of time that is measured, the verdict, and a step against a real server.
import { basename } from 'node:path';
import * as fc from 'fast-check';
import type { FinalMessage } from '@sotto/protocol';
import t from 'tap';
import { loadAudio } from '../../bench/src/audio/load-audio.js';
import { place, type LoadedRecording } from '../../bench/src/audio/playlist.js';
import { fixturesFolder, readRecordings } from '../../bench/src/audio/recordings.js';
import { clipsOf } from '../../bench/src/audio/utterances.js';
import { runStep, type StepMeasurement } from '../../bench/src/capacity/capacity-step.js';
import { errorsOf, noLoss, noSamples, samplesOf } from '../../bench/src/capacity/load-samples.js';
import { capacityOf, nextConnections, type Tried } from '../../bench/src/capacity/search-capacity.js';
import { judgeStep, stepLine } from '../../bench/src/capacity/step-metrics.js';
import { processCpu } from '../../bench/src/measure/process-tree.js';
import { SpawnedServer } from '../../bench/src/server/spawned-server.js';
import { traceStream, type TimedEvent } from '../../bench/src/stream/segment-trace.js';
import type { ObservedStream } from '../../bench/src/stream/stream-metrics.js';
import { wholeRunOnly } from '../support/whole-run.js';

t.test('search: ends near the highest number that holds, whatever it is', async (t) => {
  const numbers = fc.tuple(
    fc.integer({ min: 0, max: 1_000 }),
    fc.integer({ min: 1, max: 50 }),
    fc.integer({ min: 50, max: 800 }),
  );
  fc.assert(
    fc.property(numbers, fc.double({ min: 0, max: 0.5, noNaN: true }), ([truth, from, to], precision) => {
      const tried: Tried[] = [];
      const bounds = { from, to, precision };
      for (let next = nextConnections(tried, bounds); next !== undefined; next = nextConnections(tried, bounds)) {
        tried.push({ connections: next, holds: next <= truth });
        if (tried.length > 40) return false;
      }
      const found = capacityOf(tried);
      if (found > truth || tried.some(({ connections }) => connections > to)) return false;
      if (truth >= to) return found === to;
      const failed = Math.min(...tried.filter(({ holds }) => !holds).map(({ connections }) => connections));
      return failed > truth && failed - found <= Math.max(1, precision * found);
    }),
  );
  t.pass();
});

t.test('capacityOf: a larger step that held by chance above one that broke does not count', async (t) => {
  t.equal(
    capacityOf([
      { connections: 50, holds: true },
      { connections: 100, holds: false },
      { connections: 200, holds: true },
    ]),
    50,
  );
  t.equal(capacityOf([]), 0);
});

const recording: LoadedRecording = {
  id: 'cat',
  path: '',
  language: 'en',
  text: 'The cat',
  words: [],
  utterances: [],
  samples: new Float32Array(16_000),
};

const final = (segmentId: number, endMs: number, fields: Partial<FinalMessage> = {}): FinalMessage => ({
  type: 'final',
  segmentId,
  reason: 'endpoint',
  text: 'The cat',
  startMs: endMs - 900,
  endMs,
  language: 'en',
  avgLogprob: 0,
  noSpeechProb: 0,
  words: [{ text: 'The cat', startMs: endMs - 900, endMs, confidence: 1 }],
  ...fields,
});

function observed(): ObservedStream {
  const partial = { type: 'partial', stable: '', tentative: 'The', startMs: 1_100, lagMs: 30 } as const;
  const events: TimedEvent[] = [
    { atMs: 1_150, event: { type: 'speechStarted', segmentId: 0, startMs: 1_100 } },
    { atMs: 1_400, event: { ...partial, segmentId: 0, revision: 1, endMs: 1_300 } },
    { atMs: 1_900, event: { ...partial, segmentId: 0, revision: 2, endMs: 1_800 } },
    { atMs: 2_300, event: final(0, 2_000) },
    { atMs: 3_150, event: { type: 'speechStarted', segmentId: 1, startMs: 3_100 } },
    { atMs: 4_100, event: final(1, 4_000, { reason: 'stop', text: 'A cat' }) },
    { atMs: 4_200, event: { type: 'stopped', reason: 'stop', audioMs: 0, speechMs: 0, segments: 2, words: 4 } },
  ];
  const playlist = place([recording, recording], 1_000);
  return { playlist, events, trace: traceStream(events, []), startedAt: 10_000, sendDelaysMs: Array(100).fill(1) };
}

t.test('samplesOf: what ends in the window, on the clock of all streams', async (t) => {
  const samples = samplesOf(observed(), 40, { from: 11_000, to: 13_000 });
  t.strictSame(samples.final, [300]);
  t.strictSame(samples.word, [300]);
  t.strictSame(samples.wordShown, [300], 'the partials did not have the word as it is');
  t.strictSame(samples.partialInterval, [500]);
  t.strictSame(samples.serverLag, [30, 30]);
  t.equal(samples.sendDelay.length, 50);
  t.strictSame(samplesOf(observed(), 40, { from: 12_500, to: 16_000 }).final, [], 'the end of the stream is no pause');
});

t.test('errorsOf: utterances that were played to their end, and the silence behind them', async (t) => {
  t.match(errorsOf(observed(), 1_000), { substitutions: 1, reference: 4 });
  const cut = observed();
  t.match(errorsOf({ ...cut, playlist: { ...cut.playlist, totalSamples: 4_500 * 16 } }, 1_000), { reference: 2 });
});

const step = (fields: Partial<StepMeasurement>): StepMeasurement => ({
  connections: 10,
  clients: 1,
  windowMs: 1_000,
  samples: { ...noSamples(), word: [900, 400], wordShown: [200], final: [650] },
  loss: noLoss(),
  troubles: [],
  wordErrors: { substitutions: 0, deletions: 0, insertions: 0, reference: 0 },
  cpuMs: 100,
  server: {
    cores: undefined,
    engineCores: undefined,
    socketThreadCores: undefined,
    socketThreads: [],
    queueThreadCores: undefined,
    redisCores: undefined,
    windowsPerSecond: undefined,
    windowsPerRun: undefined,
    partialsSkipped: undefined,
    windowsLost: undefined,
    earlyFinalsPerSecond: undefined,
    earlyFinalsUsed: undefined,
    loopDelayMs: [],
    stretch: [],
    waiting: [],
  },
  ...fields,
});

t.test('judgeStep: every limit, every loss and a lack of measurements break a step', async (t) => {
  const limits = { wordLatencyMs: 1_000, finalLatencyMs: 700, wordIs: 'stable' } as const;
  const brokenBy = (fields: Partial<StepMeasurement>, more = {}): readonly string[] =>
    judgeStep(step(fields), { ...limits, ...more }).broken;
  t.match(judgeStep(step({}), limits), { holds: true, broken: [] });
  t.strictSame(brokenBy({}, { wordLatencyMs: 899 }), ['wordLatency']);
  t.strictSame(brokenBy({}, { wordLatencyMs: 899, wordIs: 'shown' }), []);
  t.strictSame(brokenBy({}, { finalLatencyMs: 600 }), ['finalLatency']);
  t.strictSame(brokenBy({ samples: noSamples() }), ['wordLatency', 'finalLatency']);
  t.strictSame(brokenBy({ loss: { ...noLoss(), finalsMissing: 1 } }), ['eventsLost']);
  t.strictSame(brokenBy({ troubles: ['overloaded'] }), ['errors']);
  const line = stepLine(judgeStep(step({}), { ...limits, finalLatencyMs: 600 }));
  t.match(line, /^10 streams BREAK \(finalLatency\): word 400\/900, shown 200\/200, final 650\/650/);
});

t.test('processCpu: this process, and what its first thread took of it', async (t) => {
  const [own] = (await processCpu(process.pid)) ?? [];
  if (own === undefined) {
    t.pass('there is no /proc here');
    return;
  }
  t.equal(own.pid, process.pid);
  t.ok(own.commandLine.includes(basename(process.argv[1] ?? 'nothing')), own.commandLine);
  t.ok(own.mainThreadCpuMs > 0 && own.mainThreadCpuMs <= own.cpuMs);
  t.equal(await processCpu(2 ** 22 + 1), undefined, 'there is no such process');
});

t.test('runStep: load clients share the streams of a real server', wholeRunOnly, async (t) => {
  const [clip] = clipsOf(await loadAudio(await readRecordings(fixturesFolder, ['en'])));
  if (clip === undefined) throw new Error('the fixtures hold speech');
  await using server = await SpawnedServer.start({ flags: ['--polish', 'off'], readyTimeoutMs: 120_000 });
  const measured = await runStep(server, 3, {
    play: { language: 'en', chunkMs: 40, stopTimeoutMs: 60_000, minSilenceMs: 300 },
    utterances: [clip],
    gapMs: 600,
    clients: 2,
    rampMs: 300,
    settleMs: 200,
    windowMs: 4_000,
    seed: 1,
  });
  t.match(measured, { connections: 3, clients: 2, troubles: [], loss: noLoss() });
  t.ok(Math.abs(measured.samples.sendDelay.length - 300) <= 6, 'chunks of 40 ms in 4 s of 3 streams');
  t.equal(measured.wordErrors.reference, 3 * 11, 'each stream played the clip to its end once');
  t.ok(measured.samples.serverLag.length > 0 && measured.cpuMs > 0);
  t.ok((measured.server.cores ?? 0) >= (measured.server.engineCores ?? 0));
});
