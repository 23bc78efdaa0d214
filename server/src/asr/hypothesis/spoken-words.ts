// Words of a text as they are spoken.

/** A character of a language that is written without spaces counts as a word. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[^\s\p{P}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+/gu;

/** Words without marks. */
export function wordsIn(text: string): readonly string[] {
  return text.match(WORD) ?? [];
}
