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
  'ui ei',
  'un en',
];
const COSTS = { near: 0.15, far: 0.5, otherCharacter: 0.02 };

const SYLLABLE = /^(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)(.*)$/;

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

/** A character's syllable without its tone: what it begins with, and the rest. */
export interface Syllable {
  readonly character: string;
  readonly initial: number;
  readonly final: number;
}

export type Reader = (character: string) => Syllable;

let reader: Promise<Reader> | undefined;

/**
 * Reads characters, simplified or traditional, each by its most common reading. The dictionary is read at first use.
 */
export function syllableReader(): Promise<Reader> {
  reader ??= import('pinyin-pro').then(({ pinyin }) => {
    const read = new Map<string, Syllable>();
    return (character) => {
      let syllable = read.get(character);
      if (syllable === undefined) {
        const [, initial = '', final = ''] = SYLLABLE.exec(pinyin(character, { toneType: 'none', v: true })) ?? [];
        syllable = { character, initial: initials.numberOf(initial), final: finals.numberOf(final) };
        read.set(character, syllable);
      }
      return syllable;
    };
  });
  return reader;
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
    sum +=
      COSTS.otherCharacter + initials.distance(one.initial, other.initial) + finals.distance(one.final, other.final);
    if (sum > bound) return Infinity;
  }
  return sum / Math.max(1, a.length);
}
