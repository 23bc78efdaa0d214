// Text normalisers against Whisper's own (golden file of the reference), and error rates against alignments done by
// hand.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  comparedUnit,
  comparedUnits,
  countErrors,
  errorRate,
  normalizeEnglish,
  scoreText,
  totalErrors,
} from '@sotto/models';
import * as fc from 'fast-check';
import t from 'tap';
import * as v from 'valibot';
import { fixturesFolder } from '../support/fixtures.js';

const pairs = v.array(v.tuple([v.string(), v.string()]));
const Golden = v.object({ english: pairs, basic: pairs });
const golden = v.parse(Golden, JSON.parse(readFileSync(join(fixturesFolder, 'golden/normalizers.json'), 'utf8')));

t.test('English text is normalised as Whisper does', async (t) => {
  t.ok(golden.english.length > 300);
  for (const [text, expected] of golden.english) t.equal(normalizeEnglish(text).trim(), expected.trim(), text);
});

t.test('other languages are normalised as Whisper does', async (t) => {
  for (const [text, expected] of golden.basic) {
    t.same(
      comparedUnits(text, 'de'),
      expected.split(/\s+/).filter((word) => word !== ''),
      text,
    );
  }
});

t.test('normalising never fails, and case does not matter', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const ascii = /^[\x20-\x7e]*$/.test(text);
      return !ascii || normalizeEnglish(text) === normalizeEnglish(text.toUpperCase());
    }),
  );
});

t.test('languages without spaces are compared by character', async (t) => {
  t.equal(comparedUnit('zh'), 'character');
  t.equal(comparedUnit('en'), 'word');
  t.same(comparedUnits('今天，天气 很好。', 'zh'), ['今', '天', '天', '气', '很', '好']);
  t.equal(errorRate(scoreText('今天天气很好', '今天的天汽很', 'zh')), 3 / 6);
});

t.test('errors are counted by kind', async (t) => {
  t.same(count('a b c', 'a b c'), { substitutions: 0, deletions: 0, insertions: 0, reference: 3 });
  t.same(count('a b c', 'a x c d'), { substitutions: 1, deletions: 0, insertions: 1, reference: 3 });
  t.same(count('a b c', ''), { substitutions: 0, deletions: 3, insertions: 0, reference: 3 });
  t.same(count('', 'a b'), { substitutions: 0, deletions: 0, insertions: 2, reference: 0 });
});

const words = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 });

t.test('counts agree with the lengths, are fewest, and mirror', async () => {
  fc.assert(
    fc.property(words, words, (reference, hypothesis) => {
      const { substitutions: s, deletions: d, insertions: i } = countErrors(reference, hypothesis);
      const mirrored = countErrors(hypothesis, reference);
      const total = s + d + i;
      return (
        hypothesis.length === reference.length - d + i &&
        total <= Math.max(reference.length, hypothesis.length) &&
        total >= Math.abs(reference.length - hypothesis.length) &&
        total === mirrored.substitutions + mirrored.deletions + mirrored.insertions &&
        (total === 0) === (reference.join() === hypothesis.join())
      );
    }),
  );
});

t.test('rates over recordings weigh each by its length', async (t) => {
  const counts = [scoreText('one two three four', 'one two three', 'en'), scoreText('hello', 'hallo', 'en')];
  // "one two three four" is one word after normalisation: 1234.
  t.same(totalErrors(counts), { substitutions: 2, deletions: 0, insertions: 0, reference: 2 });
  t.equal(errorRate(totalErrors([scoreText('a b c d', 'a b c', 'en'), scoreText('e', 'x', 'en')])), 2 / 5);
  t.equal(errorRate(scoreText('', '', 'en')), 0);
  t.equal(errorRate(scoreText('', 'noise', 'en')), Number.POSITIVE_INFINITY);
});

/** Letters stand for words. */
function count(reference: string, hypothesis: string) {
  return countErrors(reference.match(/\w/g) ?? [], hypothesis.match(/\w/g) ?? []);
}
