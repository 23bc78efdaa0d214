// Calibration: which padding is chosen, from trials made by hand and from an engine that needs a tail of silence.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WhisperTokenizer } from '@sotto/models';
import * as fc from 'fast-check';
import t from 'tap';
import { choosePadding, judgePadding } from '../../../server/src/asr/calibration/choose-padding.js';
import { runPaddingTrials, type RecordingTrials } from '../../../server/src/asr/calibration/padding-trials.js';
import { readRecordingsFolder } from '../../../server/src/asr/calibration/recordings-folder.js';
import type { DecodeRequest, DecodeResult, Engine } from '../../../server/src/asr/engine.js';
import { tinyWhisperFolder } from '../../support/fixtures.js';

const SECOND = 16_000;
const contexts = [2, 4, 8, 30].map((seconds) => seconds * SECOND);

/**
 * A recording of so many seconds with the given errors of 10 words at each context that holds it; a trial takes as many
 * ms as its context has seconds.
 */
function recording(seconds: number, errorsAt: (contextSeconds: number) => number): RecordingTrials {
  const samples = seconds * SECOND;
  const trials = contexts
    .filter((context) => context >= samples)
    .map((context) => ({
      context,
      errors: { substitutions: errorsAt(context / SECOND), deletions: 0, insertions: 0, reference: 10 },
      elapsedMs: context / SECOND,
    }));
  return { samples, trials };
}

const wantsOneSecond = (seconds: number) => recording(seconds, (context) => (context - seconds < 1 ? 5 : 1));
const stock = (seconds: number) => recording(seconds, (context) => (context < 30 ? 8 : 1));

t.test('a model that hears well at any context gets the shortest', async (t) => {
  const { chosen, baseline } = choosePadding([recording(1.9, () => 1), recording(3, () => 1)], contexts, 0.02);
  t.match(chosen, { shortestContext: 2 * SECOND, tailSilence: 0, meanContext: 3 * SECOND, errorRate: 0.1 });
  t.match(baseline, { meanContext: 30 * SECOND, errorRate: 0.1 });
  t.equal(Math.round(chosen.speed), Math.round(4.9 / 0.006));
});

t.test('a model that wants a tail of silence gets the shortest that does', async (t) => {
  const { chosen } = choosePadding([wantsOneSecond(1.8), wantsOneSecond(3.5), wantsOneSecond(7)], contexts, 0);
  t.equal(chosen.errorRate, 0.1);
  t.ok(chosen.tailSilence >= 0.5 * SECOND && chosen.tailSilence <= SECOND, String(chosen.tailSilence));
  t.equal(chosen.meanContext, ((4 + 8 + 8) / 3) * SECOND);
});

t.test('a model that needs a long context gets it', async (t) => {
  t.match(choosePadding([stock(1), stock(5)], contexts, 0.05).chosen, {
    shortestContext: 30 * SECOND,
    meanContext: 30 * SECOND,
  });
});

t.test('the tolerance counts errors over all recordings', async (t) => {
  const trials = [recording(1, (context) => (context === 2 ? 3 : 2)), recording(5, () => 18)];
  t.equal(
    choosePadding(trials, contexts, 0.04).chosen.meanContext,
    ((4 + 8) / 2) * SECOND,
    '21 errors are more than 20.8',
  );
  t.equal(
    choosePadding(trials, contexts, 0.05).chosen.meanContext,
    ((2 + 8) / 2) * SECOND,
    '21 errors are 5 % more than 20',
  );
});

t.test('what is chosen is never worse than allowed, and nothing allowed is cheaper', async () => {
  const errors = fc.array(fc.nat(9), { minLength: contexts.length, maxLength: contexts.length });
  const recordings = fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), errors), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(recordings, fc.constantFrom(0, 0.05, 0.5), (given, tolerance) => {
      const trials = given.map(([seconds, list]) =>
        recording(seconds, (context) => list[contexts.indexOf(context * SECOND)] ?? 0),
      );
      const { baseline, chosen, front } = choosePadding(trials, contexts, tolerance);
      const allowed = (padding: { errorRate: number }) =>
        padding.errorRate <= baseline.errorRate * (1 + tolerance) + 1e-9;
      return (
        allowed(chosen) &&
        judgePadding(trials, chosen).errorRate === chosen.errorRate &&
        front.every((padding) => !allowed(padding) || padding.meanContext >= chosen.meanContext)
      );
    }),
  );
});

t.test('every recording is decoded once at every context that holds it', async (t) => {
  const tokenizer = await WhisperTokenizer.load(tinyWhisperFolder);
  const engine = new EchoEngine(tokenizer.encode(' good morning'));
  const recordings = [
    { samples: new Float32Array(SECOND).fill(0.1), text: 'Good morning', language: 'en' },
    { samples: new Float32Array(5 * SECOND).fill(0.1), text: 'Good evening', language: 'en' },
  ];
  const progress: number[] = [];
  let clock = 0;
  const trials = await runPaddingTrials(engine, tokenizer, recordings, {
    now: () => (clock += 5),
    onProgress: (done) => progress.push(done),
  });
  t.same(
    trials.map((known) => known.trials.map(({ context }) => context / SECOND)),
    [
      [2, 4, 8, 30],
      [8, 30],
    ],
  );
  t.ok(
    trials[0]?.trials.every(({ errors }) => errors.substitutions === 0),
    'case does not matter',
  );
  t.ok(trials[1]?.trials.every(({ errors }) => errors.substitutions === 1 && errors.reference === 2));
  t.same(
    engine.lengths,
    [2, 4, 8, 8, 30, 30].map((seconds) => seconds * SECOND),
    'audio fills its context',
  );
  t.equal(progress.at(-1), 1);
  t.same(trials[0]?.trials[0]?.elapsedMs, 5);
});

t.test('a manifest of recordings is read, and refused by line', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-recordings-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const manifest = join(folder, 'manifest.jsonl');
  await t.rejects(readRecordingsFolder(folder), {
    name: 'CalibrationError',
    code: 'bad_recordings',
    message: /manifest\.jsonl cannot be read/,
  });
  await writeFile(
    manifest,
    '{"file":"a.flac","text":"Hello"}\n\n{"file":"b.wav","text":"Hallo","language":"de","extra":1}\n',
  );
  t.same(await readRecordingsFolder(folder), [
    { path: join(folder, 'a.flac'), text: 'Hello', language: 'en' },
    { path: join(folder, 'b.wav'), text: 'Hallo', language: 'de' },
  ]);
  await writeFile(manifest, '{"file":"a.flac","text":"Hello"}\n{"file":"b.wav"}\n');
  await t.rejects(readRecordingsFolder(folder), { code: 'bad_recordings', message: /manifest\.jsonl:2: text/ });
  await writeFile(manifest, 'not json\n');
  await t.rejects(readRecordingsFolder(folder), { code: 'bad_recordings', message: /manifest\.jsonl:1: not JSON/ });
});

/** Hears the same in everything. */
class EchoEngine implements Engine {
  readonly maxBatch = 2;
  readonly lengths: number[] = [];
  readonly model = {
    name: 'echo',
    languages: ['en'],
    isMultilingual: false,
    usesPreviousText: false,
    buckets: contexts,
    tailSilenceSamples: 0,
    maxTextTokens: 10,
    directory: tinyWhisperFolder,
  };
  readonly #ids: readonly number[];

  constructor(ids: readonly number[]) {
    this.#ids = ids;
  }

  async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    return batch.map(({ audio }) => {
      this.lengths.push(audio.length);
      return {
        tokens: this.#ids.map((id) => ({ id, logprob: 0, frame: 0 })),
        endLogprob: 0,
        language: 'en',
        languageProbability: 1,
        noSpeechProbability: 0,
        draftAccepted: 0,
        steps: 1,
      };
    });
  }

  async warmUp(): Promise<void> {}

  async close(): Promise<void> {}
}
