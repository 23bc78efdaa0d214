// How Chinese characters sound: syllables of Mandarin, and how far apart two of them are.

/** Parts of a syllable that are taken for each other: initials, and what follows them. */
const NEAR_INITIALS = ['zh z j', 'ch c q', 'sh s x', 'n l', 'f h', 'b p', 'd t', 'g k', 'r l', 'j q', 'zh ch', 'z c'];
const NEAR_FINALS = [
  'an ang',
  'en eng',
  'in ing',
  'ian iang',
  'uan uang',
  'ong eng',
  'e uo o',
  'i u v',
  // A glide more or less.
  'a ia ua',
  'an ian uan van',
  'ang iang uang',
  'ao iao',
  'ou iu',
  'e ie ve',
  'ong iong',
  'ai uai',
  'ei ui',
  'en in un vn',
  'eng ing',
  'ian in',
  'uan un',
];
/** Syllables that begin with no consonant are written with one. In this order. */
const REWRITES: readonly (readonly [RegExp, string])[] = [
  [/^([jqx])u/, '$1v'],
  [/^yu/, 'v'],
  [/^you$/, 'iu'],
  [/^yi/, 'i'],
  [/^y/, 'i'],
  [/^wu$/, 'u'],
  [/^wei$/, 'ui'],
  [/^wen$/, 'un'],
  [/^w/, 'u'],
];
/** What has no reading is given back as it is. */
const LATIN = /^[a-z]+$/;
const COSTS = { near: 0.15, far: 0.5, otherCharacter: 0.02 };

const SYLLABLE = /^(zh|ch|sh|[bpmfdtnlgkhjqxrzcs]?)(.*)$/;

/** Of one kind of part: a number for each, and how far apart two are. */
class Parts {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #near: readonly (readonly string[])[];
  /** By the two numbers. */
  readonly #distances: number[][] = [];

  constructor(near: readonly string[]) {
    this.#near = near.map((group) => group.split(' '));
  }

  numberOf(part: string): number {
    const known = this.#numbers.get(part);
    if (known !== undefined) return known;
    const number = this.#names.length;
    this.#numbers.set(part, number);
    this.#names.push(part);
    const distances = this.#names.map((other) => this.#between(part, other));
    this.#distances.push(distances);
    for (const [other, distance] of distances.entries()) (this.#distances[other] ?? [])[number] = distance;
    return number;
  }

  distance(a: number, b: number): number {
    return this.#distances[a]?.[b] ?? COSTS.far;
  }

  #between(a: string, b: string): number {
    if (a === b) return 0;
    return this.#near.some((group) => group.includes(a) && group.includes(b)) ? COSTS.near : COSTS.far;
  }
}

const initials = new Parts(NEAR_INITIALS);
const finals = new Parts(NEAR_FINALS);

/** How a character may be read, tones aside: what the syllable begins with, and the rest. */
interface Reading {
  readonly initial: number;
  readonly final: number;
}

/** A character with its readings: the one among its neighbours, and its most common one where that is another. */
export interface Syllable {
  readonly character: string;
  readonly readings: readonly Reading[];
}

/** Reads a text, character by character; what is not Chinese has no readings. */
export type Reader = (text: string) => Syllable[];

let reader: Promise<Reader> | undefined;

/** Reads simplified characters. The dictionary is read at first use. */
export function syllableReader(): Promise<Reader> {
  reader ??= import('pinyin-pro').then(({ pinyin }) => {
    const alone = new Map<string, string>();
    const spellings = (text: string): string[] => pinyin(text, { toneType: 'none', v: true, type: 'array' });
    const mostCommon = (character: string): string => {
      const known = alone.get(character) ?? spellings(character)[0] ?? '';
      alone.set(character, known);
      return known;
    };
    return (text) => {
      const characters = [...text];
      const among = spellings(text);
      // Where the two are not of one length it cannot be told which syllable is whose.
      const isAligned = among.length === characters.length;
      return characters.map((character, at) => {
        const common = mostCommon(character);
        const spelled = new Set(isAligned ? [among[at] ?? common, common] : [common]);
        return { character, readings: [...spelled].filter((one) => LATIN.test(one)).map(readingOf) };
      });
    };
  });
  return reader;
}

const known = new Map<string, Reading>();

function readingOf(spelled: string): Reading {
  let reading = known.get(spelled);
  if (reading === undefined) {
    const syllable = REWRITES.reduce((written, [from, to]) => written.replace(from, to), spelled);
    const [, initial = '', final = ''] = SYLLABLE.exec(syllable) ?? [];
    reading = { initial: initials.numberOf(initial), final: finals.numberOf(final) };
    known.set(spelled, reading);
  }
  return reading;
}

/**
 * The mean over the places of `a`, with as many of `b` from `from` on: 0 the same characters, 1 nothing in common.
 * Infinity where it is above `max`, or a place of `b` holds none.
 */
export function syllablesDistance(
  a: readonly Syllable[],
  b: readonly (Syllable | undefined)[],
  from: number,
  max: number,
): number {
  const bound = max * a.length;
  let sum = 0;
  for (let at = 0; at < a.length; at++) {
    const [one, other] = [a[at], b[from + at]];
    if (one === undefined || other === undefined) return Infinity;
    if (one.character === other.character) continue;
    sum += COSTS.otherCharacter + readingsDistance(one.readings, other.readings);
    if (sum > bound) return Infinity;
  }
  return sum / Math.max(1, a.length);
}

/** Of the two that are nearest. */
function readingsDistance(some: readonly Reading[], others: readonly Reading[]): number {
  let least = Infinity;
  for (const one of some) {
    for (const other of others) {
      const distance = initials.distance(one.initial, other.initial) + finals.distance(one.final, other.final);
      if (distance < least) least = distance;
    }
  }
  return least;
}
