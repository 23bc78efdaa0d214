// Recordings, and how they are dealt to connections and turned into PCM.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import t from 'tap';
import { dealPlaylists, pcmOf, place, type LoadedRecording } from '../../bench/src/audio/playlist.js';
import { fixturesFolder, readRecordings } from '../../bench/src/audio/recordings.js';
import { BenchError } from '../../bench/src/bench-error.js';

const recording = (id: string, samples: Float32Array): LoadedRecording => ({
  id,
  path: `${id}.flac`,
  language: 'en',
  text: id,
  words: [],
  utterances: [],
  samples,
});

const line = (fields: object): string =>
  JSON.stringify({ id: 'a', file: 'a.flac', text: 'Hello.', language: 'en', ...fields });

t.test('place: silence stands before, between and behind recordings', async (t) => {
  const { placed, totalSamples } = place(
    [recording('a', new Float32Array(1_600)), recording('b', new Float32Array(800))],
    50,
  );
  t.strictSame(
    placed.map(({ recording: { id }, startMs, endMs }) => [id, startMs, endMs]),
    [
      ['a', 50, 150],
      ['b', 200, 250],
    ],
  );
  t.equal(totalSamples, 300 * 16);
});

t.test('pcmOf: chunks of any size, put together, are the whole, clipped to 16 bits', async () => {
  const playlist = place(
    [
      recording(
        'a',
        Float32Array.from({ length: 400 }, (_, at) => Math.sin(at) * 1.2),
      ),
      recording('b', new Float32Array(100).fill(-0.5)),
    ],
    3,
  );
  const whole = Buffer.from(pcmOf(playlist, 0, playlist.totalSamples));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 700 }), (size) => {
      const chunks: Uint8Array[] = [];
      for (let from = 0; from < playlist.totalSamples; from += size) {
        chunks.push(pcmOf(playlist, from, Math.min(playlist.totalSamples, from + size)));
      }
      return whole.equals(Buffer.concat(chunks));
    }),
  );
});

t.test('dealPlaylists: every recording is played in every round, and connections play about equally long', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
      (lengths, connections, rounds) => {
        const recordings = lengths.map((length, index) => recording(`${index}`, new Float32Array(length)));
        const options = { connections, rounds, gapMs: 10, seed: 3 };
        const playlists = dealPlaylists(recordings, options);
        const played = playlists.flatMap(({ placed }) => placed.map(({ recording: { id } }) => id)).sort();
        const wanted = recordings.flatMap(({ id }) => Array.from({ length: rounds }, () => id)).sort();
        const totals = playlists.map(({ totalSamples }) => totalSamples);
        const isEven =
          playlists.length < connections || Math.max(...totals) - Math.min(...totals) <= Math.max(...lengths) + 160;
        return played.join() === wanted.join() && isEven;
      },
    ),
  );
});

t.test('dealPlaylists: the same seed deals the same', async (t) => {
  const recordings = Array.from({ length: 12 }, (_, index) => recording(`${index}`, new Float32Array(100 + index)));
  const order = (seed: number): string =>
    dealPlaylists(recordings, { connections: 2, rounds: 1, gapMs: 10, seed })
      .map(({ placed }) => placed.map(({ recording: { id } }) => id).join())
      .join(';');
  t.equal(order(1), order(1));
  t.not(order(1), order(2));
});

t.test('readRecordings: the committed fixtures can be read, by language', async (t) => {
  const all = await readRecordings(fixturesFolder);
  const english = await readRecordings(fixturesFolder, ['en']);
  t.ok(english.length > 20);
  t.ok(all.length > english.length, 'others are left out');
  t.ok(english.some(({ words }) => words.length > 0));
  t.ok(english.every(({ language }) => language === 'en'));
});

t.test('readRecordings: times of segments may be milliseconds or samples', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-bench-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(
    join(folder, 'manifest.jsonl'),
    [
      line({ segments: [{ text: 'Hello.', startMs: 100, endMs: 600 }] }),
      '',
      line({ segments: [{ text: 'Hello.', start: 1_600, end: 9_600, source: 'x' }], seconds: 1 }),
    ].join('\n'),
  );
  const recordings = await readRecordings(folder);
  t.strictSame(
    recordings.map(({ utterances }) => utterances),
    Array.from({ length: 2 }, () => [{ text: 'Hello.', startMs: 100, endMs: 600 }]),
  );
});

t.test('readRecordings: a bad line is named with its field', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-bench-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await t.rejects(readRecordings(folder), { code: 'bad_recordings' });
  await writeFile(join(folder, 'manifest.jsonl'), '\n{"id":"a","file":"a.flac","text":5}\n');
  const error = await readRecordings(folder).catch((cause: unknown) => cause);
  t.ok(error instanceof BenchError);
  t.match(error, { code: 'bad_recordings', message: /manifest\.jsonl:2: text: / });
});
