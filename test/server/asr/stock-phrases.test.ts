// Thanks for watching, and credits of subtitlers: dropped where nobody said them, kept where somebody did.
import * as fc from 'fast-check';
import t from 'tap';
import { WHISPER_THRESHOLDS } from '../../../server/src/asr/hypothesis/hallucination-guards.js';
import { decodeFinal } from '../../../server/src/asr/hypothesis/final-decode.js';
import { withoutStockPhrase } from '../../../server/src/asr/hypothesis/stock-phrases.js';
import { holds } from '../../support/property.js';
import { scriptedTokenizer } from '../../support/scripted-engine.js';

const tokenizer = scriptedTokenizer();

/** Tokens of a text, its attention moving evenly from one frame to another. */
function tokensOf(text: string, from: number, to: number) {
  const ids = tokenizer.encode(text);
  const frameOf = (at: number): number => Math.round(from + ((to - from) * at) / Math.max(1, ids.length - 1));
  return ids.map((id, at) => ({ id, logprob: -0.1, frame: frameOf(at) }));
}

/** 6 s that sound up to a frame and are all but silent behind it. */
function audioUntil(frame: number): Float32Array {
  return Float32Array.from({ length: 96_000 }, (_, at) => Math.sin(at / 5) * (at < frame * 320 ? 0.1 : 0.0003));
}

const left = (tokens: ReturnType<typeof tokensOf>, language = 'en', audio?: Float32Array): string =>
  tokenizer.decode(withoutStockPhrase(tokens, tokenizer, language, audio).map(({ id }) => id));

const SAID = [
  ['en', ' The meeting is over.', ' Thank you for watching.'],
  ['en', ' The meeting is over.', ' Thanks for watching!'],
  ['en', ' The meeting is over.', ' Subtitles by the Amara.org community'],
  ['de', ' Das war es.', ' Untertitel im Auftrag des ZDF, 2020'],
  ['de', ' Das war es.', ' Vielen Dank fürs Zuschauen.'],
  ['fr', ' On y va.', ' Sous-titres réalisés para la communauté d’Amara.org'],
  ['es', ' Ya está.', ' ¡Gracias por ver el video!'],
  ['ru', ' Вот и всё.', ' Субтитры сделал DimaTorzok'],
  ['zh', '会议结束了。', '请不吝点赞 订阅 转发 打赏支持明镜与点点栏目'],
  ['ja', '終わりです。', 'ご視聴ありがとうございました'],
] as const;

for (const [language, before, phrase] of SAID) {
  t.test(`${phrase.trim()}: goes where attention rests, stays where it moves over sound`, async (t) => {
    const spoken = tokensOf(before, 10, 100);
    t.equal(left([...spoken, ...tokensOf(phrase, 104, 106)], language), before);
    const said = [...spoken, ...tokensOf(phrase, 110, 250)];
    t.equal(left(said, language, audioUntil(260)), before + phrase, 'it was said');
    t.equal(left(said, language, audioUntil(108)), before, 'attention alone wanders over silence');
  });
}

t.test('a phrase goes without a mark before it, two go one after the other, the middle of a text stays', async (t) => {
  t.equal(
    left([...tokensOf(' so that is it', 0, 80), ...tokensOf(' thank you for watching', 82, 84)]),
    ' so that is it',
  );
  const both = [...tokensOf(' Thanks for watching.', 82, 84), ...tokensOf(' Subtitles by me', 84, 85)];
  t.equal(left([...tokensOf(' Right.', 0, 80), ...both]), ' Right.');
  const text = ' Thank you for watching the dog.';
  t.equal(left(tokensOf(text, 5, 6)), text);
  t.equal(left(tokensOf(' Thank you for watching.', 5, 6)), '', 'the whole of a text too');
});

t.test('what is left is how the tokens begin', async (t) => {
  const phrases = SAID.map(([, , phrase]) => phrase);
  holds(
    t,
    fc.property(fc.array(fc.oneof(fc.string(), fc.constantFrom(...phrases))), fc.nat(300), (parts, end) => {
      const tokens = tokensOf(parts.join(''), 0, end);
      const kept = withoutStockPhrase(tokens, tokenizer, 'en', audioUntil(100));
      if (kept.some((token, at) => token !== tokens[at])) throw new Error('other tokens');
    }),
  );
});

t.test('a final does not end with one, and is noise where it is nothing else', async (t) => {
  const final = async (tokens: ReturnType<typeof tokensOf>) =>
    decodeFinal(
      async () => ({
        tokens,
        endLogprob: -0.1,
        language: 'en',
        languageProbability: 1,
        noSpeechProbability: 0.1,
        draftAccepted: 0,
        steps: 1,
      }),
      { audio: audioUntil(100), speechRatio: 0.1 },
      tokenizer,
      { thresholds: WHISPER_THRESHOLDS, fallbackBudgetMs: 0 },
    );
  const phrase = tokensOf(' Thank you for watching.', 104, 105);
  t.match(await final([...tokensOf(' All right.', 0, 98), ...phrase]), { text: 'All right.', noise: null });
  t.match(await final(phrase), { text: '', noise: 'empty' });
});
