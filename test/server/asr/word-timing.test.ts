import * as fc from 'fast-check';
import t from 'tap';
import type { Word } from '@sotto/protocol';
import type { DecodedToken } from '../../../server/src/asr/engine.js';
import { soundRuns } from '../../../server/src/asr/hypothesis/sound-runs.js';
import { attentionRests, inOrder, timeWords } from '../../../server/src/asr/hypothesis/word-timing.js';
import { holds } from '../../support/property.js';
import { scriptedTokenizer } from '../../support/scripted-engine.js';
import { joined } from '../../support/speech.js';

const tokenizer = scriptedTokenizer();

/** Tokens of words that start at the given frames; all tokens of a word attend the same one. */
function spoken(words: readonly (readonly [text: string, frame: number])[], logprob = -0.5): DecodedToken[] {
  return words.flatMap(([text, frame]) => tokenizer.encode(text).map((id) => ({ id, logprob, frame })));
}

const squeeze = (text: string): string => text.replace(/\s/gu, '');

const noise = (ms: number, level: number): Float32Array =>
  Float32Array.from({ length: 16 * ms }, (_, i) => level * Math.sin(i * i));

const times = (words: readonly Word[]) => words.map(({ text, startMs, endMs }) => [text, startMs, endMs]);

t.test('words border half-way between the tokens that attend them', async (t) => {
  const tokens = spoken([
    [' the', 10],
    [' cat', 14],
    [' sat', 20],
  ]);
  const words = timeWords(tokens, 'en', [0, 600], tokenizer);
  t.same(times(words), [
    ['the', 140, 240],
    ['cat', 240, 340],
    ['sat', 340, 600],
  ]);
  t.ok(words.every((word) => Math.abs(word.confidence - Math.exp(-0.5)) < 1e-9));
});

t.test('a pause belongs to no word', async (t) => {
  const tokens = spoken([
    [' a', 1],
    [' b', 100],
    [' c', 104],
  ]);
  t.same(times(timeWords(tokens, 'en', [0, 4_000], tokenizer)), [
    ['a', 0, 270],
    ['b', 1_940, 2_040],
    ['c', 2_040, 2_330],
  ]);
});

t.test('a word that attends ahead of all speech is said where that begins', async (t) => {
  const tokens = spoken([
    [' a', 0],
    [' b', 40],
  ]);
  t.same(times(timeWords(tokens, 'en', [300, 1_200], tokenizer)), [
    ['a', 300, 610],
    ['b', 740, 1_050],
  ]);
  t.same(times(timeWords(spoken([[' a', 0]]), 'en', [300, 320], tokenizer)), [['a', 300, 320]]);
});

t.test('at a pause a word begins and ends with its sound', async (t) => {
  const tokens = spoken([
    [' a', 30],
    [' b', 100],
    [' c', 104],
  ]);
  const sound = [
    { fromMs: 320, toMs: 1_100 },
    { fromMs: 1_800, toMs: 2_900 },
  ];
  t.same(times(timeWords(tokens, 'en', [0, 4_000], tokenizer, sound)), [
    ['a', 320, 1_100],
    ['b', 1_800, 2_040],
    ['c', 2_040, 2_900],
  ]);
  const alone = (fromMs: number, toMs: number) =>
    times(timeWords(spoken([[' a', 100]]), 'en', [0, 4_000], tokenizer, [{ fromMs, toMs }]));
  t.same(alone(0, 4_000), [['a', 1_940, 2_250]], 'a sound that goes on and on tells nothing');
  t.same(alone(1_990, 2_010), [['a', 1_990, 2_250]], 'nor where a click ends');
});

t.test('sound is what stands out of the room', async (t) => {
  for (const room of [0, 0.001, 0.03]) {
    const spans = [noise(500, room), noise(700, 0.4), noise(80, room), noise(300, 0.2), noise(400, room)];
    t.same(soundRuns(joined(...spans, noise(200, 0.4))), [
      { fromMs: 500, toMs: 1_580 },
      { fromMs: 1_980, toMs: 2_180 },
    ]);
  }
  t.same(soundRuns(noise(1_000, 0.2)), [], 'one level all along');
  t.same(soundRuns(new Float32Array(16_000)), []);
  t.same(soundRuns(new Float32Array(0)), []);
});

t.test('marks belong to their word and do not move it', async (t) => {
  const tokens = spoken([
    [' "', 90],
    ['yes', 12],
    [',', 80],
    [' no', 30],
    ['."', 85],
  ]);
  t.match(timeWords(tokens, 'en', [0, 2_000], tokenizer), [
    { text: '"yes,', startMs: 180 },
    { text: 'no."', startMs: 540 },
  ]);
});

t.test('languages without spaces have a word per character', async (t) => {
  t.match(
    timeWords(
      spoken([
        ['你', 5],
        ['好', 20],
      ]),
      'zh',
      [0, 800],
      tokenizer,
    ),
    [
      { text: '你', startMs: 40, endMs: 340 },
      { text: '好', startMs: 340, endMs: 650 },
    ],
  );
});

t.test('no tokens, no words', async (t) => {
  t.same(timeWords([], 'en', [0, 500], tokenizer), []);
});

t.test('a token that attends out of order is placed between its neighbours', async (t) => {
  t.same(inOrder([0, 10, 290, 20, 30]), [0, 10, 15, 20, 30]);
  t.same(inOrder([50, 10, 20]), [5, 10, 20]);
  t.same(inOrder([10, 20, 3]), [10, 20, 20]);
  t.same(inOrder([]), []);
});

t.test('where the attention rests, words are spread over the time', async (t) => {
  const tokens = spoken([' here', ' we', ' are', ' then', ' all'].map((text) => [text, 100] as const));
  t.ok(attentionRests(tokens, 'en', tokenizer));
  const words = timeWords(tokens, 'en', [500, 2_500], tokenizer);
  t.ok(words.every(({ startMs, endMs }) => endMs - startMs >= 100));
  const uneven = timeWords(tokens, 'en', [330.6, 1_330.3], tokenizer);
  t.ok(uneven.every(({ startMs, endMs }) => Number.isInteger(startMs) && Number.isInteger(endMs)));
  t.ok((uneven[0]?.startMs ?? 0) >= 331 && (uneven.at(-1)?.endMs ?? Infinity) <= 1_330);
  t.notOk(attentionRests(spoken([' a', ' b', ' c', ' d'].map((text, i) => [text, 20 * i] as const)), 'en', tokenizer));
});

t.test('words are in order, of some length, within the segment, and lose no text', async (t) => {
  const token = fc.record({
    text: fc.constantFrom(' the', ' and', ' cat', 's', ',', ' "', '.', ' é'),
    frame: fc.nat(1_500),
    logprob: fc.double({ min: -20, max: 0, noNaN: true }),
  });
  holds(
    t,
    fc.property(
      fc.array(token, { maxLength: 30 }),
      // Sixteenths of a millisecond: samples.
      fc.nat(9_000 * 16).map((samples) => samples / 16),
      fc.integer({ min: 1, max: 30_000 * 16 }).map((samples) => samples / 16),
      fc.uniqueArray(fc.nat(39_000), { maxLength: 12 }),
      (drawn, fromMs, lengthMs, edges) => {
        const sound = edges
          .toSorted((a, b) => a - b)
          .flatMap((fromMs, i, all) => (i % 2 === 0 && i + 1 < all.length ? [{ fromMs, toMs: all[i + 1] ?? 0 }] : []));
        const tokens = drawn.flatMap(({ text, frame, logprob }) =>
          tokenizer.encode(text).map((id) => ({ id, frame, logprob })),
        );
        const words = timeWords(tokens, 'en', [fromMs, fromMs + lengthMs], tokenizer, sound);
        let before = fromMs;
        const hasRoom = Math.floor(fromMs + lengthMs) - Math.ceil(fromMs) >= words.length;
        for (const word of words) {
          if (!(word.startMs >= before && word.endMs > word.startMs && word.endMs <= fromMs + lengthMs))
            throw new Error(JSON.stringify(words));
          if (hasRoom && !(Number.isInteger(word.startMs) && Number.isInteger(word.endMs)))
            throw new Error('no whole ms');
          if (!(word.confidence >= 0 && word.confidence <= 1)) throw new Error('confidence');
          before = word.endMs;
        }
        if (squeeze(words.map((word) => word.text).join('')) !== squeeze(tokenizer.decode(tokens.map((one) => one.id))))
          throw new Error('text was lost');
      },
    ),
  );
});
