// When speech truly began and ended around a server's segment.
import t from 'tap';
import { speechEndOf, speechStartOf } from '../../bench/src/stream/speech-bounds.js';

const words = [
  { text: 'one', startMs: 1_000, endMs: 1_400 },
  { text: 'two', startMs: 1_400, endMs: 1_900 },
  { text: 'far', startMs: 8_000, endMs: 8_500 },
];

t.test('speechStartOf: the first word that begins inside the segment', async (t) => {
  t.strictSame(speechStartOf({ startMs: 800, endMs: 2_500 }, words), { atMs: 1_000, source: 'reference' });
  t.strictSame(
    speechStartOf({ startMs: 1_050, endMs: 2_500 }, words),
    { atMs: 1_000, source: 'reference' },
    'a little may be cut off',
  );
  t.strictSame(
    speechStartOf({ startMs: 1_300, endMs: 2_500 }, words),
    { atMs: 1_400, source: 'reference' },
    'a segment that begins in a word',
  );
});

t.test('speechStartOf: words far away do not count', async (t) => {
  t.strictSame(speechStartOf({ startMs: 5_000, endMs: 7_000 }, words), { atMs: 5_000, source: 'server' });
  t.strictSame(speechStartOf({ startMs: 5_000, endMs: 9_000 }, words), { atMs: 5_000, source: 'server' });
  t.strictSame(speechStartOf({ startMs: 5, endMs: 9 }, []), { atMs: 5, source: 'server' });
});

t.test('speechEndOf: the last word that ends inside the segment, else what the server says', async (t) => {
  t.strictSame(speechEndOf({ startMs: 800, endMs: 2_500 }, words), { atMs: 1_900, source: 'reference' });
  t.strictSame(
    speechEndOf({ startMs: 800, endMs: 1_850 }, words),
    { atMs: 1_900, source: 'reference' },
    'a little may be cut off',
  );
  t.strictSame(speechEndOf({ startMs: 2_000, endMs: 2_500, lastWordEndMs: 2_300 }, words), {
    atMs: 2_300,
    source: 'server',
  });
  t.strictSame(speechEndOf({ startMs: 2_000, endMs: 7_000 }, words), { atMs: 7_000, source: 'server' });
});
