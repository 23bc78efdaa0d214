// Hotwords in the decoder: a prefix trie that raises what goes on with a term, and takes back what does not become one.
import t from 'tap';
import { HotwordTries, type HotwordBias } from '../../../server/src/asr/whisper/hotword-bias.js';
import type { Hotwords } from '../../../server/src/asr/engine.js';

const tries = new HotwordTries();

/** Tokens: 1 2 3 is a term, and 5. */
const TERMS: Hotwords = { key: 'a', boost: 2, terms: [[1, 2, 3], [5]] };

function open(hotwords: Hotwords = TERMS): HotwordBias {
  const bias = tries.open(hotwords);
  if (bias === undefined) throw new Error('It has terms.');
  return bias;
}

/** Steps with logits by token; all others are far below. Returns what stands in the end. */
function write(
  bias: HotwordBias,
  steps: readonly Readonly<Record<number, number>>[],
  known: readonly number[] = [],
): number[] {
  const written: number[] = [];
  for (const [at, logits] of steps.entries()) {
    const [[id = '0', highest = 0] = []] = Object.entries(logits).toSorted(([, a], [, b]) => b - a);
    const best = { id: Number(id), logprob: -0.1, frame: at };
    const wanted = Float32Array.from([...bias.candidates.map((token) => logits[token] ?? -30), highest]);
    const { token, takenBack } = bias.step(best, wanted, known.includes(at));
    written.length -= takenBack;
    written.push(token.id);
  }
  return written;
}

t.test('a term that is nearly as likely is written', async (t) => {
  t.strictSame(write(open(), [{ 9: 0, 1: -1.5 }, { 2: 0 }, { 3: 0, 8: -1 }]), [1, 2, 3]);
  t.strictSame(write(open(), [{ 9: 0, 1: -2.5 }, { 2: 0 }]), [9, 2], 'the first token gains the boost and no more');
});

t.test('later tokens gain boost x (1 + ln depth)', async (t) => {
  // Depth 2: 2 x (1 + ln 2) = 3.39.
  t.strictSame(write(open(), [{ 1: 0 }, { 9: 0, 2: -3.3 }, { 3: 0 }]), [1, 2, 3]);
  t.strictSame(write(open(), [{ 1: 0 }, { 9: 0, 2: -3.5 }, { 3: -4, 8: 0 }]), [1, 9, 8]);
});

t.test('what does not become a term is taken back', async (t) => {
  t.strictSame(write(open(), [{ 9: 0, 1: -1 }, { 8: 0 }]), [9], 'the token behind it is chosen anew');
  t.strictSame(write(open(), [{ 9: 0, 1: -1 }, { 2: 0 }, { 8: 0 }]), [9]);
  t.strictSame(write(open(), [{ 1: 0 }, { 8: 0 }]), [1, 8], 'what the model writes itself stays');
});

t.test('a term may cost what its last token gains, as a whole', async (t) => {
  // Depth 3: 2 x (1 + ln 3) = 4.2.
  t.strictSame(
    write(open(), [
      { 9: 0, 1: -1.5 },
      { 9: 0, 2: -1.5 },
      { 9: 0, 3: -1 },
    ]),
    [1, 2, 3],
  );
  t.strictSame(
    write(open(), [
      { 9: 0, 1: -1.5 },
      { 9: 0, 2: -1.5 },
      { 9: 0, 3: -1.5 },
    ]),
    [9],
  );
});

t.test('no term begins where the model wrote the same before', async (t) => {
  t.strictSame(write(open(), [{ 9: 0, 1: -1 }, { 2: 0 }], [0]), [9, 2]);
});

t.test('a term is found in the middle of another that it shares a beginning with', async (t) => {
  const bias = open({
    key: 'b',
    boost: 2,
    terms: [
      [1, 1, 2],
      [1, 2],
    ],
  });
  t.strictSame(write(bias, [{ 1: 0 }, { 1: 0 }, { 9: 0, 2: -3 }]), [1, 1, 2]);
});

t.test('probabilities are the model’s own', async (t) => {
  const bias = open();
  const { token } = bias.step({ id: 9, logprob: -0.5, frame: 3 }, Float32Array.from([-1, -30, 0]));
  t.strictSame(token, { id: 1, logprob: -1.5, frame: 3 });
});

t.test('lists that are in use are kept, and no more', async (t) => {
  t.equal(tries.open(undefined), undefined);
  t.equal(tries.open({ key: 'none', boost: 2, terms: [] }), undefined);
  for (let at = 0; at < 200; at++) open({ key: `list ${at}`, boost: 2, terms: [[at]] });
  t.strictSame(open({ key: 'list 7', boost: 2, terms: [[7]] }).candidates, [7], 'one that was let go of is made again');
});
