// How far apart two pieces of text sound, by their spelling: a text is searched with it for places where a term may
// have been said. Rough on purpose: what the model thinks of such a place decides.

/** Consonants of two letters, as one each; what is silent or sounds alike is written alike. In this order. */
const REWRITES: readonly (readonly [RegExp, string])[] = [
  [/^kn/, 'n'],
  [/^wr/, 'r'],
  [/^wh/, 'w'],
  [/ph/g, 'f'],
  [/tch|ch/g, 'C'],
  [/sch|sh/g, 'S'],
  [/th/g, 'T'],
  [/ck/g, 'k'],
  [/qu/g, 'kw'],
  [/q/g, 'k'],
  [/x/g, 'ks'],
  [/c(?=[eiy])/g, 's'],
  [/c/g, 'k'],
  [/gh/g, 'g'],
  [/z/g, 's'],
  [/dg/g, 'j'],
  [/[ts]io/g, 'So'],
  [/y/g, 'i'],
  [/e$/, ''],
  [/(.)\1+/g, '$1'],
];

const VOWELS = 'aeiou';
/** Consonants that are taken for each other. */
const NEAR_CONSONANTS = ['bpfv', 'kgC', 'dtT', 'mn', 'sSCjT', 'lrw', 'vw', 'gj'];
const COSTS = { vowels: 0.4, near: 0.5, far: 1, vowelForConsonant: 1.1, vowelLost: 0.5, hLost: 0.3, lost: 0.8 };
/**
 * The least that it costs where one side has a consonant that the other has not, and where it has one consonant or one
 * vowel more. The two latter are so much less than a loss that their sum is no more than a vowel for a consonant.
 */
const COST_MIN = { foreign: COSTS.near, consonantMore: 0.67, vowelMore: 0.42 };
/** Longer than any name. */
const SOUND_LENGTH_MAX = 48;

/** Lower case without marks, letters and digits alone. */
export function foldedLetters(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
}

/** A text's sound: codes of letters; how many consonants and vowels, h not counted; and which consonants. */
export interface Sound {
  readonly codes: Uint16Array;
  readonly consonants: number;
  readonly vowels: number;
  /** One bit for each, by its code modulo 32. */
  readonly kinds: number;
}

export function soundOf(text: string): Sound {
  const spelled = REWRITES.reduce((spelling, [from, to]) => spelling.replace(from, to), foldedLetters(text));
  const codes = Uint16Array.from(spelled.slice(0, SOUND_LENGTH_MAX), (letter) => letter.charCodeAt(0));
  const consonants = codes.filter((code) => lossAt(code) === COSTS.lost);
  return {
    codes,
    consonants: consonants.length,
    vowels: codes.filter((code) => lossAt(code) === COSTS.vowelLost).length,
    kinds: consonants.reduce((bits, code) => bits | (1 << (code & 31)), 0),
  };
}

const ASCII = 128;
const substitutions = new Float64Array(ASCII * ASCII);
const losses = new Float64Array(ASCII);
for (let a = 0; a < ASCII; a++) {
  losses[a] = lossOf(String.fromCharCode(a));
  for (let b = 0; b < ASCII; b++) {
    substitutions[a * ASCII + b] = substitutionOf(String.fromCharCode(a), String.fromCharCode(b));
  }
}

function lossOf(letter: string): number {
  if (VOWELS.includes(letter)) return COSTS.vowelLost;
  return letter === 'h' ? COSTS.hLost : COSTS.lost;
}

function substitutionOf(a: string, b: string): number {
  if (a === b) return 0;
  const [isVowel, isOtherVowel] = [VOWELS.includes(a), VOWELS.includes(b)];
  if (isVowel && isOtherVowel) return COSTS.vowels;
  if (isVowel !== isOtherVowel) return COSTS.vowelForConsonant;
  return NEAR_CONSONANTS.some((group) => group.includes(a) && group.includes(b)) ? COSTS.near : COSTS.far;
}

const lossAt = (code: number): number => (code < ASCII ? (losses[code] ?? 0) : COSTS.lost);

function substitutionAt(a: number, b: number): number {
  if (a === b) return 0;
  return a < ASCII && b < ASCII ? (substitutions[a * ASCII + b] ?? 0) : COSTS.far;
}

/** Two rows of the table of distances, used in turn. */
let above = new Float64Array(SOUND_LENGTH_MAX + 1);
let row = new Float64Array(SOUND_LENGTH_MAX + 1);

/** The least that two sounds can be apart, not divided by their length, by how many consonants and vowels they have. */
export function leastDistance(
  a: Pick<Sound, 'consonants' | 'vowels'>,
  b: Pick<Sound, 'consonants' | 'vowels'>,
): number {
  return (
    Math.abs(a.consonants - b.consonants) * COST_MIN.consonantMore + Math.abs(a.vowels - b.vowels) * COST_MIN.vowelMore
  );
}

/** 0: alike; 1: nothing in common. Infinity where it is above `max`, which is soon known. */
export function soundDistance(a: Sound, b: Sound, max: number): number {
  const [rows, columns] = [a.codes.length, b.codes.length];
  const longer = Math.max(rows, columns, 1);
  const bound = max * longer;
  if (leastDistance(a, b) > bound) return Infinity;
  const foreign = Math.max(bitsOf(a.kinds & ~b.kinds), bitsOf(b.kinds & ~a.kinds));
  if (foreign * COST_MIN.foreign > bound) return Infinity;
  above[0] = 0;
  for (let at = 0; at < columns; at++) above[at + 1] = (above[at] ?? 0) + lossAt(b.codes[at] ?? 0);
  for (const code of a.codes) {
    row[0] = (above[0] ?? 0) + lossAt(code);
    let least = row[0];
    for (let at = 0; at < columns; at++) {
      const other = b.codes[at] ?? 0;
      const distance = Math.min(
        (above[at] ?? 0) + substitutionAt(code, other),
        (above[at + 1] ?? 0) + lossAt(code),
        (row[at] ?? 0) + lossAt(other),
      );
      row[at + 1] = distance;
      if (distance < least) least = distance;
    }
    if (least > bound) return Infinity;
    const spare = above;
    above = row;
    row = spare;
  }
  const distance = (above[columns] ?? 0) / longer;
  return distance > max ? Infinity : distance;
}

function bitsOf(bits: number): number {
  let left = bits;
  let count = 0;
  for (; left !== 0; count++) left &= left - 1;
  return count;
}
