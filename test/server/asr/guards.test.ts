import * as fc from 'fast-check';
import t from 'tap';
import type { DecodedToken, DecodeResult } from '../../../server/src/asr/engine.js';
import {
  assess,
  avgLogprobOf,
  compressionRatio,
  findLoop,
} from '../../../server/src/asr/hypothesis/hallucination-guards.js';
import { holds } from '../../support/property.js';

/** Tokens that all attend the last frame, as those of a hallucinated loop do. */
const stuck = (ids: readonly number[]): DecodedToken[] => ids.map((id) => ({ id, logprob: -0.1, frame: 290 }));
/** Tokens that attend one place after another, as those of speech do. */
const moving = (ids: readonly number[]): DecodedToken[] => ids.map((id, i) => ({ id, logprob: -0.1, frame: i * 10 }));

const result = (tokens: readonly DecodedToken[], more: Partial<DecodeResult> = {}): DecodeResult => ({
  tokens,
  endLogprob: -0.2,
  language: 'en',
  languageProbability: 1,
  noSpeechProbability: 0.1,
  draftAccepted: 0,
  steps: 1,
  ...more,
});

t.test('a loop is found where it starts, with its period, even if the last copy is cut', async (t) => {
  t.same(findLoop(stuck([9, 8, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2])), { start: 2, period: 3 });
  t.same(findLoop(stuck([5, 7, 7, 7, 7, 7, 7])), { start: 1, period: 1 });
  t.equal(findLoop(stuck([1, 2, 3, 1, 2, 3])), null, 'said twice');
  t.equal(findLoop(stuck([7, 7, 7, 7])), null, 'no no no no');
  t.equal(findLoop(stuck([])), null);
});

t.test('repeated speech is no loop: its attention moves on', async (t) => {
  t.equal(findLoop(moving([1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3])), null);
});

t.test('nobody says marks in a row, even where the attention moves on', async (t) => {
  const marks = result(moving([1, 2, ...Array.from({ length: 20 }, () => 7)]));
  const sound = { audioMs: 5_000, speechMs: 5_000 };
  t.same(assess(marks, `no wait${'。'.repeat(20)}`, undefined, sound).loop, { start: 2, period: 1 });
  t.equal(assess(marks, `no wait${' go'.repeat(20)}`, undefined, sound).loop, null, 'but words');
  t.equal(assess(result(moving([1, 2, 7, 7, 7])), 'no wait。。。', undefined, sound).loop, null, 'and a few marks');
});

t.test('every loop that is appended is found, and nothing before it is blamed', async (t) => {
  holds(
    t,
    fc.property(
      fc.uniqueArray(fc.nat(500), { maxLength: 20 }),
      fc.uniqueArray(fc.integer({ min: 501, max: 600 }), { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 6, max: 9 }),
      (head, phrase, copies) => {
        const loop = findLoop(stuck([...head, ...Array.from({ length: copies }, () => phrase).flat()]));
        if (loop?.start !== head.length || loop.period !== phrase.length)
          throw new Error(`found ${JSON.stringify(loop)}`);
      },
    ),
  );
});

t.test('a long sentence that is said three times is a loop too', async (t) => {
  const sentence = Array.from({ length: 40 }, (_, at) => at);
  t.same(findLoop(stuck([...sentence, ...sentence, ...sentence])), { start: 0, period: 40 });
});

const words = (count: number): string => Array.from({ length: count }, (_, at) => ` w${at}`).join('');

t.test('16 words and more in less than 110 ms each are too much', async (t) => {
  const judge = (text: string, audioMs: number) => assess(result([]), text, undefined, { audioMs, speechMs: audioMs });
  t.match(judge(words(40), 4_300), { isTooMuch: true, repetitive: true, repeats: false });
  t.match(judge(words(40), 4_500), { isTooMuch: false, repetitive: false });
  t.match(judge(words(15), 500), { isTooMuch: false });
  t.match(judge('一二三四五六七八九十'.repeat(2), 2_000), { isTooMuch: true }, 'of Chinese each character counts');
  t.match(assess(result([]), words(40)), { isTooMuch: false }, 'where nothing is known of the sound');
});

t.test('no loop is found in tokens without a repetition', async (t) => {
  holds(
    t,
    fc.property(fc.uniqueArray(fc.nat(10_000), { maxLength: 200 }), (ids) => {
      if (findLoop(stuck(ids))) throw new Error('a loop was found');
    }),
  );
});

t.test('compression ratio: as zlib in Python has it', async (t) => {
  // Python: text = 'the cat ' * 20; len(text.encode()) / len(zlib.compress(text.encode()))
  t.ok(compressionRatio('the cat '.repeat(20)) > 2.4);
  t.ok(compressionRatio('A short sentence compresses to more than itself.') < 1.1);
  t.equal(compressionRatio(''), 0);
});

t.test('the mean log-probability counts the end of the text, where it came', async (t) => {
  t.equal(avgLogprobOf(result([{ id: 1, logprob: -0.4, frame: 0 }], { endLogprob: -0.2 })).toFixed(6), '-0.300000');
  t.equal(avgLogprobOf(result([{ id: 1, logprob: -0.4, frame: 0 }], { endLogprob: null })), -0.4);
  t.equal(avgLogprobOf(result([], { endLogprob: null })), 0);
});

t.test('silence needs both: a high probability of no speech and an unsure text', async (t) => {
  const unsure = [{ id: 1, logprob: -3, frame: 1 }];
  const sure = [{ id: 1, logprob: -0.1, frame: 1 }];
  t.match(assess(result(unsure, { noSpeechProbability: 0.9 }), ' hm'), { silent: true, unsure: true });
  t.match(assess(result(unsure, { noSpeechProbability: 0.2 }), ' hm'), { silent: false, unsure: true });
  t.match(assess(result(sure, { noSpeechProbability: 0.9 }), ' hm'), { silent: false, unsure: false });
});
