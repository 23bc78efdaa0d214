// Where in a text a term may have been said although the model wrote something else: places that sound like it.
import { inScript } from '../../text/chinese-script.js';
import type { EngineTokenizer } from '../tokenizer.js';
import { syllableReader, syllablesDistance, type Reader, type Syllable } from './syllables.js';
import { foldedLetters, leastDistance, soundDistance, soundOf, type Sound } from './term-sound.js';

/** How far from a term a place may sound. */
const LETTERS_APART_MAX = 0.2;
const SYLLABLES_APART_MAX = 0.36;
/**
 * How much less likely than what the model wrote a term may be, natural log, where it sounds the same; how much of that
 * goes with the distance, and with each letter that a short word lacks: short words sound like many others; how much
 * comes with each syllable that a term has more than two; and with the model's own doubt. Of Chinese almost every word
 * has others that sound the same: where the model is sure it has heard the other one. Letters: chosen with 130 English
 * recordings and lists of 100 and 500 terms that nobody said beside those that somebody did; Chinese: with 180
 * recordings of two speakers, 195 rare words that they say and 305 that nobody says (`npm run bench -- hotwords` for
 * others).
 */
const COST_MAX = {
  letters: 9,
  letterApart: 20,
  letterShort: 2,
  syllables: 5.5,
  syllableApart: 10,
  syllableMore: 1,
  doubtSyllables: 2,
};
const SYLLABLES_FEW = 2;
const SYLLABLES_MANY = 4;
const SHORT_LETTERS = 5;
/** A term may have been heard as so many words more, or one less. */
const WORDS_MORE_MAX = 2;

const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const HAN = /^\p{Script=Han}+$/u;
const WORDLIKE = /[\p{L}\p{N}]/u;
/** What stands around the letters of a word: the space before it; marks and the 's of a name behind it. */
const AROUND = /^([^\p{L}\p{N}]*)(.*?)((?:['’]s)?[^\p{L}\p{N}]*)$/su;
const ENDS_SENTENCE = /[.!?。！？]["'”’)\]]*$/u;

/** A place in a text of tokens, and the same stretch with the term in it. */
export interface TermPlace {
  /** Its tokens: `first` to `past` - 1. */
  readonly first: number;
  readonly past: number;
  /** What is written there instead. */
  readonly tokens: readonly number[];
  /** How much less likely it may be than what is there, natural log. */
  readonly costMax: number;
  /** How much more for each natural log by which what is there is less than certain. */
  readonly costOfDoubt: number;
}

/** Looks for terms in texts. */
export interface TermFinder {
  /** Where a text sounds like a term, the likeliest places first. */
  find(ids: readonly number[]): Promise<TermPlace[]>;
}

interface Term {
  readonly text: string;
  readonly letters: string;
  readonly words: number;
  readonly sound: Sound;
  /** Of a term in Chinese characters; simplified ones. */
  readonly syllables: readonly Syllable[] | undefined;
}

/** Terms that may be said of as many words and sounds, so that most are passed over together. */
interface TermGroup {
  readonly words: number;
  readonly consonants: number;
  readonly vowels: number;
  /** Codes of the longest one. */
  longest: number;
  readonly terms: Term[];
}

/** A term in the place of the units `from` to `past` - 1. */
interface Spelling extends Pick<TermPlace, 'costMax' | 'costOfDoubt'> {
  readonly from: number;
  readonly past: number;
  readonly term: string;
}

/** A word, or a character of a language without spaces, and the tokens that it is in. */
interface Unit {
  readonly text: string;
  readonly first: number;
  readonly past: number;
  readonly isCharacter: boolean;
}

/** The terms of one list. Holds no state of any text. */
export class TermPlaces implements TermFinder {
  readonly #tokenizer: EngineTokenizer;
  readonly #terms: readonly Term[];
  readonly #groups: readonly TermGroup[];
  readonly #read: Reader | undefined;
  /** How many words each term has, by its letters; and the most letters of one. */
  readonly #wordsByLetters: ReadonlyMap<string, number>;
  readonly #longest: number;

  static async open(tokenizer: EngineTokenizer, terms: readonly string[]): Promise<TermPlaces> {
    const texts = [...new Set(terms.map((term) => term.trim()))].filter((term) => WORDLIKE.test(term));
    const read = texts.some((text) => HAN.test(text)) ? await syllableReader() : undefined;
    // The dictionary for texts in traditional characters is read here, too: within a window it would be waited for.
    if (read !== undefined) await inScript('汉', 'traditional');
    const made = texts.map(async (text): Promise<Term> => {
      const syllables = HAN.test(text) ? read?.(await inScript(text, 'simplified')) : undefined;
      return {
        text,
        letters: foldedLetters(text),
        words: text.split(/\s+/u).length,
        sound: soundOf(text),
        syllables,
      };
    });
    return new TermPlaces(tokenizer, await Promise.all(made), read);
  }

  private constructor(tokenizer: EngineTokenizer, terms: readonly Term[], read: Reader | undefined) {
    this.#tokenizer = tokenizer;
    this.#terms = terms;
    this.#groups = groupsOf(terms);
    this.#read = read;
    this.#wordsByLetters = new Map(terms.map(({ letters, words }) => [letters, words]));
    this.#longest = Math.max(0, ...terms.map(({ letters }) => letters.length));
  }

  /** Those of a text, the likeliest first. Where a term stands already nothing else is put in its place. */
  async find(ids: readonly number[]): Promise<TermPlace[]> {
    const units = this.#unitsOf(ids);
    const isTerm = this.#termsIn(units);
    const places = [
      ...this.#placesOfWords(units, isTerm, ids),
      ...(await this.#placesOfCharacters(units, isTerm, ids)),
    ];
    return places.toSorted((a, b) => b.costMax - a.costMax);
  }

  *#placesOfWords(units: readonly Unit[], isTerm: readonly boolean[], ids: readonly number[]): Generator<TermPlace> {
    const spans = new Map<number, { from: number; past: number; sound: Sound; letters: string }[]>();
    for (let words = 1; words <= units.length; words++) spans.set(words, []);
    const longest = Math.max(0, ...this.#terms.map(({ words }) => words)) + WORDS_MORE_MAX;
    for (let from = 0; from < units.length; from++) {
      for (let past = from + 1; past <= Math.min(units.length, from + longest); past++) {
        if (isTerm[past - 1] === true || units[past - 1]?.isCharacter === true) break;
        const [, , text = ''] = AROUND.exec(textOf(units.slice(from, past))) ?? [];
        spans.get(past - from)?.push({ from, past, sound: soundOf(text), letters: foldedLetters(text) });
      }
    }
    for (const group of this.#groups) {
      for (let words = Math.max(1, group.words - 1); words <= group.words + WORDS_MORE_MAX; words++) {
        for (const { from, past, sound, letters } of spans.get(words) ?? []) {
          const bound = LETTERS_APART_MAX * Math.max(group.longest, sound.codes.length);
          if (leastDistance(group, sound) > bound) continue;
          for (const term of group.terms) {
            const distance = soundDistance(term.sound, sound, LETTERS_APART_MAX);
            if (distance > LETTERS_APART_MAX || (letters === term.letters && words === term.words)) continue;
            const short = Math.max(0, SHORT_LETTERS - term.letters.length);
            const costMax = COST_MAX.letters - COST_MAX.letterApart * distance - COST_MAX.letterShort * short;
            yield* this.#spellings(units, { from, past, term: term.text, costMax, costOfDoubt: 0 }, ids);
          }
        }
      }
    }
  }

  async #placesOfCharacters(
    units: readonly Unit[],
    isTerm: readonly boolean[],
    ids: readonly number[],
  ): Promise<TermPlace[]> {
    const read = this.#read;
    if (read === undefined || !units.some(({ isCharacter }) => isCharacter)) return [];
    const heard = units.map(({ text }) => text).join('');
    // Character by character, so that lengths stay.
    const simplified = [...(await inScript(heard, 'simplified'))];
    const isTraditional = simplified.join('') !== heard;
    const characters = simplified.length === [...heard].length ? simplified : [...heard];
    const starts: number[] = [];
    let length = 0;
    for (const { text } of units) {
      starts.push(length);
      length += [...text].length;
    }
    const spoken = read(characters.join(''));
    const syllables = units.map(({ text }, at) => (HAN.test(text) ? spoken[starts[at] ?? 0] : undefined));
    const places: TermPlace[] = [];
    for (const { text, syllables: wanted } of this.#terms) {
      if (wanted === undefined) continue;
      for (let from = 0; from + wanted.length <= units.length; from++) {
        const past = from + wanted.length;
        const distance = syllablesDistance(wanted, syllables, from, SYLLABLES_APART_MAX);
        if (distance > SYLLABLES_APART_MAX || distance === 0) continue;
        if (isTerm.slice(from, past).includes(true)) continue;
        const spelled = isTraditional ? await inScript(text, 'traditional') : text;
        const more = Math.min(SYLLABLES_MANY, wanted.length) - SYLLABLES_FEW;
        const costMax = COST_MAX.syllables + COST_MAX.syllableMore * more - COST_MAX.syllableApart * distance;
        const costOfDoubt = COST_MAX.doubtSyllables;
        places.push(...this.#spellings(units, { from, past, term: spelled, costMax, costOfDoubt }, ids));
      }
    }
    return places;
  }

  /** The stretch of tokens with the term in the place of units: as it was given, and in small letters. */
  *#spellings(
    units: readonly Unit[],
    { from, past, term, ...costs }: Spelling,
    ids: readonly number[],
  ): Generator<TermPlace> {
    const [first, last] = [units[from], units[past - 1]];
    if (first === undefined || last === undefined) return;
    // Characters of other units that are in the same tokens stay.
    const before = textOf(units.slice(0, from).filter((unit) => unit.past > first.first));
    const after = textOf(units.slice(past).filter((unit) => unit.first < last.past));
    const [, opening = ''] = AROUND.exec(first.text) ?? [];
    const [, , , closing = ''] = AROUND.exec(last.text) ?? [];
    const [letter = ''] = term;
    const rest = term.slice(letter.length);
    const isFirst = from === 0 || ENDS_SENTENCE.test(units[from - 1]?.text ?? '');
    const spelled = isFirst ? [letter.toUpperCase()] : [letter, letter.toLowerCase()];
    for (const begin of new Set(spelled)) {
      const tokens = this.#tokenizer.encode(`${before}${opening}${begin}${rest}${closing}${after}`);
      if (tokens.length === 0 || tokens.join() === ids.slice(first.first, last.past).join()) continue;
      yield { first: first.first, past: last.past, tokens, ...costs };
    }
  }

  /** Which units belong to a term as it is. */
  #termsIn(units: readonly Unit[]): boolean[] {
    const letters = units.map(({ text }) => foldedLetters(text));
    const isTerm = units.map(() => false);
    for (let from = 0; from < units.length; from++) {
      let joined = '';
      for (let past = from + 1; past <= units.length && joined.length < this.#longest; past++) {
        joined += letters[past - 1] ?? '';
        const words = this.#wordsByLetters.get(joined);
        if (words === past - from || (words !== undefined && units[from]?.isCharacter === true)) {
          isTerm.fill(true, from, past);
        }
      }
    }
    return isTerm;
  }

  #unitsOf(ids: readonly number[]): Unit[] {
    const units: Unit[] = [];
    // Cut into characters whatever the language: terms and texts mix them.
    for (const { text, first, past } of this.#tokenizer.words(ids, 'zh')) {
      for (const piece of UNSPACED.test(text) ? text : [text]) {
        const isCharacter = UNSPACED.test(piece);
        const previous = units.at(-1);
        const goesOn = isCharacter ? false : !piece.startsWith(' ') || !WORDLIKE.test(piece);
        if (previous !== undefined && goesOn && !previous.isCharacter) {
          units[units.length - 1] = { ...previous, text: previous.text + piece, past };
        } else units.push({ text: piece, first, past, isCharacter });
      }
    }
    return units;
  }
}

/** Of those in letters. */
function groupsOf(terms: readonly Term[]): TermGroup[] {
  const groups = new Map<string, TermGroup>();
  for (const term of terms) {
    if (term.syllables !== undefined) continue;
    const { words, sound } = term;
    const { consonants, vowels, codes } = sound;
    const key = `${words}/${consonants}/${vowels}`;
    const group = groups.get(key) ?? { words, consonants, vowels, longest: 0, terms: [] };
    group.longest = Math.max(group.longest, codes.length);
    group.terms.push(term);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function textOf(units: readonly Unit[]): string {
  return units.map(({ text }) => text).join('');
}
