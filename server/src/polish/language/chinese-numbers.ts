// Spoken Chinese numbers as digits, before a unit or read digit by digit: 二十五块 is 25块, 十分好 and 千万别去 stay.

const DIGITS = new Map([...'零一二三四五六七八九'].map((digit, value) => [digit, value] as const));
for (const [digit, value] of [
  ['〇', 0],
  ['两', 2],
  ['兩', 2],
] as const)
  DIGITS.set(digit, value);
const SMALL = new Map([
  ['十', 10],
  ['百', 100],
  ['千', 1_000],
]);
const LARGE = new Map([
  ['万', 10_000],
  ['萬', 10_000],
  ['亿', 100_000_000],
  ['億', 100_000_000],
]);
const NUMBER = '零〇一二两兩三四五六七八九十百千万萬亿億';
const UNITS =
  '年|月|日|号|號|点|點|分钟|分鐘|秒|元|块|塊|美元|欧元|歐元|公里|千米|米|公斤|千克|岁|歲|个|個|人|次|天|小时|小時|周|週|倍|度|页|頁|章|楼|樓|位|张|張|本|家|名|%';
const PERCENT = new RegExp(`百分之([${NUMBER}]+)(?:[点點]([零〇一二三四五六七八九]+))?`, 'gu');
/** Before what is never counted in hours: 两点五公斤, but 两点五分 is a time. */
const DECIMAL = new RegExp(
  `(?<![${NUMBER}第几幾])([${NUMBER}]+)[点點]([零〇一二三四五六七八九]+)(?=公里|千米|米|公斤|千克|斤|吨|噸|升|度|倍|元|美元|欧元|歐元|万|萬|亿|億)`,
  'gu',
);
const QUANTITY = new RegExp(`(?<![${NUMBER}第几幾])([${NUMBER}]+)(?=${UNITS})`, 'gu');
/** A telephone number, a year, a code: digits one by one. */
const SPELLED = /(?<![十百千万萬亿億几幾])[零〇一二三四五六七八九]{4,}|[零〇一二三四五六七八九]{4}(?=年)/gu;

/** The text with its numbers as digits. */
export function chineseDigitsOf(text: string): string {
  return text
    .replaceAll(PERCENT, (all, whole: string, fraction?: string) => {
      const value = decimalOf(whole, fraction);
      return value === undefined ? all : `${value}%`;
    })
    .replaceAll(DECIMAL, (all, whole: string, fraction: string) => decimalOf(whole, fraction) ?? all)
    .replaceAll(SPELLED, spelled)
    .replaceAll(QUANTITY, (words: string) => {
      // 一个, 两次: one writes the word.
      const value = words.length < 2 ? undefined : valueOf(words);
      return value === undefined || value < 10 ? words : (roundOf(words) ?? String(value));
    });
}

/** 一百四十四亿 is 144亿, and 十四亿五千万 is 14亿5000万; undefined for what does not end in such a power. */
function roundOf(words: string): string | undefined {
  const parts = words.split(/(?<=[万萬亿億])/u).map((part) => {
    const value = LARGE.has(part.slice(-1)) ? valueOf(part.slice(0, -1)) : undefined;
    return value === undefined ? undefined : `${value}${part.slice(-1)}`;
  });
  return parts.includes(undefined) ? undefined : parts.join('');
}

function decimalOf(whole: string, fraction: string | undefined): string | undefined {
  const value = /^[零〇]$/u.test(whole) ? 0 : valueOf(whole);
  if (value === undefined) return undefined;
  return fraction === undefined ? String(value) : `${value}.${spelled(fraction)}`;
}

function spelled(words: string): string {
  return Array.from(words, (word) => DIGITS.get(word) ?? word).join('');
}

/**
 * The value of a number as Chinese forms them; undefined for digits in a row without their powers, and for what is no
 * number.
 */
export function valueOf(words: string): number | undefined {
  let total = 0;
  let section = 0;
  let digit: number | undefined;
  let power = 10_000;
  for (const word of words) {
    const small = SMALL.get(word);
    const large = LARGE.get(word);
    const value = DIGITS.get(word);
    if (value !== undefined) {
      // 零 stands between; any other digit behind a digit is another number.
      if (digit !== undefined && digit !== 0) return undefined;
      digit = value;
    } else if (small !== undefined) {
      if (small >= power || digit === 0) return undefined;
      section += (digit ?? (small === 10 ? 1 : Number.NaN)) * small;
      [digit, power] = [undefined, small];
    } else if (large !== undefined) {
      total = (total + section + (digit ?? 0)) * large;
      if (total === 0) return undefined;
      [section, digit, power] = [0, undefined, 10_000];
    }
  }
  const value = total + section + (digit ?? 0);
  return Number.isNaN(value) || value === 0 ? undefined : value;
}
