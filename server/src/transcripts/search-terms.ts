// Cuts text into what is searched for: words where a script has spaces, single characters and pairs of them where it
// has none.

/** Scripts whose words do not stand apart (and Korean, whose endings stick to its words). */
const UNSPACED =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}ー々〆';
const RUNS = new RegExp(`(?<unspaced>[${UNSPACED}][${UNSPACED}\\p{M}]*)|(?<word>[\\p{L}\\p{N}\\p{M}]+)`, 'gu');
const IS_UNSPACED = new RegExp(`[${UNSPACED}]`, 'u');

/** Characters of a term; what is longer is cut. */
const TERM_CHARS_MAX = 64;
/** Terms of one query; what is beyond is left out. */
export const QUERY_TERMS_MAX = 16;

/** One form for what people take for the same: width, case, and the accents of letters. */
export function normalize(text: string): string {
  const plain = text.normalize('NFKC').toLowerCase();
  return (
    plain
      .normalize('NFD')
      // Only behind letters of alphabets: elsewhere (か and が) a mark makes another character.
      .replaceAll(/(?<=[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}])\p{Mn}+/gu, '')
      .normalize('NFC')
  );
}

/** All terms of a text, each once. */
export function termsOf(text: string): Set<string> {
  const terms = new Set<string>();
  for (const run of runsOf(normalize(text))) {
    if (!run.isUnspaced) terms.add(run.text);
    else for (const term of gramsOf(run.text, 1)) terms.add(term);
  }
  return terms;
}

export interface SearchQuery {
  /** All of them must occur. */
  readonly terms: readonly string[];
  /** The last word, of which only the beginning may be written yet. */
  readonly prefix: string | undefined;
  /** Stretches that must occur as they are: pairs of characters alone do not tell their order. */
  readonly phrases: readonly string[];
}

export function parseQuery(query: string): SearchQuery {
  const terms = new Set<string>();
  const phrases: string[] = [];
  const normalized = normalize(query);
  const runs = [...runsOf(normalized)];
  const last = runs.at(-1);
  const isOpen = last !== undefined && !last.isUnspaced && normalized.endsWith(last.text);
  for (const run of runs.slice(0, QUERY_TERMS_MAX)) {
    if (run === last && isOpen) continue;
    if (!run.isUnspaced) terms.add(run.text);
    else {
      const characters = [...run.text];
      for (const term of gramsOf(run.text, Math.min(2, characters.length))) terms.add(term);
      if (characters.length > 2) phrases.push(run.text);
    }
  }
  const prefix = isOpen && runs.length <= QUERY_TERMS_MAX ? last.text : undefined;
  return { terms: [...terms].slice(0, QUERY_TERMS_MAX), prefix, phrases };
}

/** Whether a text has anything that the query looks for. */
export function mentions(text: string, { terms, prefix }: SearchQuery): boolean {
  const here = termsOf(text);
  if (terms.some((term) => here.has(term))) return true;
  return prefix !== undefined && [...here].some((term) => term.startsWith(prefix));
}

interface Run {
  readonly text: string;
  readonly isUnspaced: boolean;
}

function* runsOf(normalized: string): Generator<Run> {
  for (const { groups = {} } of normalized.matchAll(RUNS)) {
    if (groups['unspaced'] !== undefined) yield { text: groups['unspaced'], isUnspaced: true };
    else yield* splitWord(groups['word'] ?? '');
  }
}

/** A word may run into characters without spaces: `iphone手机`. */
function* splitWord(word: string): Generator<Run> {
  const at = word.search(IS_UNSPACED);
  if (at === -1) yield { text: cut(word), isUnspaced: false };
  else {
    if (at > 0) yield { text: cut(word.slice(0, at)), isUnspaced: false };
    yield* runsOf(word.slice(at));
  }
}

function cut(word: string): string {
  return Array.from(word).slice(0, TERM_CHARS_MAX).join('');
}

/** Neighbouring characters in pairs, and from `shortest` = 1 on each alone too. */
function* gramsOf(run: string, shortest: number): Generator<string> {
  const characters = [...run];
  for (const [index, character] of characters.entries()) {
    const next = characters[index + 1];
    if (shortest === 1) yield character;
    if (next !== undefined) yield character + next;
  }
}
