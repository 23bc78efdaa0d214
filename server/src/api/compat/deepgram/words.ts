// Words as Deepgram writes them: bare and lower-case, and beside that as they stand in the sentence.
import type { PartialMessage, Word } from '@sotto/protocol';

export interface DeepgramWord {
  readonly word: string;
  /** Seconds of the stream. */
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
  readonly punctuated_word?: string;
  readonly language?: string;
}

export interface WordStyle {
  readonly isPunctuated: boolean;
  /** Set where words tell their language. */
  readonly language?: string | undefined;
}

/** Words of a partial that will not change again, and those that may. */
const STABLE_CONFIDENCE = 1;
const TENTATIVE_CONFIDENCE = 0.5;
const PUNCTUATION = /[\p{P}\p{S}]/gu;
/** What stands for hidden words, `[card]` and `f***`: without its marks it would be a word that nobody said. */
const HIDDEN = /\[(?:card|phone|account|number|email|name)\]|(?<=\p{L})\*+/gu;
/** Marks that belong to a word ("it's", "on-line") or a number ("3.5", "10:30") when they stand within it. */
const WITHIN_WORD = /\p{L}['’-]\p{L}|\p{N}[.,:]\p{N}/u;

export function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}

/** Text without capitals and marks. */
export function bare(text: string): string {
  const hidden = text.match(HIDDEN) ?? [];
  return text
    .split(HIDDEN)
    .map((part, index) => withoutMarks(part) + (hidden[index] ?? ''))
    .join('')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .toLowerCase();
}

function withoutMarks(text: string): string {
  return text.replaceAll(PUNCTUATION, (mark, at: number) => (isWithin(text, mark, at) ? mark : ''));
}

function isWithin(text: string, mark: string, at: number): boolean {
  return WITHIN_WORD.test(text.slice(Math.max(0, at - 1), at + mark.length + 1));
}

export function styled(text: string, { isPunctuated }: WordStyle): string {
  return isPunctuated ? text.trim() : bare(text);
}

/** Words of a final; what is nothing but marks is no word. */
export function wordsOf(words: readonly Word[], { isPunctuated, language }: WordStyle): DeepgramWord[] {
  return words.flatMap(({ text, startMs, endMs, confidence }) => {
    const word = bare(text);
    if (word === '') return [];
    return {
      word,
      start: seconds(startMs),
      end: seconds(endMs),
      confidence,
      ...(isPunctuated ? { punctuated_word: text.trim() } : {}),
      ...(language === undefined ? {} : { language }),
    };
  });
}

/** A word, and the text that stands before it, since the word before or the beginning of its segment. */
export interface SpokenWord {
  readonly word: DeepgramWord;
  /** What the text says; undefined at the beginning of a segment, and where the text has other words. */
  readonly before: string | undefined;
}

/** Words of a segment, and how its text joins them (rule SP8): not every script has spaces between words. */
export function spokenWords(text: string, words: readonly Word[], style: WordStyle): SpokenWord[] {
  let past: number | undefined;
  return words.flatMap((said) => {
    const at = text.indexOf(said.text, past);
    const before = at === -1 || past === undefined ? undefined : text.slice(past, at);
    if (at !== -1) past = at + said.text.length;
    return wordsOf([said], style).map((word) => ({ word, before }));
  });
}

/** A word to the next space or, in scripts that are written without, a character and its marks. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}][\p{P}\p{M}]*|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]+/gu;

/** Words of a partial. Their times are not known yet: they are spread over what was heard, by their lengths. */
export function wordsSoFar({ stable, tentative, startMs, endMs }: PartialMessage, style: WordStyle): DeepgramWord[] {
  const text = stable + tentative;
  const found = [...text.matchAll(WORD)];
  const at = (index: number): number => startMs + ((endMs - startMs) * index) / Math.max(1, text.length);
  const words = found.map(({ 0: word, index }) => ({
    text: word,
    startMs: at(index),
    endMs: at(index + word.length),
    confidence: index + word.length <= stable.length ? STABLE_CONFIDENCE : TENTATIVE_CONFIDENCE,
  }));
  return wordsOf(words, style);
}

/** The mean confidence of words, 0 where there are none. */
export function meanConfidence(words: readonly DeepgramWord[]): number {
  if (words.length === 0) return 0;
  return words.reduce((sum, { confidence }) => sum + confidence, 0) / words.length;
}
