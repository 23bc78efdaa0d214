// Which language a text is treated as.

const HAN = /\p{Script=Han}/gu;
const KANA = /[\p{Script=Hiragana}\p{Script=Katakana}]/u;
const LETTERS = /\p{L}/gu;
/**
 * Share of Han characters among the letters from which a text counts as Chinese: an English name within does not change
 * it.
 */
const CHINESE_SHARE = 0.3;

/** Chinese in any of its spoken forms. */
export function isChinese(language: string): boolean {
  return language === 'zh' || language === 'yue';
}

/**
 * The language to treat a text as: the one given, unless it is `auto` or the characters say otherwise (Chinese or not).
 */
export function languageOf(text: string, given: string): string {
  const han = text.match(HAN)?.length ?? 0;
  const letters = text.match(LETTERS)?.length ?? 0;
  const looksChinese = letters > 0 && han / letters >= CHINESE_SHARE && !KANA.test(text) && given !== 'ja';
  if (looksChinese) return isChinese(given) ? given : 'zh';
  return given === 'auto' || isChinese(given) ? 'en' : given;
}
