// Whether a sentence asks something, by the words that it begins or ends with.

/** Where a sentence begins, with the small words that may come before the one that counts. */
const BEGINNING = String.raw`(?:^|[.!?…]\s+)(?:(?:and|so|but|well|okay|ok),?\s+)?`;

const ASKING = [
  String.raw`(?:what|where|when|why|who|whose|which)(?:'s|’s)?`,
  'how',
  'do you',
  'does',
  'did you',
  'is (?:it|there|this|that|he|she)',
  'are (?:you|we|they|there)',
  'can (?:you|i|we)',
  'could (?:you|i|we)',
  'would you',
  'will you',
  'have you',
  'may i',
  'shall we',
];
const ENGLISH = new RegExp(String.raw`${BEGINNING}(?:${ASKING.join('|')})\b[^.!?…]*$`, 'iu');

/** What begins like a question and is none: "what a day", "when I came …", "which is why". */
const TELLING = [
  'what an? ',
  '(?:when|where|which|who|what|how|why) (?:i|you|we|they|he|she|it|the|my|our|their|is why|means|was|were)' +
    String.raw`\b`,
  String.raw`when(?:'s|ever)?\s`,
  'how(?:ever| nice| lovely)',
];
const NO_ENGLISH = new RegExp(String.raw`${BEGINNING}(?:${TELLING.join('|')})`, 'iu');

const CHINESE_ENDS = '吗 嗎 呢 么 麼 什么 什麼 哪里 哪裡 哪儿 几点 幾點 多少 谁 誰 怎么样 怎麼樣'.replaceAll(' ', '|');
/** What may follow the word that asks: "几点了", "怎么样啊". */
const CHINESE_PARTICLE = '[了啊呀啦]';
const CHINESE = new RegExp(`(?:${CHINESE_ENDS})${CHINESE_PARTICLE}?$`, 'u');
/** "那么", "没什么", "不怎么样". */
const NO_CHINESE = new RegExp(
  `(?:[这那這]么|[這那]麼|着呢|[没沒不](?:有)?(?:什么|什麼|多少|谁|誰|怎么样|怎麼樣))${CHINESE_PARTICLE}?$`,
  'u',
);

/** Whether the last sentence of an English text asks something. */
export function asksEnglish(text: string): boolean {
  return ENGLISH.test(text) && !NO_ENGLISH.test(text);
}

/** The same of a Chinese one, without its last mark. */
export function asksChinese(text: string): boolean {
  return CHINESE.test(text) && !NO_CHINESE.test(text);
}
