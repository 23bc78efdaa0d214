// Polish by rules, and the texts around it: cleaning, cutting, joining.
import * as fc from 'fast-check';
import t from 'tap';
import { valueOf } from '../../../server/src/polish/language/chinese-numbers.js';
import { RulesPolisher, tidy } from '../../../server/src/polish/rules/rules-polisher.js';
import { inScript } from '../../../server/src/text/chinese-script.js';
import { chunksOf } from '../../../server/src/polish/text/chunks.js';
import { cleanOutput } from '../../../server/src/polish/text/clean-output.js';
import { cleanText } from '../../../server/src/polish/text/clean-text.js';
import { languageOf } from '../../../server/src/polish/text/language.js';
import { literalsOf } from '../../../server/src/polish/text/literals.js';
import { polisherContract } from '../../support/polisher-contract.js';
import { anyText, holds } from '../../support/property.js';

const letters = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9 ]/g, '');
const bare = (text: string): string => text.replaceAll(/\s/g, '');

polisherContract(t, 'rules', async () => new RulesPolisher());

const ENGLISH = [
  ['um so i i think we should uh meet on tuesday', 'So I think we should meet on Tuesday.'],
  ['what time is it', 'What time is it?'],
  ['when i came home it was dark', 'When I came home it was dark.'],
  ["i'm here. um, it's fine", "I'm here. It's fine."],
  ['wh- what do you mean', 'What do you mean?'],
  ['one of them said so', 'One of them said so.'],
  ['it cost two hundred and fifty dollars in nineteen ninety nine', 'It cost 250 dollars in 1999.'],
  ['call five five five one two three four', 'Call 5551234.'],
  ['it was three point five percent and then seven percent', 'It was 3.5% and then 7%.'],
  ['twenty-five million people', '25 million people.'],
  ['twelve thousand three hundred and four', '12,304.'],
  ['hello ,  world !', 'Hello, world!'],
  ['on the twenty first of march two thousand and six', 'On the 21st of march 2006.'],
  ['the twenty-second century began on july thirty first', 'The 22nd century began on July 31st.'],
  ['the twenty first graders took a thirty second break', 'The twenty first graders took a thirty second break.'],
  ['it was the two hundred and forty third time', 'It was the two hundred and forty third time.'],
  ['he said e.g. this', 'He said e.g. this.'],
  ['Already fine. Yes!', 'Already fine. Yes!'],
  ['uh um', 'uh um'],
] as const;
const CHINESE = [
  ['嗯 那个那个我我觉得 我们 去吧', '那个我觉得我们去吧。'],
  ['你好吗', '你好吗？'],
  ['现在几点了', '现在几点了？'],
  ['你觉得这个怎么样啊', '你觉得这个怎么样啊？'],
  ['我没什么', '我没什么。'],
  ['他唱得不怎么样', '他唱得不怎么样。'],
  ['二零二四年 花了二十五块,百分之三十五', '2024年花了25块，35%。'],
  ['千万别去,十分好看,我有一个苹果', '千万别去，十分好看，我有一个苹果。'],
  ['電話是一三八零零一三八零零零', '電話是13800138000。'],
  ['OK 我们用 Python 写 API', 'OK 我们用 Python 写 API。'],
  ['谢谢天天看看', '谢谢天天看看。'],
  ['嗯，那个，我觉得可以。', '我觉得可以。'],
  ['我们，那个，明天开会', '我们，明天开会。'],
  ['呃，這個，價格是三百五十塊', '價格是350塊。'],
  ['那个，我要了。嗯，那个，是我的', '那个，我要了。那个，是我的。'],
  ['苹果，这个，那个，我都要', '苹果，这个，那个，我都要。'],
  ['两点五公斤,零点三米,百分之零点五', '2.5公斤，0.3米，0.5%。'],
  ['我们两点五分见,第三点五元', '我们两点五分见，第三点五元。'],
] as const;

for (const [language, cases] of [
  ['en', ENGLISH],
  ['zh', CHINESE],
] as const) {
  t.test(`speech becomes text (${language})`, async (t) => {
    for (const [said, written] of cases) t.equal(tidy(said, language), written);
  });
}

/** The whole text, and what is written to the letter in it. */
const KEPT = [
  ['en', 'john.smith@example.com'],
  ['en', 'youtube.com/watch?v=abc123'],
  ['en', 'npm install --save-dev'],
  ['en', 'f(x,y)'],
  ['en', 'git commit --amend'],
  ['en', 'https://example.com/a,b;c?d=1&i=2'],
  ['en', 'std::vector'],
  ['en', 'iPhone'],
  ['en', 'v1.2.3-beta.1'],
  ['en', '192.168.0.1:8080'],
  ['en', './run.sh'],
  ['en', 'C:\\Users\\i\\notes.txt'],
  ['en', '@sotto/client'],
  ['en', 'foo_bar!=baz'],
  ['en', 'arr[0]'],
  ['en', 'rows[i].name(1,2)'],
  ['en', 'ctrl+shift+p'],
  ['zh', 'john.smith@example.com'],
  ['zh', 'f(x,y)'],
  ['fr', 'https://exemple.fr/a,b?c=d'],
  ['fr', 'Il a dit : « Ça va ? » Oui ! Non ; peut-être…'],
  ['fr', 'Vraiment\u202f? «\u00a0Oui\u00a0!\u00a0»'],
] as const;
const AROUND = [
  ['en', 'um write to jsmith@example.com , please', 'Write to jsmith@example.com, please.'],
  ['en', 'um so i i run npm install --save-dev to add it', 'So I run npm install --save-dev to add it.'],
  ['en', 'look at youtube.com/watch?v=abc123. it is good', 'Look at youtube.com/watch?v=abc123. It is good.'],
  ['en', 'open index.html , then call f(x,y)', 'Open index.html, then call f(x,y)'],
  ['en', 'version one point two point three is out', 'Version 1.2.3 is out.'],
  ['en', 'john dot smith at example dot com', 'John dot smith at example dot com.'],
  ['zh', '打开文件.txt看看', '打开文件.txt看看。'],
  [
    'zh',
    '嗯 请看https://example.com/a?b=1,然后运行 npm install --save-dev 吧',
    '请看https://example.com/a?b=1，然后运行 npm install --save-dev 吧。',
  ],
  ['zh', '版本是v1.2.3,不是1.2.4', '版本是v1.2.3，不是1.2.4'],
  ['zh', '我的邮箱是john.smith@example.com.谢谢', '我的邮箱是john.smith@example.com。谢谢。'],
  ['fr', 'ça  va ? «  oui  » !', 'ça va ? « oui » !'],
  ['de', 'Das ist gut !', 'Das ist gut!'],
] as const;

t.test('addresses, paths, versions, commands and code are kept to the letter; French keeps its spaces', async (t) => {
  for (const [language, text] of KEPT) t.equal(tidy(cleanText(text), language), text);
  for (const [language, said, written] of AROUND) t.equal(tidy(said, language), written);
  for (const unit of ['a.', '--a', '1.', 'a@', '((', '))', 'a/', 'npm ', '_', 'a=']) {
    t.type(literalsOf(unit.repeat(100_000)).length, 'number', `${unit} as often as one likes, in linear time`);
  }
});

t.test('other languages keep their words; spaces are set right', async (t) => {
  t.equal(tidy('ich  bin  hier , ja', 'de'), 'ich bin hier, ja');
});

t.test('rules keep every word that is no filler, and are done after one pass', async (t) => {
  const words = fc.array(fc.constantFrom('we', 'met', 'Anna', 'not', 'paris', 'house', '7', 'green', 'walked'), {
    minLength: 1,
    maxLength: 15,
  });
  holds(
    t,
    fc.property(words, (said) => {
      const once = tidy(said.join(' '), 'en');
      const unstuttered = said
        .filter((word, at) => word !== 'we' || said[at - 1] !== 'we')
        .join(' ')
        .toLowerCase();
      return letters(once) === unstuttered && tidy(once, 'en') === once;
    }),
  );
});

t.test('rules take any text', async (t) => {
  holds(
    t,
    fc.property(anyText({ maxLength: 200 }), fc.constantFrom('en', 'zh', 'de'), (text, language) => {
      const clean = cleanText(text);
      return clean === '' || tidy(clean, language) !== '';
    }),
  );
});

t.test('Chinese numbers', async (t) => {
  const numbers = {
    十: 10,
    二十五: 25,
    一百零三: 103,
    两千: 2_000,
    三万五千: 35_000,
    一亿: 100_000_000,
    一千零一: 1_001,
  };
  for (const [words, value] of Object.entries(numbers)) t.equal(valueOf(words), value);
  for (const words of ['千万', '一二', '百', '']) t.equal(valueOf(words), undefined);
});

t.test('control characters, halves of characters and white space go; emoji and paragraphs stay', async (t) => {
  t.equal(cleanText('a\u0000b\u200b c\ud800 \t d\r\n\r\n\r\n👩‍👩‍👧 e\u2028f  '), 'ab c\ufffd d\n\n👩‍👩‍👧 e f');
  t.equal(cleanText('\u0007 \n '), '');
  holds(
    t,
    fc.property(anyText({ maxLength: 300 }), (text) => {
      const once = cleanText(text);
      // Format characters may leave spaces side by side when they go.
      return !/[\p{Cc}\p{Cs}]/u.test(once.replaceAll('\n\n', '')) && !/\n{3}/.test(once);
    }),
  );
});

t.test('long texts are cut between sentences, and nothing is lost', async (t) => {
  const sentence = 'The quick brown fox jumps over the lazy dog. ';
  const chunks = chunksOf(sentence.repeat(100).trim(), 200);
  t.ok(chunks.every(({ text }) => text.length <= 200 && /^The .*dog\.$/.test(text)));
  t.equal(chunks.map(({ text, behind }) => text + behind).join(''), sentence.repeat(100).trim());
  t.match(chunksOf('One.\n\nTwo.', 200), [
    { text: 'One.', behind: '\n\n' },
    { text: 'Two.', behind: '' },
  ]);
  t.ok(chunksOf('字'.repeat(1_000), 200).every(({ text }) => text.length <= 200));
  const piece = fc.oneof(
    fc.constantFrom('Hello there. ', '你好。', '😀', ' ', 'x'.repeat(50), '\n\n', 'and so on '),
    fc.string({ maxLength: 5 }),
  );
  holds(
    t,
    fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 8, max: 80 }), (pieces, max) => {
      const text = cleanText(pieces.join(''));
      const cut = chunksOf(text, max);
      const joined = cut.map(({ text: part, behind }) => part + behind).join('');
      return bare(joined) === bare(text) && cut.every(({ text: part }) => part.length <= max && part.trim() !== '');
    }),
  );
});

t.test('what a model writes around its text goes', async (t) => {
  for (const [output, text] of [
    ['<think>\nHm.\n</think>\n\nHello.', 'Hello.'],
    ["Here's the polished text:\n\nHello.", 'Hello.'],
    ['"Hello."', 'Hello.'],
    ['以下是润色后的文本：\n你好。', '你好。'],
    ['<speech>Hello.</speech>', 'Hello.'],
    ['Polished: Hello.', 'Hello.'],
    ['Here is my bag: it is red.', 'Here is my bag: it is red.'],
  ] as const) {
    t.equal(cleanOutput(output, 'hello'), text);
  }
});

t.test('the language is that of the characters, where they tell', async (t) => {
  t.equal(languageOf('我们用 Python 写 API', 'auto'), 'zh');
  t.equal(languageOf('hello there', 'auto'), 'en');
  t.equal(languageOf('我們', 'yue'), 'yue');
  t.equal(languageOf('okay thanks', 'zh'), 'en');
  t.equal(languageOf('guten Tag', 'de'), 'de');
  t.equal(languageOf('今日は良い天気ですね', 'ja'), 'ja');
  t.equal(languageOf('😀', 'auto'), 'en');
});

t.test('Chinese comes in the script that is asked for', async (t) => {
  t.equal(await inScript('头发后面，皇后的面条', 'traditional'), '頭髮後面，皇后的麵條');
  t.equal(await inScript('頭髮後面', 'simplified'), '头发后面');
  t.equal(await inScript('头发', undefined), '头发');
  t.equal(await inScript('hello', 'traditional'), 'hello');
});
