// Clips, utterances and endless playlists of the capacity bench.
import t from 'tap';
import { loadAudio } from '../../bench/src/audio/load-audio.js';
import { SAMPLES_PER_MS, type LoadedRecording } from '../../bench/src/audio/playlist.js';
import { fixturesFolder, readRecordings } from '../../bench/src/audio/recordings.js';
import { seededRandom } from '../../bench/src/audio/seeded-random.js';
import { clipsOf, joinUtterances, lengthOf, loopPlaylist } from '../../bench/src/audio/utterances.js';

const recording = (fields: Partial<LoadedRecording> = {}): LoadedRecording => ({
  id: 'cat',
  path: 'cat.flac',
  language: 'en',
  text: 'The cat sat.',
  words: [
    { text: 'The', startMs: 200, endMs: 300 },
    { text: 'sat.', startMs: 300, endMs: 1_000 },
  ],
  utterances: [],
  samples: Float32Array.from({ length: 32_000 }, (_, at) => at / 32_000),
  ...fields,
});

t.test('clipsOf: from the first word to the last, with a margin, on a timeline of its own', async (t) => {
  const [clip, ...others] = clipsOf([recording(), recording({ text: '', words: [] })]);
  t.equal(others.length, 0, 'nobody speaks in the other one');
  t.equal(clip?.samples.length, (1_080 - 120) * SAMPLES_PER_MS);
  t.equal(clip?.samples[0], Math.fround((120 * SAMPLES_PER_MS) / 32_000));
  t.match(clip, { text: 'The cat sat.', words: [{ startMs: 80, endMs: 180 }, { endMs: 880 }] });
});

t.test('clipsOf: a dialogue gives its utterances, a recording without times itself', async (t) => {
  const utterances = [
    { text: 'The', startMs: 200, endMs: 300 },
    { text: 'sat.', startMs: 300, endMs: 1_000 },
  ];
  const clips = clipsOf([recording({ utterances }), recording({ words: [] })]);
  t.strictSame(
    clips.map(({ text, words, samples }) => [text, words.length, samples.length / SAMPLES_PER_MS]),
    [
      ['The', 1, 260],
      ['sat.', 1, 860],
      ['The cat sat.', 0, 2_000],
    ],
  );
});

t.test('joinUtterances: the committed clips come near the wanted mean, all of them in every round', async (t) => {
  const clips = clipsOf(await loadAudio(await readRecordings(fixturesFolder, ['en'])));
  const join = () => joinUtterances(clips, { lengthMs: 6_000, rounds: 3, random: seededRandom(1) });
  const utterances = join();
  const mean = lengthOf(utterances) / utterances.length;
  t.ok(mean > 5_400 && mean < 6_600, `${mean}`);
  t.ok(Math.abs(lengthOf(utterances) - 3 * lengthOf(clips)) < 1, 'every clip three times');
  t.strictSame(
    join().map(({ id }) => id),
    utterances.map(({ id }) => id),
    'the seed decides',
  );
  for (const { words, samples } of utterances) {
    const times = words.flatMap(({ startMs, endMs }) => [startMs, endMs]);
    const isOrdered = times.every((ms, index) => ms >= (times[index - 1] ?? 0));
    t.ok(isOrdered && (times.at(-1) ?? 0) <= samples.length / SAMPLES_PER_MS, 'words lie one after another within');
  }
});

t.test('loopPlaylist: goes on for the time that is asked, and ends within a recording', async (t) => {
  const playlist = loopPlaylist([recording(), recording({ id: 'dog' })], {
    durationMs: 9_000,
    gapMs: 500,
    random: seededRandom(1),
  });
  t.equal(playlist.totalSamples, 9_000 * SAMPLES_PER_MS);
  t.strictSame(
    playlist.placed.map(({ startMs }) => startMs),
    [500, 3_000, 5_500, 8_000],
  );
  t.equal(new Set(playlist.placed.slice(0, 2).map(({ recording: { id } }) => id)).size, 2, 'a turn has each once');
});
