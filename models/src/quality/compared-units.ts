// The units of a text that are compared: normalised words, or characters for languages that are written without spaces.
import { normalizeEnglish } from './english-normalizer.js';
import { cleaned, withoutBrackets } from './symbols.js';

const UNSPACED = new Set(['zh', 'ja', 'th', 'lo', 'my', 'yue']);

/** Whether a language is judged by word error rate or by character error rate. */
export function comparedUnit(language: string): 'word' | 'character' {
  return UNSPACED.has(language) ? 'character' : 'word';
}

/**
 * The text's units after normalisation. English: Whisper's English normaliser. Other languages: Whisper's basic one
 * (lower case, NFKC, no brackets, punctuation and symbols; numbers stay as they are spelled). Without spaces: the basic
 * one, then each character; spaces do not count. Traditional and simplified characters stay different, and so do 三 and
 * 3.
 */
export function comparedUnits(text: string, language: string): string[] {
  if (language === 'en') return wordsOf(normalizeEnglish(text));
  const basic = cleaned(withoutBrackets(text.toLowerCase()), { diacritics: true }).toLowerCase();
  return comparedUnit(language) === 'word' ? wordsOf(basic) : Array.from(basic.replaceAll(/\s+/g, ''));
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
