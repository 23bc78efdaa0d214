// Texts that go round in circles.
import * as fc from 'fast-check';
import t from 'tap';
import { EndlessText } from '../../../server/src/asr/whisper/endless-text.js';
import { holds } from '../../support/property.js';

const SECOND = 16_000;
/** After how many tokens a text is stopped; undefined: never. */
function stoppedAfter(tokens: readonly number[], seconds: number): number | undefined {
  const text = new EndlessText(seconds * SECOND);
  const at = tokens.findIndex((token) => text.add(token));
  return at < 0 ? undefined : at + 1;
}
const copies = (phrase: readonly number[], times: number): number[] =>
  Array.from({ length: times }, () => phrase).flat();

t.test('what repeats itself is stopped when nobody could have said it in the time', async (t) => {
  t.equal(stoppedAfter(copies([7], 224), 1), 17);
  t.equal(stoppedAfter(copies([7], 224), 6), 31, 'five copies a second');
  t.equal(stoppedAfter([1, 2, 3, ...copies([4, 5, 6], 70)], 2), 34, 'the words before it do not count');
  const sentence = Array.from({ length: 40 }, (_, at) => at);
  t.equal(stoppedAfter(copies(sentence, 5), 5), 84, 'a sentence, said twice already');
  t.equal(stoppedAfter(copies([7, 8], 112), 30), undefined, 'in 30 s there is time for all that a window holds');
});

t.test('what may have been said goes on', async (t) => {
  t.equal(stoppedAfter(copies([7], 10), 0.5), undefined, 'no no no no');
  t.equal(stoppedAfter(copies([1, 2, 3, 4, 5], 6), 2), undefined);
  t.equal(
    stoppedAfter(
      copies(
        Array.from({ length: 24 }, (_, i) => i),
        2,
      ),
      1,
    ),
    undefined,
    'said twice',
  );
});

t.test('text without a repetition is never stopped, and what is stopped is one', async (t) => {
  const unique = fc.uniqueArray(fc.nat(50_000), { maxLength: 224 });
  holds(
    t,
    fc.property(unique, fc.nat(30), (tokens, seconds) => stoppedAfter(tokens, seconds) === undefined),
    { numRuns: 800 },
  );
  holds(
    t,
    fc.property(fc.array(fc.nat(3), { maxLength: 224 }), fc.nat(3), (tokens, seconds) => {
      const length = stoppedAfter(tokens, seconds);
      if (length === undefined) return true;
      const heard = tokens.slice(0, length);
      const most = Math.max(16, (seconds * SECOND) / 960);
      const isPeriodic = (period: number): boolean =>
        heard.slice(-Math.ceil(most)).every((token, at, tail) => at < period || token === tail[at - period]);
      return Array.from({ length: 112 }, (_, at) => at + 1).some(isPeriodic);
    }),
    { numRuns: 2_400 },
  );
});
