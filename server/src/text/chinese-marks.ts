// Marks of Chinese text, which are as wide as its characters.

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
