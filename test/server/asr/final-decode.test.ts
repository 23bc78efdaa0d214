import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { DecodedToken, DecodeResult } from '../../../server/src/asr/engine.js';
import { decodeFinal, type FinalAsk } from '../../../server/src/asr/hypothesis/final-decode.js';
import { scriptedTokenizer } from '../../support/scripted-engine.js';

const tokenizer = scriptedTokenizer();
const FRESH = { fallbackBudgetMs: 90_000 };
/** Seconds of audio with so much speech; a quiet place in the middle. */
const spoken = (seconds: number, speechRatio = 0.9) => ({
  audio: Float32Array.from({ length: seconds * 16_000 }, (_, at) =>
    Math.abs(at / 16_000 - seconds / 2) < 0.1 ? 0 : 0.1,
  ),
  speechRatio,
});

function heard(text: string, logprob = -0.1, more: Partial<DecodeResult> = {}): DecodeResult {
  const tokens = tokenizer.encode(text).map((id): DecodedToken => ({ id, logprob, frame: 7 }));
  return {
    tokens,
    endLogprob: logprob,
    language: 'en',
    languageProbability: 1,
    noSpeechProbability: 0.1,
    draftAccepted: 0,
    steps: 1,
    ...more,
  };
}

/** Answers one attempt after another and notes what each asked. */
function answering(...answers: DecodeResult[]) {
  const asked: Omit<FinalAsk, 'audio'>[] = [];
  const seconds: number[] = [];
  const decode = async ({ audio, ...ask }: FinalAsk): Promise<DecodeResult> => {
    asked.push(ask);
    seconds.push(Math.round(audio.length / 16_000));
    return answers[asked.length - 1] ?? heard(' too many attempts');
  };
  return { asked, seconds, decode };
}

const looping = () => heard(` he said the${' and the'.repeat(8)}`);

t.test('a good greedy decode is taken as it is', async (t) => {
  const { asked, decode } = answering(heard(' hello there'));
  t.match(await decodeFinal(decode, spoken(4), tokenizer, FRESH), {
    text: 'hello there',
    noise: null,
    language: 'en',
  });
  t.same(asked, [{ temperature: 0, seed: 0, withPrevious: true }]);
});

t.test('a repeating decode is tried without the previous text, and then in two halves', async (t) => {
  const { asked, seconds, decode } = answering(looping(), looping(), heard(' hello'), heard(' there'));
  const final = await decodeFinal(decode, spoken(8), tokenizer, FRESH);
  t.match(final, { text: 'hello there', noise: null });
  t.same(
    asked.map(({ withPrevious }) => withPrevious),
    [true, false, false, false],
  );
  t.same(seconds, [8, 8, 4, 4]);
  t.ok(Math.abs((final.tokens.at(-1)?.frame ?? 0) - 207) < 10, 'frames of the second half are counted from the first');
});

t.test('a repeating decode that was told no previous text is tried in two halves at once', async (t) => {
  const { seconds, decode } = answering(looping(), heard(' hello'), heard(' there'));
  const final = await decodeFinal(decode, spoken(8), tokenizer, { ...FRESH, previousText: '' });
  t.equal(final.text, 'hello there');
  t.same(seconds, [8, 4, 4]);
});

t.test('marks in a row are a loop, however far the attention moves on them', async (t) => {
  const text = ` he said it${'.'.repeat(40)}`;
  const { tokens, ...more } = heard(text);
  const marks = { ...more, tokens: tokens.map((token, at) => ({ ...token, frame: 8 * at })) };
  const again = answering(marks, heard(' hello'), heard(' there'));
  const final = await decodeFinal(again.decode, spoken(10), tokenizer, { ...FRESH, previousText: '' });
  t.equal(final.text, 'hello there', 'what they stand for is heard');
  const always = answering(...Array.from({ length: 9 }, () => marks));
  const once = await decodeFinal(always.decode, spoken(10), tokenizer, { ...FRESH, fallbackBudgetMs: 0 });
  t.equal(once.text, 'he said it.', 'and one is left where there is no time for that');
});

t.test('an unsure decode stands: nothing is drawn by chance', async (t) => {
  const { asked, decode } = answering(heard(' hello', -2));
  t.match(await decodeFinal(decode, spoken(8), tokenizer, FRESH), { text: 'hello', noise: null, temperature: 0 });
  t.equal(asked.length, 1);
});

t.test('an unclear text is heard once more behind what was said before, and taken where that is clearer', async (t) => {
  const alone = heard(' a tie', -0.5);
  for (const [inContext, text] of [
    [heard(' good bye', -0.2), 'good bye'],
    [heard(' goat pie', -0.9), 'a tie'],
    [heard(' and'.repeat(40), -0.1), 'a tie'],
    [undefined, 'a tie'],
  ] as const) {
    const { decode } = answering(alone);
    const asked: DecodeResult[] = [];
    const final = await decodeFinal(decode, spoken(2), tokenizer, {
      ...FRESH,
      inContext: async (first) => {
        asked.push(first);
        return inContext;
      },
    });
    t.match(final, { text, noise: null });
    t.same(asked, [alone]);
  }
});

t.test('what is clear, noise, or beyond the budget is not heard in context', async (t) => {
  const inContext = async (): Promise<undefined> => {
    t.fail('heard in context');
  };
  const options = { ...FRESH, inContext };
  t.match(await decodeFinal(answering(heard(' hello', -0.2)).decode, spoken(2), tokenizer, options), { text: 'hello' });
  const hiss = answering(heard(' hello', -2, { noSpeechProbability: 0.9 }));
  t.match(await decodeFinal(hiss.decode, spoken(2), tokenizer, options), { noise: 'noSpeech' });
  const late = { ...options, fallbackBudgetMs: 1_000 };
  t.match(await decodeFinal(answering(heard(' a tie', -0.5)).decode, spoken(2), tokenizer, late), { text: 'a tie' });
});

t.test('nothing in a short stretch of speech is asked once more for words, where the model is not sure', async (t) => {
  const { asked, decode } = answering(heard('', -0.8), heard(' yes', -0.5));
  t.match(await decodeFinal(decode, spoken(0.8), tokenizer, FRESH), { text: 'yes', noise: null });
  t.match(asked[1], { isSpoken: true, withPrevious: true });
  for (const answers of [[heard('', -0.8), heard(' bebe', -2)], [heard('', -0.1)]]) {
    const { asked, decode } = answering(...answers);
    t.match(await decodeFinal(decode, spoken(0.8), tokenizer, FRESH), { text: '', noise: 'empty' });
    t.equal(asked.length, answers.length, 'words that it is unsure of are not believed; silence that it is sure of is');
  }
  const cough = answering(heard('', -0.8));
  await decodeFinal(cough.decode, spoken(0.8, 0.2), tokenizer, FRESH);
  t.equal(cough.asked.length, 1, 'too short for a word');
});

t.test('nothing, although somebody spoke, is decoded again', async (t) => {
  const { decode } = answering(heard(''), heard(' hello'));
  t.match(await decodeFinal(decode, spoken(4), tokenizer, FRESH), { text: 'hello', noise: null });
});

t.test('and so it is where the engines have no time for second tries: there is no text that will do', async (t) => {
  const busy = { fallbackBudgetMs: 0, unheardBudgetMs: 30_000 };
  for (const [seconds, ...answers] of [
    [0.8, heard('', -0.8), heard(' yes', -0.5)],
    [4, heard(''), heard(' yes')],
    [12, heard(''), heard(' yes'), heard('')],
  ] as const) {
    const { asked, decode } = answering(...answers);
    t.match(await decodeFinal(decode, spoken(seconds), tokenizer, busy), { text: 'yes', noise: null });
    t.ok(
      asked.every(({ isAgain }) => isAgain === undefined),
      'as urgent as a first decode',
    );
  }
  const loop = answering(looping());
  await decodeFinal(loop.decode, spoken(8), tokenizer, busy);
  t.equal(loop.asked.length, 1, 'a text that is there is told');
});

t.test('what is said many times stays, where there was time to say it', async (t) => {
  const many = ' and'.repeat(10);
  const { decode } = answering(...Array.from({ length: 6 }, () => heard(many)));
  t.equal((await decodeFinal(decode, spoken(2.5), tokenizer, FRESH)).text, many.trim());
  const loop = answering(...Array.from({ length: 6 }, () => heard(many.repeat(4))));
  t.equal(
    (await decodeFinal(loop.decode, spoken(2.5), tokenizer, FRESH)).text,
    'and and and and and',
    'of a single word as many as there was time for, at 450 ms each',
  );
  const ranAway = answering(...Array.from({ length: 6 }, () => heard(many, -0.1, { endLogprob: null })));
  t.equal((await decodeFinal(ranAway.decode, spoken(2.5), tokenizer, FRESH)).text, 'and and and and and');
});

t.test('the budget ends the second tries, and 0 turns them off', async (t) => {
  for (const [fallbackBudgetMs, tries] of [
    [0, 1],
    [8_000, 2],
    [16_000, 4],
  ] as const) {
    const { asked, decode } = answering(...Array.from({ length: 9 }, looping));
    await decodeFinal(decode, spoken(8), tokenizer, { fallbackBudgetMs });
    t.equal(asked.length, tries);
  }
});

t.test('what is decoded again says so; where it takes too long the first text is told', async (t) => {
  const again: (boolean | undefined)[] = [];
  const { decode } = answering(looping(), heard(' hello'));
  const noted = (ask: FinalAsk) => {
    again.push(ask.isAgain);
    return decode(ask);
  };
  t.match(await decodeFinal(noted, spoken(8), tokenizer, { ...FRESH, inTime: (work) => work }), { text: 'hello' });
  t.same(again, [undefined, true]);
  const late = answering(looping(), heard(' hello'));
  const final = await decodeFinal(late.decode, spoken(8), tokenizer, { ...FRESH, inTime: async () => undefined });
  t.match(final, { text: 'he said the and', noise: null });
});

t.test('noise is named and never words', async (t) => {
  const loops = Array.from({ length: 6 }, () => heard('ing'.repeat(24), -2));
  t.match(await decodeFinal(answering(heard('')).decode, spoken(0.5), tokenizer, FRESH), {
    noise: 'empty',
    text: '',
    tokens: [],
  });
  t.match(
    await decodeFinal(answering(heard(' hm', -2, { noSpeechProbability: 0.9 })).decode, spoken(4), tokenizer, FRESH),
    { noise: 'noSpeech', text: '' },
  );
  t.match(await decodeFinal(answering(heard(' hm', -2)).decode, spoken(4, 0.1), tokenizer, FRESH), {
    noise: 'lowConfidence',
    text: '',
    tokens: [],
  });
  t.match(await decodeFinal(answering(...loops).decode, spoken(1), tokenizer, FRESH), {
    noise: 'repetition',
    text: '',
    tokens: [],
  });
});

t.test('silence is not decoded again', async (t) => {
  const { asked, decode } = answering(heard(' hm', -2, { noSpeechProbability: 0.9 }));
  await decodeFinal(decode, spoken(8), tokenizer, FRESH);
  t.equal(asked.length, 1);
});

t.test('words before a loop are kept, with one copy of it', async (t) => {
  const { decode } = answering(...Array.from({ length: 6 }, looping));
  t.match(await decodeFinal(decode, spoken(1), tokenizer, FRESH), { text: 'he said the and', noise: null });
});

t.test('a text that may be copied out of the previous text is heard once more without it', async (t) => {
  const previousText = ' The doctor is on Friday at five in the main building.';
  const copied = heard(' And the doctor is on Sunday at five in the main building.');
  for (const [own, text] of [
    [heard(' Sunday at one, in the old building.'), 'Sunday at one, in the old building.'],
    [heard(' Sunday at one', -0.8), copied],
    [heard(''), copied],
    [heard(' and the'.repeat(20)), copied],
  ] as const) {
    const { asked, decode } = answering(copied, own);
    const final = await decodeFinal(decode, spoken(4), tokenizer, { ...FRESH, previousText });
    t.equal(final.text, typeof text === 'string' ? text : tokenizer.decode(text.tokens.map(({ id }) => id)).trim());
    t.match(asked[1], { withPrevious: false, isAgain: true });
  }
  const late = answering(copied);
  await decodeFinal(late.decode, spoken(4), tokenizer, { previousText, fallbackBudgetMs: 0 });
  t.equal(late.asked.length, 1, 'the budget bounds it');
});

/** How many decodes a text takes behind another one. */
async function asks(text: string, previousText: string): Promise<number> {
  const { asked, decode } = answering(heard(text), heard(text));
  await decodeFinal(decode, spoken(4), tokenizer, { ...FRESH, previousText });
  return asked.length;
}

t.test('a copy has four words in a row, or six characters, whatever their marks and case', async (t) => {
  t.equal(await asks(" it doesn't rain, in spain", ' Doesn’t RAIN in: Spain'), 2);
  t.equal(await asks(' rain in spain', ' rain in spain'), 1, 'three words');
  t.equal(await asks(' rain in sunny spain falls', ' rain in spain falls'), 1, 'not in a row');
  t.equal(await asks('我们明天去北京', '他们明天去北京，'), 2);
  t.equal(await asks('我们明天去上海', '他们明天去北京'), 1, 'four characters');
});

/** Words at frames. */
const at = (...parts: readonly (readonly [text: string, frame: number])[]): DecodeResult => ({
  ...heard(''),
  tokens: parts.flatMap(([text, frame]) =>
    tokenizer.encode(text).map((id): DecodedToken => ({ id, logprob: -0.1, frame })),
  ),
});

t.test('a live text that ends long before its speech is decoded on, without the previous text', async (t) => {
  const start = at([' we', 20], [' sail', 40], [' at', 60], [' dawn.', 80]);
  const { asked, seconds, decode } = answering(start, at([' bring', 30], [' rope', 100]));
  const final = await decodeFinal(decode, spoken(5), tokenizer, { ...FRESH, endsInSpeech: true });
  t.match(final, { text: 'we sail at dawn. bring rope', noise: null });
  t.match(asked[1], { withPrevious: false, isAgain: true });
  t.same(seconds, [5, 3], 'from the quiet place behind the last word on');
  t.ok(Math.abs((final.tokens.at(-1)?.frame ?? 0) - 225) < 10, 'its frames are those of the whole');
});

t.test(
  'and so it is where the engines have no time for second tries: words that are lost are worse than late',
  async (t) => {
    const busy = { fallbackBudgetMs: 0, unheardBudgetMs: 30_000, endsInSpeech: true };
    const { asked, decode } = answering(heard(' hello'), heard(' there'));
    t.match(await decodeFinal(decode, spoken(5), tokenizer, busy), { text: 'hello there' });
    t.equal(asked[1]?.isAgain, undefined, 'as urgent as a first decode');
  },
);

t.test('what is decoded on is appended only where it says something that is believed', async (t) => {
  const start = at([' we', 20], [' sail', 40], [' at', 60], [' dawn.', 80]);
  for (const rest of [
    at(),
    at([' .', 10]),
    at([' dawn.', 5]),
    at([' dawn', 100]),
    heard(' rope', -2),
    heard(' rope', -0.1, { noSpeechProbability: 0.9 }),
    heard(' and the'.repeat(20)),
  ]) {
    const { asked, decode } = answering(start, rest);
    const final = await decodeFinal(decode, spoken(5), tokenizer, { ...FRESH, endsInSpeech: true });
    t.equal(final.text, 'we sail at dawn.');
    t.equal(asked.length, 2);
  }
});

t.test('a text that goes on to the end, or of which attention tells nothing, is whole', async (t) => {
  const whole = at([' we', 20], [' sail', 40], [' at', 60], [' dawn.', 145]);
  const resting = at([' we', 20], [' sail', 20], [' at', 20], [' dawn.', 20]);
  const start = at([' we', 20], [' sail', 40], [' at', 60], [' dawn.', 80]);
  for (const [first, options] of [
    [whole, { endsInSpeech: true }],
    [resting, { endsInSpeech: true }],
    [start, {}],
    [start, { endsInSpeech: true, fallbackBudgetMs: 1_000 }],
  ] as const) {
    const { asked, decode } = answering(first);
    await decodeFinal(decode, spoken(5), tokenizer, { ...FRESH, ...options });
    t.equal(asked.length, 1);
  }
});

const soon = async <T>(again: Promise<T>): Promise<T | undefined> =>
  Promise.race([again, delay(50).then(() => undefined)]);

t.test('what is better is told, though what is decoded on is late', async (t) => {
  const start = at([' we', 20], [' sail', 40], [' at', 60], [' dawn.', 80]);
  let calls = 0;
  const decode = async (): Promise<DecodeResult> => {
    calls += 1;
    return calls === 1 ? looping() : calls === 2 ? start : new Promise(() => {});
  };
  const options = { ...FRESH, endsInSpeech: true, inTime: soon };
  t.equal((await decodeFinal(decode, spoken(5), tokenizer, options)).text, 'we sail at dawn.');
});

const SENTENCE = ' one of the blue boats would sail from the old harbour to the north';
const LIST = Array.from({ length: 40 }, (_, at) => ` w${at}`).join('');

t.test('far more words than anybody could say are heard again without the previous text, and in pieces', async (t) => {
  const { asked, decode } = answering(heard(SENTENCE.repeat(3)), heard(SENTENCE));
  t.equal((await decodeFinal(decode, spoken(4), tokenizer, FRESH)).text, SENTENCE.trim());
  t.match(asked[1], { withPrevious: false });
  const pieces = answering(heard(LIST), heard(LIST), heard(' one of'), heard(' the boats'));
  t.equal((await decodeFinal(pieces.decode, spoken(4), tokenizer, FRESH)).text, 'one of the boats');
});

t.test('what still has too many words is cut where it repeats itself, else told as it is', async (t) => {
  const bound = { fallbackBudgetMs: 0 };
  const repeats = await decodeFinal(answering(heard(`${SENTENCE.repeat(3)} blue`)).decode, spoken(4), tokenizer, bound);
  t.equal(repeats.text, SENTENCE.repeat(3).trim().split(' ').slice(0, 20).join(' '), 'a word for each 200 ms');
  const looping = await decodeFinal(
    answering(heard(`${SENTENCE.repeat(3)}${' blue boats now'.repeat(9)}`)).decode,
    spoken(4),
    tokenizer,
    bound,
  );
  t.equal(looping.text, repeats.text, 'also before a loop');
  const list = await decodeFinal(answering(heard(LIST)).decode, spoken(4), tokenizer, bound);
  t.equal(list.text, LIST.trim());
});

t.test('of a loop the copies of a single word are told, as many as there was time for; a phrase once', async (t) => {
  const bound = { fallbackBudgetMs: 0 };
  const texts = async (text: string, seconds: number): Promise<string> =>
    (await decodeFinal(answering(heard(text)).decode, spoken(seconds, 1), tokenizer, bound)).text;
  t.equal(await texts(' go,'.repeat(20), 2), 'go, go, go, go,');
  t.equal(await texts(' go'.repeat(12), 0.5), 'go');
  t.equal(await texts(' go now'.repeat(20), 4), 'go now');
});
