// Spoken English numbers as digits, where one would write digits: "twenty five" is 25, "one of them" stays.

export const ONES: ReadonlyMap<string, number> = new Map(
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'
    .split(' ')
    .map((word, value) => [word, value] as const),
);
export const TENS: ReadonlyMap<string, number> = new Map(
  'twenty thirty forty fifty sixty seventy eighty ninety'
    .split(' ')
    .map((word, index) => [word, 10 * (index + 2)] as const),
);
/** "first" to "twentieth": what "1st" to "20th" stand for. */
export const ORDINALS: ReadonlyMap<string, number> = new Map(
  (
    'first second third fourth fifth sixth seventh eighth ninth tenth ' +
    'eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth'
  )
    .split(' ')
    .map((word, index) => [word, index + 1] as const),
);
const SCALES = new Map([
  ['thousand', 1_000],
  ['million', 1_000_000],
  ['billion', 1_000_000_000],
]);
/** Behind a number of one word these make it a quantity. */
const UNITS =
  /^(?:percent|dollars?|euros?|pounds?|cents?|degrees?|kilomet(?:er|re)s?|met(?:er|re)s?|miles?|kilos?|kilograms?|grams?|hours?|minutes?|seconds?|o'clock|a\.?m|p\.?m)\b/i;
const TENS_ORDINAL = new RegExp(`\\b(${[...TENS.keys()].join('|')})([ -])(${[...ORDINALS.keys()].join('|')})\\b`, 'gi');
const MONTHS = 'january|february|march|april|may|june|july|august|september|october|november|december';
const BEFORE_DAY = new RegExp(`\\b(?:${MONTHS}) $`, 'i');
const BEHIND_DAY = new RegExp(`^ (?:of|century|birthday|anniversary|floor|street|${MONTHS})\\b`, 'i');
const HIGHER = /\b(?:hundred|thousand)(?: and)? $/i;
/** Numbers of one word from this on are written as digits. */
const DIGITS_FROM = 11;

interface Word {
  /** As it stands in the text. */
  readonly text: string;
  /** Lower case, without marks at its end. */
  readonly word: string;
  /** Whether a number may go on behind it. */
  readonly isOpen: boolean;
}

/** The text with its numbers as digits; what stands between them is as before. */
export function digitsOf(text: string): string {
  const words = Array.from(splitHyphens(withOrdinals(text)).matchAll(/\S+/g), ([whole]): Word => {
    const word = whole.toLowerCase().replace(/[^a-z']+$/, '');
    return { text: whole, word, isOpen: word.length === whole.length };
  });
  const out: string[] = [];
  for (let at = 0; at < words.length;) {
    const run = numberRun(words, at);
    const isDecimal = run > 0 && fractionRun(words, at + run).length > 0;
    const value = isDecimal ? valueOf(words.slice(at, at + run).map(({ word }) => word)) : undefined;
    const digits =
      run === 0 || endsInOrdinal(words, at + run)
        ? undefined
        : (value?.toString() ?? written(words.slice(at, at + run), words[at + run]?.word ?? ''));
    if (digits === undefined) {
      const next = Math.max(1, run);
      out.push(...words.slice(at, at + next).map((word) => word.text));
      at += next;
    } else {
      const fraction = fractionRun(words, at + run);
      const last = words[at + run + fraction.length - 1];
      out.push(digits + fraction.digits + (last === undefined ? '' : last.text.slice(last.word.length)));
      at += run + fraction.length;
    }
  }
  return out.join(' ').replaceAll(/(\d) percent\b/gi, '$1%');
}

/** "twenty-first", and "twenty first" where it is a day or the like: there might be twenty who are first. */
function withOrdinals(text: string): string {
  return text.replaceAll(TENS_ORDINAL, (all: string, tens: string, joint: string, ordinal: string, at: number) => {
    const one = ORDINALS.get(ordinal.toLowerCase()) ?? 10;
    const before = text.slice(0, at);
    const isDay = joint === '-' || BEFORE_DAY.test(before) || BEHIND_DAY.test(text.slice(at + all.length));
    if (one > 9 || !isDay || HIGHER.test(before)) return all;
    return `${(TENS.get(tens.toLowerCase()) ?? 0) + one}${['st', 'nd', 'rd'][one - 1] ?? 'th'}`;
  });
}

/** "the twenty first ones", "two hundred and thirty first": such a number stays in words. */
function endsInOrdinal(words: readonly Word[], past: number): boolean {
  const last = words[past - 1];
  const ordinal = ORDINALS.get(words[past]?.word ?? '');
  if (ordinal === undefined || last?.isOpen !== true) return false;
  return TENS.has(last.word) ? ordinal < 10 : isScale(last.word);
}

/** "twenty-five" in two words. */
function splitHyphens(text: string): string {
  return text.replaceAll(
    /\b(twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)-(?=(?:one|two|three|four|five|six|seven|eight|nine)\b)/gi,
    '$1 ',
  );
}

/** How many words from `at` on are of one number. */
function numberRun(words: readonly Word[], at: number): number {
  let length = 0;
  for (let index = at; index < words.length; index++) {
    const { word, isOpen } = words[index] ?? { word: '', isOpen: false };
    const joins =
      word === 'and' &&
      /^(?:hundred|thousand)$/.test(words[index - 1]?.word ?? '') &&
      isValue(words[index + 1]?.word ?? '');
    if (!(isValue(word) || (index > at && (isScale(word) || joins)))) break;
    length = index - at + 1;
    if (!isOpen) break;
  }
  return length;
}

/**
 * "point five two" behind a number: its digits, and how many words they are. One point follows another in a version:
 * "point two point three".
 */
function fractionRun(words: readonly Word[], at: number): { digits: string; length: number } {
  const first = pointRun(words, at);
  if (first.length === 0) return first;
  const rest = fractionRun(words, at + first.length);
  return { digits: first.digits + rest.digits, length: first.length + rest.length };
}

function pointRun(words: readonly Word[], at: number): { digits: string; length: number } {
  if (words[at]?.word !== 'point' || words[at - 1]?.isOpen === false) return { digits: '', length: 0 };
  let digits = '';
  for (let index = at + 1; index < words.length; index++) {
    const digit = ONES.get(words[index]?.word ?? '') ?? 10;
    if (digit > 9) break;
    digits += String(digit);
    if (words[index]?.isOpen === false) break;
  }
  return digits === '' ? { digits, length: 0 } : { digits: `.${digits}`, length: digits.length + 1 };
}

const isValue = (word: string): boolean => ONES.has(word) || TENS.has(word);
const isScale = (word: string): boolean => word === 'hundred' || SCALES.has(word);

/**
 * The digits, or undefined where the words are better left, or are no number ("one two or three" in a list of two is
 * none).
 */
function written(words: readonly Word[], behind: string): string | undefined {
  const names = words.map(({ word }) => word);
  const single = names.length === 1 ? (ONES.get(names[0] ?? '') ?? TENS.get(names[0] ?? '')) : undefined;
  if (single !== undefined) return single >= DIGITS_FROM || UNITS.test(behind) ? String(single) : undefined;
  if (names.length >= 3 && names.every((name) => (ONES.get(name) ?? 10) < 10))
    return names.map((name) => ONES.get(name)).join('');
  const year = yearOf(names);
  if (year !== undefined) return year;
  const value = valueOf(names);
  if (value === undefined) return undefined;
  const scale = names.at(-1) ?? '';
  // "25 million", as one writes it.
  const size = SCALES.get(scale) ?? 0;
  return size >= 1_000_000 && value % size === 0 ? `${value / size} ${scale}` : grouped(value);
}

/** "nineteen ninety nine", "twenty twenty four", "nineteen oh five" is left. */
function yearOf(names: readonly string[]): string | undefined {
  const [century = '', ...rest] = names;
  const first = ONES.get(century) ?? TENS.get(century);
  if (first === undefined || first < 17 || first > 20 || rest.some(isScale) || rest.length === 0) return undefined;
  const second = valueOf(rest);
  if (second === undefined || second < 10 || second > 99) return undefined;
  return `${first}${second}`;
}

/** The value of a well-formed number, as English forms them; undefined for words that are several numbers. */
function valueOf(names: readonly string[]): number | undefined {
  let total = 0;
  let group = 0;
  let scaleBefore = Infinity;
  let last: 'none' | 'one' | 'ten' | 'hundred' | 'scale' = 'none';
  for (const name of names) {
    const one = ONES.get(name);
    const ten = TENS.get(name);
    const scale = SCALES.get(name);
    if (name === 'and') continue;
    if (one !== undefined) {
      const follows =
        last === 'none' || last === 'hundred' || last === 'scale' || (last === 'ten' && one > 0 && one < 10);
      if (!follows) return undefined;
      group += one;
      last = 'one';
    } else if (ten !== undefined) {
      if (last === 'one' || last === 'ten') return undefined;
      group += ten;
      last = 'ten';
    } else if (name === 'hundred') {
      if (last !== 'one' || group === 0 || group > 99) return undefined;
      group *= 100;
      last = 'hundred';
    } else if (scale !== undefined) {
      if (group === 0 || scale >= scaleBefore) return undefined;
      total += group * scale;
      [group, scaleBefore, last] = [0, scale, 'scale'];
    }
  }
  return total + group;
}

function grouped(value: number): string {
  return value >= 10_000 ? value.toLocaleString('en') : String(value);
}
