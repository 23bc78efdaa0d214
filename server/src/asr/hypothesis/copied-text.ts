// Finds text that may be copied out of the previous text that the decode was told, rather than heard.
import { wordsIn } from './spoken-words.js';

/**
 * What a run of words has in common with the previous text before it may be a copy: 4 words in a row, or 6 characters
 * of a language that is written without spaces, or as much of both.
 */
const COPY_MIN = 12;
const WORD_WEIGHT = 3;
const CHARACTER_WEIGHT = 2;
const CHARACTER = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]$/u;
const APOSTROPHE = /['’]/gu;

/**
 * Whether a run of the text's words stands in the previous text too. People do repeat themselves, so it only tells what
 * is worth decoding without that text. Of a copy the model is sure, whatever was said: "Friday at five in the main
 * building" was told of "Sunday at one in the old building" with a mean log-probability of -0.04.
 */
export function mayBeCopied(text: string, previousText: string): boolean {
  const [own, previous] = [plainWords(text), plainWords(previousText)];
  /** By word of the previous text: the weight of the longest run that ends with it and with the last own word. */
  let runs: number[] = [];
  for (const word of own) {
    const weight = CHARACTER.test(word) ? CHARACTER_WEIGHT : WORD_WEIGHT;
    runs = previous.map((other, at) => (other === word ? (runs[at - 1] ?? 0) + weight : 0));
    if (runs.some((run) => run >= COPY_MIN)) return true;
  }
  return false;
}

function plainWords(text: string): readonly string[] {
  return wordsIn(text.toLowerCase().replaceAll(APOSTROPHE, ''));
}
