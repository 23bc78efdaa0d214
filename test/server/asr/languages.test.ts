// Languages as people write them, and which one a session is in.
import * as fc from 'fast-check';
import t from 'tap';
import { SegmentScript } from '../../../server/src/asr/hypothesis/segment-script.js';
import { inOneLanguage, LanguageEvidence } from '../../../server/src/asr/language-evidence.js';
import { findLanguage, languageCodes, refuseLanguage } from '../../../server/src/asr/model-languages.js';
import { holds } from '../../support/property.js';

const KNOWN = ['en', 'zh', 'de', 'he', 'id', 'jw', 'no', 'nn', 'tl', 'yue', 'pt', 'ro'];

t.test('tags are understood as people write them', async (t) => {
  for (const [tag, code, script] of [
    ['en', 'en'],
    ['en-US', 'en'],
    ['EN_gb', 'en'],
    ['English', 'en'],
    ['mandarin', 'zh'],
    ['Chinese', 'zh'],
    ['nb', 'no'],
    ['nb-NO', 'no'],
    ['nn', 'nn'],
    ['iw', 'he'],
    ['fil', 'tl'],
    ['jv', 'jw'],
    ['Javanese', 'jw'],
    ['pt-BR', 'pt'],
    ['deu', 'de'],
    ['cmn-Hans-CN', 'zh', 'simplified'],
    ['zh-CN', 'zh', 'simplified'],
    ['zh-Hans', 'zh', 'simplified'],
    ['zh-TW', 'zh', 'traditional'],
    ['zh-Hant-HK', 'zh', 'traditional'],
    ['zh-Hans-TW', 'zh', 'simplified'],
    ['yue-HK', 'yue', 'traditional'],
    ['zh', 'zh'],
    ['auto', 'auto'],
  ] as const) {
    t.same(findLanguage(tag, KNOWN), { code, script }, tag);
  }
});

t.test('what the model does not know is refused with what it knows', async (t) => {
  for (const tag of ['xx', 'fr-FR', 'French', '', '-', 'e']) t.equal(findLanguage(tag, ['en', 'de']), undefined, tag);
  t.same(refuseLanguage('fr', { name: 'base', languages: ['en', 'de'] }), {
    code: 'unsupported_language',
    message: 'base does not know "fr"; it knows en, de.',
  });
  t.equal(refuseLanguage('auto', { name: 'base', languages: ['en'] }), undefined);
});

t.test('no tag makes it stumble, and what it finds the model knows', async (t) => {
  holds(
    t,
    fc.property(fc.string({ maxLength: 40 }), (tag) => {
      const found = findLanguage(tag, KNOWN);
      if (found !== undefined && found.code !== 'auto' && !KNOWN.includes(found.code)) throw new Error(found.code);
    }),
  );
});

t.test('a short utterance does not change the language of a session, a long clear one does', async (t) => {
  const evidence = new LanguageEvidence();
  t.equal(evidence.leader, null);
  t.equal(evidence.take({ de: 0.9, en: 0.1 }, 1_000), 'de', 'the first is believed');
  for (let i = 0; i < 6; i += 1) evidence.take({ en: 0.95, de: 0.02 }, 3_000);
  t.equal(evidence.leader, 'en');
  t.equal(evidence.take({ cy: 0.5, en: 0.3 }, 800), 'en', 'a word that sounds like another language');
  t.equal(evidence.take({ zh: 0.99, en: 0.001 }, 5_000), 'zh', 'somebody answers in Chinese');
  t.equal(evidence.take({ en: 0.97, zh: 0.002 }, 5_000), 'en');
  for (let i = 0; i < 8; i += 1) evidence.take({ zh: 0.99 }, 4_000);
  t.equal(evidence.leader, 'zh');
});

t.test('attempts are in one language; the first is done again where it was in another', async (t) => {
  const asked: (string | null)[] = [];
  const decode = async (_: null, language: string | null) => {
    asked.push(language);
    return { language: language ?? 'cy' };
  };
  const auto = inOneLanguage(decode, null, () => 'en');
  t.same([await auto(null), await auto(null)], [{ language: 'en' }, { language: 'en' }]);
  t.same(asked.splice(0), [null, 'en', 'en']);
  await inOneLanguage(decode, 'de', () => 'xx')(null);
  t.same(asked, ['de']);
});

t.test('Chinese is written in the script that was asked for, partials included', async (t) => {
  const words = [{ text: '开放', startMs: 0, endMs: 500, confidence: 1 }];
  const traditional = new SegmentScript('traditional');
  t.same(await traditional.of({ text: '开放', words }, 'zh'), { text: '開放', words: [{ ...words[0], text: '開放' }] });
  t.same(await new SegmentScript(undefined).of({ text: '開放。', words: [] }, 'zh'), { text: '开放。', words: [] });
  t.equal((await new SegmentScript(undefined, 'mixed').of({ text: '開放', words: [] }, 'zh')).text, '開放');
  t.equal((await new SegmentScript(undefined).of({ text: '開放', words: [] }, 'ja')).text, '開放', 'Japanese stays');
  const partials = new SegmentScript('simplified');
  t.same(await partials.ofPartial({ stable: '開', tentative: '放' }, 'zh'), { stable: '开', tentative: '放' });
  t.same(await partials.ofPartial({ stable: '開放', tentative: '時間' }, 'zh'), { stable: '开放', tentative: '时间' });
});

t.test('traditional Chinese has the forms that are written today', async (t) => {
  const { text } = await new SegmentScript('traditional').of({ text: '为什么这里的面条', words: [] }, 'zh');
  t.equal(text, '為什麼這裡的麵條');
});

t.test('marks behind Chinese characters are as wide as they', async (t) => {
  const words = ['方式', '上,', '还有'].map((text) => ({ text, startMs: 0, endMs: 500, confidence: 1 }));
  const script = new SegmentScript(undefined);
  const final = await script.of({ text: '方式上,还有。Python 3, 好吗?', words }, 'zh');
  t.equal(final.text, '方式上，还有。Python 3, 好吗？');
  t.strictSame(
    final.words.map(({ text }) => text),
    ['方式', '上，', '还有'],
  );
  t.same(await script.ofPartial({ stable: '方式上', tentative: ',还' }, 'zh'), { stable: '方式上', tentative: '，还' });
  t.same(await script.ofPartial({ stable: '方式上,', tentative: '还有' }, 'zh'), {
    stable: '方式上，',
    tentative: '还有',
  });
  t.equal((await new SegmentScript(undefined, 'mixed').of({ text: '上,还', words: [] }, 'zh')).text, '上,还');
});

t.test('marks behind other letters are narrow', async (t) => {
  const script = new SegmentScript(undefined);
  const word = { text: 'morning。', startMs: 0, endMs: 500, confidence: 1 };
  const final = await script.of({ text: 'Good morning。How are 2，or 谢谢。', words: [word] }, 'en');
  t.equal(final.text, 'Good morning. How are 2, or 谢谢。');
  t.equal(final.words[0]?.text, 'morning.');
  t.same(await script.ofPartial({ stable: 'Good morning', tentative: '。How' }, 'de'), {
    stable: 'Good morning',
    tentative: '. How',
  });
  t.equal((await script.of({ text: 'Python。', words: [] }, 'ja')).text, 'Python。');
});

t.test('at the beginning a language that the model hardly knows must be heard clearly', async (t) => {
  const evidence = new LanguageEvidence();
  t.equal(evidence.guess({ cy: 0.35, en: 0.3, de: 0.1 }, 800)?.language, 'en');
  t.equal(evidence.guess({ nl: 0.6, en: 0.25 }, 800)?.language, 'nl', 'Dutch is no English');
  t.equal(evidence.guess({ cy: 0.9, en: 0.05 }, 800)?.language, 'cy');
  t.equal(evidence.leader, null, 'a guess is not remembered');
  t.equal(evidence.guess({}, 800), undefined);
});

t.test('languages that may be spoken are the only ones that are chosen', async (t) => {
  const evidence = new LanguageEvidence();
  t.equal(evidence.take({ ko: 0.9, zh: 0.06, en: 0.01 }, 2_000, ['en', 'zh']), 'zh');
  t.equal(evidence.leader, 'zh', 'others are not evidence either');
  t.equal(evidence.take({ ko: 0.9 }, 20_000, ['en', 'zh']), 'en', 'the first where none of them is heard at all');
  t.same(languageCodes(['en-US', 'Chinese', 'zh-TW', 'xx'], KNOWN), ['en', 'zh']);
  t.same(languageCodes(['en', 'auto'], KNOWN), [], 'auto leaves it open');
});
