// Words as a reader tells them apart, cheap enough for every partial of every stream.

const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+/gu;

/** Split at spaces, and each Chinese, Japanese or Thai character by itself, since those are written without spaces. */
export function displayedWords(text: string): string[] {
  return text.match(WORD) ?? [];
}
