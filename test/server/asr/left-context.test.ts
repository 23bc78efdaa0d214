// What was said before an utterance, and an unclear one that is heard behind it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import type { DecodedToken, DecodeRequest, DecodeResult } from '../../../server/src/asr/engine.js';
import { behindContext } from '../../../server/src/asr/hypothesis/behind-context.js';
import { CONTEXT_WINDOW_SAMPLES, LeftContext } from '../../../server/src/asr/left-context.js';
import { StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import { ScriptedEngine, scriptedTokenizer } from '../../support/scripted-engine.js';
import { listener } from '../../support/segment-listener.js';
import { until } from '../../support/until.js';

const WINDOW = CONTEXT_WINDOW_SAMPLES.gpu;
const tokenizer = scriptedTokenizer();
const SECOND = 16_000;
/** Audio that is told apart by its level. */
const sound = (seconds: number, level: number): Float32Array => new Float32Array(seconds * SECOND).fill(level);
const ENGLISH = { language: 'en', task: 'transcribe' } as const;
const utterance = (seconds: number, level: number, more: object = {}) => ({
  ...ENGLISH,
  audio: sound(seconds, level),
  tokens: [Math.round(level * 100)],
  previous: [Math.round(level * 1_000)],
  ...more,
});

t.test('the last utterances that fit come first, with the text before them', async (t) => {
  const context = new LeftContext();
  t.equal(context.before(ENGLISH, WINDOW), undefined, 'nothing was said');
  for (const level of [0.1, 0.2, 0.3]) context.add(utterance(4, level), WINDOW);
  const two = context.before(ENGLISH, 9 * SECOND);
  t.same(two?.tokens, [20, 30]);
  t.same(two?.previous, [200], 'what the first of them was told');
  t.equal(two?.audio.length, 8 * SECOND);
  t.ok(Math.abs((two?.audio[0] ?? 0) - 0.2) < 1e-4 && Math.abs((two?.audio.at(-1) ?? 0) - 0.3) < 1e-4);
  t.equal(context.before(ENGLISH, 3 * SECOND), undefined, 'no utterance is cut');
});

t.test('no more is kept than a window takes, and a long utterance keeps out what is before it', async (t) => {
  const context = new LeftContext();
  for (let level = 0.01; level < 0.9; level += 0.01) context.add(utterance(3, level), WINDOW);
  const all = context.before(ENGLISH, Infinity);
  t.ok((all?.audio.length ?? 0) <= WINDOW);
  t.same(all?.tokens, [85, 86, 87, 88, 89].slice(-(all?.tokens.length ?? 0)));
  context.add(utterance(28, 0.95), WINDOW);
  t.equal(context.before(ENGLISH, Infinity), undefined);
});

t.test('what was said in another language, or translated, is no context', async (t) => {
  const context = new LeftContext();
  context.add(utterance(2, 0.1), WINDOW);
  context.add(utterance(2, 0.2, { language: 'zh' }), WINDOW);
  t.equal(context.before(ENGLISH, WINDOW), undefined, 'the speaker has changed languages since');
  t.same(context.before({ ...ENGLISH, language: 'zh' }, WINDOW)?.tokens, [20]);
  context.add(utterance(2, 0.3), WINDOW);
  t.same(context.before(ENGLISH, WINDOW)?.tokens, [30]);
  t.equal(context.before({ ...ENGLISH, task: 'translate' }, WINDOW), undefined);
});

/** Text whose tokens attend these frames, the last one for all that are left. */
function heard(text: string, logprob: number, ...frames: number[]): DecodeResult {
  const tokens = tokenizer
    .encode(text)
    .map((id, at): DecodedToken => ({ id, logprob, frame: frames[at] ?? frames.at(-1) ?? 0 }));
  return {
    tokens,
    endLogprob: logprob,
    language: 'en',
    languageProbability: 1,
    noSpeechProbability: 0,
    draftAccepted: 0,
    steps: 1,
  };
}
const textOf = (result: DecodeResult | undefined): string | undefined =>
  result && tokenizer.decode(result.tokens.map(({ id }) => id));

t.test('behind the context: marks that end the text before it go, frames count from the segment', async (t) => {
  const result = behindContext(heard('. and the', -0.1, 90, 110, 130), 2 * SECOND, tokenizer);
  t.equal(textOf(result)?.trim(), 'and the');
  t.same(
    result?.tokens.map(({ frame }) => frame),
    [10, ...Array.from({ length: (result?.tokens.length ?? 1) - 1 }, () => 30)],
  );
  t.equal(behindContext(heard('...', -0.1, 110), 2 * SECOND, tokenizer), undefined, 'no word');
  t.equal(behindContext(heard(' and the', -0.1, 40, 110), 2 * SECOND, tokenizer), undefined, 'said before');
});

/** An engine to which " cat" is unclear alone, and clear behind something. */
function unclearAlone() {
  const engine = new ScriptedEngine({ script: [] });
  const asked: DecodeRequest[] = [];
  engine.decode = async (batch) =>
    batch.map((request) => {
      asked.push({ ...request, audio: request.audio.slice() });
      if (request.prompt.committed.length > 0) return heard(' cat', -0.1, 300);
      return request.audio[0] === sound(1, 0.1)[0] ? heard(' the', -0.1, 150) : heard(' hat', -0.6, 100);
    });
  return { asked, asr: new StreamingRecognizer([engine], tokenizer) };
}

t.test('an unclear segment is heard again behind the one before it, in one window', async (t) => {
  const { asr, asked } = unclearAlone();
  const { options } = listener({ leftContext: new LeftContext() });
  t.equal((await asr.open(options).finish(sound(4, 0.1), 0.9)).text, 'the');
  const final = await asr.open(options).finish(sound(3, 0.5), 0.9);
  t.equal(final.text, 'cat');
  t.ok(
    final.words.every(({ startMs, endMs }) => startMs >= 0 && endMs <= 3_000),
    'times of the segment',
  );
  const window = asked.at(-1);
  t.same(window?.prompt.committed, tokenizer.encode(' the'));
  t.same(window?.draft, tokenizer.encode(' hat'), 'what it was alone is its draft');
  t.equal(window?.audio.length, 7 * SECOND);
  t.equal((await asr.open(listener().options).finish(sound(3, 0.5), 0.9)).text, 'hat', 'a stream of its own');
  await asr.close();
});

t.test('while it is not known yet to end, an unclear segment is heard in context already', async (t) => {
  const { asr, asked } = unclearAlone();
  const { options, partials } = listener({ leftContext: new LeftContext() });
  await asr.open(options).finish(sound(4, 0.1), 0.9);
  const segment = asr.open(options);
  t.ok(segment.anticipate(sound(3, 0.5)));
  await until(() => asked.length === 3, 'both decodes');
  await nextTurn();
  t.same(
    partials.map(({ stable, tentative }) => (stable + tentative).trim()),
    ['hat'],
    'what is heard in context is not shown before it is final',
  );
  t.equal((await segment.finish(sound(3, 0.5), 0.9)).text, 'cat');
  t.equal(asked.length, 3, 'nothing is decoded any more');
  await asr.close();
});
