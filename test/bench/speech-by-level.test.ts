// Where somebody speaks in a recording without times.
import t from 'tap';
import type { LoadedRecording } from '../../bench/src/audio/playlist.js';
import { spokenSpans, spokenStretches } from '../../bench/src/audio/speech-by-level.js';
import { seededRandom } from '../../bench/src/audio/seeded-random.js';

/** Stretches of noise, [milliseconds, level in dB]. */
function recording(text: string, ...stretches: readonly (readonly [number, number])[]): LoadedRecording {
  const random = seededRandom(1);
  const samples = stretches.flatMap(([ms, levelDb]) =>
    Array.from({ length: ms * 16 }, () => (2 * random() - 1) * Math.sqrt(3) * 10 ** (levelDb / 20)),
  );
  const rest = { id: 'a', path: 'a.flac', language: 'en', words: [], utterances: [] };
  return { ...rest, text, samples: Float32Array.from(samples) };
}

t.test('speech begins and ends with its loud sounds: not with the room, breath or a click', async (t) => {
  const [span, ...more] = spokenSpans(
    recording('a b', [500, -60], [800, -20], [300, -60], [700, -22], [300, -55], [20, -25], [400, -60]),
  );
  t.equal(more.length, 0);
  t.ok(Math.abs((span?.startMs ?? 0) - 500) <= 20, `from ${span?.startMs}`);
  t.ok(Math.abs((span?.endMs ?? 0) - 2_300) <= 20, `to ${span?.endMs}`);
});

t.test('a recording without a room in it is spoken from end to end, one without text nowhere', async (t) => {
  t.match(spokenSpans(recording('a', [1_000, -20])), [{ text: 'a', startMs: 0, endMs: 1_000 }]);
  t.same(spokenSpans(recording('', [1_000, -20])), []);
  t.same(spokenSpans(recording('a')), []);
});

t.test('what is spoken behind a pause begins with its first sound', async (t) => {
  const stretches = spokenStretches(
    recording('a b', [500, -60], [800, -20], [90, -60], [300, -20], [400, -60], [700, -22]),
  );
  const bounds = stretches.flatMap(({ startMs, endMs }) => [startMs, endMs]);
  t.equal(bounds.length, 4, `a gap within a word is no pause: ${bounds.join()}`);
  for (const [index, ms] of [500, 1_690, 2_090, 2_790].entries()) {
    t.ok(Math.abs((bounds[index] ?? 0) - ms) <= 20, `${bounds[index]} of ${ms}`);
  }
});
