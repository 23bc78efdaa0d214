// Digits in a row, typed or spoken one by one, in groups: "4111 1111", "four one, one one", "double five", "一三八".

export interface DigitGroup {
  readonly digits: string;
  readonly from: number;
  readonly to: number;
}

export interface DigitRun {
  /** Never empty. */
  readonly groups: readonly DigitGroup[];
  /** Whether it reaches the end of the text, or what stands there may become its next digit. */
  readonly isOpen: boolean;
}

/** Digits that are looked at together; of more, those behind are a run of their own. */
const RUN_DIGITS_MAX = 64;
const TYPED = /[0-9０-９٠-٩۰-۹०-९]+/uy;
/** Between two groups: spaces, and up to one mark. */
const BETWEEN = /\s{0,3}[-‐‑‒–.,/·_()，、]?\s{0,3}[(]?/uy;
const WORD_CHARS_MAX = 6;
const ENGLISH: Readonly<Record<string, string>> = {
  zero: '0',
  oh: '0',
  o: '0',
  one: '1',
  two: '2',
  three: '3',
  four: '4',
  five: '5',
  six: '6',
  seven: '7',
  eight: '8',
  nine: '9',
};
const TIMES: Readonly<Record<string, number>> = { double: 2, triple: 3 };
const CHINESE: Readonly<Record<string, string>> = {
  零: '0',
  〇: '0',
  一: '1',
  幺: '1',
  二: '2',
  两: '2',
  三: '3',
  四: '4',
  五: '5',
  六: '6',
  七: '7',
  八: '8',
  九: '9',
};

/** The run of digits that begins at a place; `open` where none does so far, and more text could make it one. */
export function digitRun(text: string, at: number): DigitRun | 'open' | undefined {
  if (isInWord(text, at)) return undefined;
  const groups: DigitGroup[] = [];
  let count = 0;
  let place = at;
  for (;;) {
    const group = digitGroup(text, place);
    if (group === 'open') return groups.length === 0 ? 'open' : { groups, isOpen: true };
    if (group === undefined) return groups.length === 0 ? undefined : { groups, isOpen: false };
    groups.push(group);
    count += group.digits.length;
    if (group.to === text.length) return { groups, isOpen: true };
    if (count >= RUN_DIGITS_MAX) return { groups, isOpen: false };
    BETWEEN.lastIndex = group.to;
    place = group.to + (BETWEEN.exec(text)?.[0].length ?? 0);
    if (place === text.length) return { groups, isOpen: true };
  }
}

function digitGroup(text: string, at: number): DigitGroup | 'open' | undefined {
  TYPED.lastIndex = at;
  const typed = TYPED.exec(text)?.[0];
  if (typed !== undefined) return { digits: ascii(typed), from: at, to: at + typed.length };
  const chinese = CHINESE[text.charAt(at)];
  if (chinese !== undefined) return { digits: chinese, from: at, to: at + 1 };
  return spokenGroup(text, at);
}

function spokenGroup(text: string, at: number): DigitGroup | 'open' | undefined {
  const word = wordAt(text, at);
  if (word === undefined) return undefined;
  const to = at + word.length;
  const isLast = to === text.length;
  if (isLast && Object.keys(TIMES).some((spoken) => spoken.startsWith(word))) return 'open';
  const times = TIMES[word];
  if (times === undefined) return spokenDigit(word, at, isLast);
  const next = to + (/^\s{0,3}/.exec(text.slice(to, to + 3))?.[0].length ?? 0);
  if (next === text.length) return 'open';
  const doubled = wordAt(text, next);
  if (doubled === undefined) return undefined;
  const group = spokenDigit(doubled, next, next + doubled.length === text.length);
  return typeof group === 'object' ? { ...group, digits: group.digits.repeat(times), from: at } : group;
}

/** @param isLast whether the text ends behind the word, which may still grow */
function spokenDigit(word: string, from: number, isLast: boolean): DigitGroup | 'open' | undefined {
  const digits = ENGLISH[word];
  if (digits !== undefined) return { digits, from, to: from + word.length };
  return isLast && Object.keys(ENGLISH).some((spoken) => spoken.startsWith(word)) ? 'open' : undefined;
}

/** The word of English letters at a place, in lower case; none is longer than the digits are. */
function wordAt(text: string, at: number): string | undefined {
  const word = /^[a-z]{1,6}(?![\p{L}\p{N}])/iu.exec(text.slice(at, at + WORD_CHARS_MAX + 2))?.[0];
  return word?.toLowerCase();
}

/** Whether the place is in the middle of a number, or of a word of Latin letters. */
function isInWord(text: string, at: number): boolean {
  if (at === 0) return false;
  const [before, here] = [text.charAt(at - 1), text.charAt(at)];
  return (isDigit(before) && isDigit(here)) || (/[a-z]/i.test(here) && /[\p{sc=Latn}\d]/u.test(before));
}

function isDigit(unit: string): boolean {
  return /[0-9０-９٠-٩۰-۹०-९]/.test(unit);
}

function ascii(digits: string): string {
  return Array.from(digits, (digit) => {
    const code = digit.charCodeAt(0);
    const zero = [0x30, 0xff10, 0x660, 0x6f0, 0x966].find((first) => code >= first && code < first + 10) ?? code;
    return String(code - zero);
  }).join('');
}
