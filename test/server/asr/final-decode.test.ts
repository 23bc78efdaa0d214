import t from 'tap';
import type { DecodedToken, DecodeResult } from '../../../server/src/asr/engine.js';
import { decodeFinal, type FinalAsk } from '../../../server/src/asr/hypothesis/final-decode.js';
import { scriptedTokenizer } from '../../support/scripted-engine.js';

const tokenizer = scriptedTokenizer();
const FRESH = { fallbackBudgetMs: 1_000, now: () => 0 };

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
  const asked: FinalAsk[] = [];
  const decode = async (ask: FinalAsk): Promise<DecodeResult> => {
    asked.push(ask);
    return answers[asked.length - 1] ?? heard(' too many attempts');
  };
  return { asked, decode };
}

const looping = () => heard(` he said the${' and the'.repeat(8)}`);

t.test('a good greedy decode is taken as it is', async (t) => {
  const { asked, decode } = answering(heard(' hello there'));
  t.match(await decodeFinal(decode, 0.9, tokenizer, FRESH), {
    text: 'hello there',
    noise: null,
    language: 'en',
  });
  t.same(asked, [{ temperature: 0, seed: 0, withPrevious: true }]);
});

t.test(
  'an unsure or repeating decode is tried at the next temperature, in the end without the previous text',
  async (t) => {
    const { asked, decode } = answering(heard(' ho', -2), looping(), heard(' ha', -1.5), heard(' hello', -0.3));
    t.match(await decodeFinal(decode, 0.9, tokenizer, FRESH), { text: 'hello', noise: null });
    t.same(asked, [
      { temperature: 0, seed: 0, withPrevious: true },
      { temperature: 0.2, seed: 1, withPrevious: true },
      { temperature: 0.4, seed: 2, withPrevious: true },
      { temperature: 0.6, seed: 3, withPrevious: false },
    ]);
  },
);

t.test('if nothing satisfies, the most probable that does not repeat stands, since the VAD heard speech', async (t) => {
  const { decode } = answering(
    looping(),
    heard(' b', -2),
    heard(' c', -1.2),
    heard(' d', -3),
    looping(),
    heard(' f', -1.9),
  );
  t.match(await decodeFinal(decode, 0.9, tokenizer, FRESH), { text: 'c', noise: null });
});

t.test('the budget ends the fallback', async (t) => {
  let now = 0;
  const { asked, decode } = answering(...Array.from({ length: 6 }, () => heard(' hm', -2)));
  const slow = async (ask: FinalAsk) => {
    now += 600;
    return decode(ask);
  };
  await decodeFinal(slow, 0.9, tokenizer, { fallbackBudgetMs: 1_000, now: () => now });
  t.equal(asked.length, 2);
});

t.test('noise is named and never words', async (t) => {
  const unsure = Array.from({ length: 6 }, () => heard(' hm', -2));
  const loops = Array.from({ length: 6 }, () => heard('ing'.repeat(12)));
  t.match(await decodeFinal(answering(heard('')).decode, 0.9, tokenizer, FRESH), {
    noise: 'empty',
    text: '',
    tokens: [],
  });
  t.match(await decodeFinal(answering(heard(' hm', -2, { noSpeechProbability: 0.9 })).decode, 0.9, tokenizer, FRESH), {
    noise: 'noSpeech',
    text: '',
  });
  t.match(await decodeFinal(answering(...unsure).decode, 0.1, tokenizer, FRESH), {
    noise: 'lowConfidence',
    text: '',
    tokens: [],
  });
  t.match(await decodeFinal(answering(...loops).decode, 0.9, tokenizer, FRESH), {
    noise: 'repetition',
    text: '',
    tokens: [],
  });
});

t.test('silence is not decoded again', async (t) => {
  const { asked, decode } = answering(heard(' hm', -2, { noSpeechProbability: 0.9 }));
  await decodeFinal(decode, 0.9, tokenizer, FRESH);
  t.equal(asked.length, 1);
});

t.test('words before a loop are kept, with one copy of it', async (t) => {
  const { decode } = answering(...Array.from({ length: 6 }, looping));
  t.match(await decodeFinal(decode, 0.9, tokenizer, FRESH), { text: 'he said the and', noise: null });
});
