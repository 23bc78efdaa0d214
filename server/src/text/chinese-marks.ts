// Marks of Chinese text, which are as wide as its characters, and those of others, which are not.

export const WIDE_MARKS: ReadonlyMap<string, string> = new Map([
  [',', '，'],
  ['.', '。'],
  ['?', '？'],
  ['!', '！'],
  [':', '：'],
  [';', '；'],
]);

/** Not the full stop: what follows may be a fraction, or the end of an address. */
const NARROW_BEHIND_HAN = /(?<=\p{Script=Han})[,?!:;]/gu;

/**
 * The text with wide marks behind its Chinese characters, so that a text is read alike whatever comes behind it.
 * @param before what stands before the text
 */
export function withWideMarks(text: string, before = ''): string {
  const last = before.slice(-2);
  return `${last}${text}`.replaceAll(NARROW_BEHIND_HAN, (mark) => WIDE_MARKS.get(mark) ?? mark).slice(last.length);
}

const NARROW_MARKS: ReadonlyMap<string, string> = new Map([...WIDE_MARKS].map(([narrow, wide]) => [wide, narrow]));

const WIDE_BEHIND_OTHERS =
  /(?<=[\p{L}\p{N}])(?<!\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana})([，。？！：；])(?=(\p{L})?)/gu;

/**
 * The text with narrow marks behind its letters: a model that has just heard Chinese goes on with its marks in another
 * language.
 * @param before what stands before the text
 */
export function withNarrowMarks(text: string, before = ''): string {
  const last = before.slice(-2);
  return `${last}${text}`.replaceAll(WIDE_BEHIND_OTHERS, narrowed).slice(last.length);
}

function narrowed(_: string, mark: string, letter = ''): string {
  return `${NARROW_MARKS.get(mark) ?? mark}${letter && ' '}`;
}
