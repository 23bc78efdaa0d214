// The minimal edit alignment of two word lists.
import * as fc from 'fast-check';
import t from 'tap';
import { displayedWords } from '../../protocol/src/displayed-words.js';
import { alignWords, bareWord } from '../../bench/src/stream/word-alignment.js';

t.test('alignWords: equal words are matched, the others counted', async (t) => {
  t.strictSame(alignWords(['the', 'cat', 'sat'], ['the', 'bat', 'sat', 'down']), {
    matches: [
      [0, 0],
      [2, 2],
    ],
    substitutions: 1,
    deletions: 0,
    insertions: 1,
  });
  t.strictSame(alignWords([], ['a']), { matches: [], substitutions: 0, deletions: 0, insertions: 1 });
  t.strictSame(alignWords(['a', 'b'], ['b']), { matches: [[1, 0]], substitutions: 0, deletions: 1, insertions: 0 });
});

t.test('alignWords: matches ascend, join equal words, and the counts add up', async () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });
  fc.assert(
    fc.property(words, words, (from, to) => {
      const { matches, substitutions, deletions, insertions } = alignWords(from, to);
      const ascend = matches.every(
        ([a, b], at) => at === 0 || (a > (matches[at - 1]?.[0] ?? -1) && b > (matches[at - 1]?.[1] ?? -1)),
      );
      return (
        ascend &&
        matches.every(([a, b]) => from[a] === to[b]) &&
        matches.length + substitutions + deletions === from.length &&
        matches.length + substitutions + insertions === to.length
      );
    }),
  );
});

t.test('alignWords: a list and itself need no edit', async () => {
  fc.assert(fc.property(fc.array(fc.string()), (words) => alignWords(words, words).matches.length === words.length));
});

t.test('displayedWords: spaces part words, and each Chinese character is one', async (t) => {
  t.strictSame(displayedWords(' Hello,  big world. '), ['Hello,', 'big', 'world.']);
  t.strictSame(displayedWords('今天 OK 很好'), ['今', '天', 'OK', '很', '好']);
  t.strictSame(displayedWords(''), []);
});

t.test('bareWord: case and outer punctuation do not tell words apart', async (t) => {
  t.equal(bareWord('“Don’t,'), 'don’t');
  t.equal(bareWord('1,250.'), '1,250');
  t.equal(bareWord('...'), '');
});
