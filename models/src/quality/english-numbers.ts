// Numbers as Whisper's English normaliser writes them: spelled-out ones become digits, so that "twenty one" and "21"
// are the same words.

/**
 * A number while it is read: exact while whole, text once it has a fraction, leading zeros or digits strung together.
 */
type Value = bigint | string;
type Suffix = readonly [value: bigint, suffix: string];

const ZEROS = new Set(['o', 'oh', 'zero']);
const ONES = new Map<string, bigint>(
  (
    'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen ' +
    'eighteen nineteen'
  )
    .split(' ')
    .map((name, i) => [name, BigInt(i + 1)] as const),
);
const ONES_SUFFIXED = new Map<string, Suffix>([
  ...[...ONES].map(([name, value]) => [name === 'six' ? 'sixes' : `${name}s`, [value, 's']] as const),
  ['zeroth', [0n, 'th']],
  ['first', [1n, 'st']],
  ['second', [2n, 'nd']],
  ['third', [3n, 'rd']],
  ['fifth', [5n, 'th']],
  ['twelfth', [12n, 'th']],
  ...[...ONES]
    .filter(([, value]) => value > 3n && value !== 5n && value !== 12n)
    .map(([name, value]) => [`${name}${name.endsWith('t') ? 'h' : 'th'}`, [value, 'th']] as const),
]);
const TENS = new Map<string, bigint>(
  'twenty thirty forty fifty sixty seventy eighty ninety'
    .split(' ')
    .map((name, i) => [name, BigInt(10 * (i + 2))] as const),
);
const TENS_SUFFIXED = new Map<string, Suffix>(
  [...TENS].flatMap(([name, value]) => [
    [name.replace('y', 'ies'), [value, 's']] as const,
    [name.replace('y', 'ieth'), [value, 'th']] as const,
  ]),
);
const MULTIPLIERS = new Map<string, bigint>([
  ['hundred', 100n] as const,
  ...'thousand million billion trillion quadrillion quintillion sextillion septillion octillion nonillion decillion'
    .split(' ')
    .map((name, i) => [name, 1000n ** BigInt(i + 1)] as const),
]);
const MULTIPLIERS_SUFFIXED = new Map<string, Suffix>(
  [...MULTIPLIERS].flatMap(([name, value]) => [
    [`${name}s`, [value, 's']] as const,
    [`${name}th`, [value, 'th']] as const,
  ]),
);
/** Signs that stand before a number. */
const SIGNS = new Map([
  ['minus', '-'],
  ['negative', '-'],
  ['plus', '+'],
  ['positive', '+'],
]);
/** Currencies that are spoken behind a number and written before it. */
const CURRENCIES = new Map([
  ['pound', '£'],
  ['pounds', '£'],
  ['euro', '€'],
  ['euros', '€'],
  ['dollar', '$'],
  ['dollars', '$'],
  ['cent', '¢'],
  ['cents', '¢'],
]);
const SPECIALS = new Set(['and', 'double', 'triple', 'point']);
const isPrefix = (character: string | undefined): boolean =>
  character !== undefined && [...SIGNS.values(), ...CURRENCIES.values()].includes(character);
const isDecimal = (word: string): boolean => ONES.has(word) || TENS.has(word) || ZEROS.has(word);
const isNumberWord = (word: string): boolean =>
  isDecimal(word) ||
  [ONES_SUFFIXED, TENS_SUFFIXED, MULTIPLIERS, MULTIPLIERS_SUFFIXED, SIGNS, CURRENCIES].some((map) => map.has(word)) ||
  word === 'per' ||
  word === 'percent' ||
  SPECIALS.has(word);
const isDigits = (word: string | undefined): boolean => word !== undefined && /^\d+(\.\d+)?$/.test(word);

/**
 * Rewrites the numbers of lower-case English text (openai/whisper `normalizers/english.py`, EnglishNumberNormalizer).
 */
export function standardizeNumbers(text: string): string {
  const words = separateNumbers(text)
    .split(/\s+/)
    .filter((word) => word !== '');
  return joinCurrencies(new NumberReader(words).read().join(' '));
}

/** Reads words from left to right; a number grows until a word does not continue it. */
class NumberReader {
  #prefix = '';
  #value: Value | undefined;
  #skip = false;
  readonly #output: string[] = [];
  readonly #words: readonly string[];

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  read(): string[] {
    for (const [i, word] of this.#words.entries()) {
      if (this.#skip) this.#skip = false;
      else this.#take(word, this.#words[i - 1] ?? '', this.#words[i + 1]);
    }
    this.#emitValue();
    return this.#output;
  }

  #take(word: string, previous: string, next: string | undefined): void {
    const bare = isPrefix(word[0]) ? word.slice(1) : word;
    const [one, ten, multiplier] = [ONES.get(word), TENS.get(word), MULTIPLIERS.get(word)];
    const suffixedOne = ONES_SUFFIXED.get(word);
    const suffixedTen = TENS_SUFFIXED.get(word);
    const suffixedMultiplier = MULTIPLIERS_SUFFIXED.get(word);
    if (isDigits(bare)) this.#takeDigits(word, bare);
    else if (!isNumberWord(word)) this.#emitWord(word);
    else if (ZEROS.has(word)) this.#value = `${this.#value || ''}0`;
    else if (one !== undefined) this.#value = this.#withOne(one, previous);
    else if (suffixedOne) this.#emitSuffixed(this.#withOne(suffixedOne[0], previous), suffixedOne[1]);
    else if (ten !== undefined) this.#value = this.#withTen(ten);
    else if (suffixedTen) this.#emitSuffixed(this.#withTen(suffixedTen[0]), suffixedTen[1]);
    else if (multiplier !== undefined) this.#value = this.#multiplied(multiplier);
    else if (suffixedMultiplier)
      this.#emitSuffixed(this.#multiplied(suffixedMultiplier[0], true), suffixedMultiplier[1]);
    else this.#takeMark(word, previous, next);
  }

  #takeDigits(word: string, bare: string): void {
    if (typeof this.#value === 'string' && this.#value.endsWith('.')) {
      // Parts of a decimal or of an address: "three point 5".
      this.#value += word;
      return;
    }
    this.#emitValue();
    if (bare !== word) this.#prefix = word[0] ?? '';
    const whole = wholeOf(bare, 1n);
    this.#value = whole ?? bare;
  }

  /** The value with a number below twenty behind it. */
  #withOne(one: bigint, previous: string): Value {
    const value = this.#value;
    if (value === undefined) return one;
    if (typeof value === 'string' || ONES.has(previous)) {
      // "nineteen twenty one" strings digits together, and the one replaces the zero of the ten.
      if (TENS.has(previous) && one < 10n) return `${String(value).slice(0, -1)}${one}`;
      return `${value}${one}`;
    }
    return value % (one < 10n ? 10n : 100n) === 0n ? value + one : `${value}${one}`;
  }

  #withTen(ten: bigint): Value {
    const value = this.#value;
    if (value === undefined) return ten;
    return typeof value !== 'string' && value % 100n === 0n ? value + ten : `${value}${ten}`;
  }

  /** `plural`: a zero before "hundreds" multiplies like any other whole number. */
  #multiplied(multiplier: bigint, plural = false): Value {
    const value = this.#value;
    if (value === undefined) return multiplier;
    if (typeof value === 'string' || (value === 0n && !plural)) {
      const whole = wholeOf(String(value), multiplier);
      if (whole !== undefined) return whole;
      this.#emitValue();
      return multiplier;
    }
    const thousands = (value / 1000n) * 1000n;
    return thousands + (value % 1000n) * multiplier;
  }

  /** Signs, currencies, "percent", "and", "double", "triple", "point". */
  #takeMark(word: string, previous: string, next: string | undefined): void {
    const nextIsNumber = next !== undefined && (isNumberWord(next) || isDigits(next));
    const sign = SIGNS.get(word);
    const currency = CURRENCIES.get(word);
    if (sign !== undefined) {
      this.#emitValue();
      if (nextIsNumber) this.#prefix = sign;
      else this.#emitWord(word);
    } else if (currency !== undefined && this.#value !== undefined) {
      this.#prefix = currency;
      this.#emitValue();
    } else if (word === 'percent' && this.#value !== undefined) {
      this.#emitSuffixed(this.#value, '%');
    } else if (word === 'per' && next === 'cent' && this.#value !== undefined) {
      this.#emitSuffixed(this.#value, '%');
      this.#skip = true;
    } else if (!SPECIALS.has(word) || !nextIsNumber) {
      this.#emitWord(word);
    } else if (word === 'and') {
      // Silent in "two hundred and six".
      if (!MULTIPLIERS.has(previous)) this.#emitWord(word);
    } else if (word === 'point') {
      if (next !== undefined && (isDecimal(next) || isDigits(next))) this.#value = `${this.#value || ''}.`;
    } else if (next !== undefined && (ONES.has(next) || ZEROS.has(next))) {
      const repeated = String(ONES.get(next) ?? 0n).repeat(word === 'double' ? 2 : 3);
      this.#value = `${this.#value || ''}${repeated}`;
      this.#skip = true;
    } else this.#emitWord(word);
  }

  #emitWord(word: string): void {
    this.#emitValue();
    this.#emit(word);
  }

  #emitSuffixed(value: Value, suffix: string): void {
    this.#emit(`${value}${suffix}`);
    this.#value = undefined;
  }

  #emitValue(): void {
    if (this.#value !== undefined) this.#emit(String(this.#value));
    this.#value = undefined;
  }

  #emit(text: string): void {
    this.#output.push(this.#prefix + text);
    this.#prefix = '';
  }
}

/** The product of a decimal number and a factor if it is whole. */
function wholeOf(decimal: string, factor: bigint): bigint | undefined {
  const [, whole, fraction = ''] = /^(\d+)(?:\.(\d*))?$/.exec(decimal) ?? /^()\.(\d+)$/.exec(decimal) ?? [];
  if (whole === undefined) return undefined;
  const scale = 10n ** BigInt(fraction.length);
  const product = BigInt(whole + fraction) * factor;
  return product % scale === 0n ? product / scale : undefined;
}

/** "<number> and a half" becomes "<number> point five"; letters and digits part, except for "1st", "2nd", "1960s". */
function separateNumbers(text: string): string {
  const segments = text.split(/\band\s+a\s+half\b/);
  const parts = segments.flatMap((segment, i) => {
    if (segment.trim() === '') return [];
    if (i === segments.length - 1) return [segment];
    const last = segment.trim().split(/\s+/).at(-1) ?? '';
    return [segment, isDecimal(last) || MULTIPLIERS.has(last) ? 'point five' : 'and a half'];
  });
  return parts
    .join(' ')
    .replaceAll(/([a-z])([0-9])/g, '$1 $2')
    .replaceAll(/([0-9])([a-z])/g, '$1 $2')
    .replaceAll(/([0-9])\s+(st|nd|rd|th|s)\b/g, '$1$2');
}

/** "$2 and ¢7" becomes "$2.07"; a lone 1 is written out, as the original does for readability. */
function joinCurrencies(text: string): string {
  return text
    .replaceAll(/([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\b/g, (_, currency: string, whole: string, cents: string) => {
      return `${currency}${whole}.${String(Number(cents)).padStart(2, '0')}`;
    })
    .replaceAll(/[€£$]0.([0-9]{1,2})\b/g, (_, cents: string) => `¢${Number(cents)}`)
    .replaceAll(/\b1(s?)\b/g, 'one$1');
}
