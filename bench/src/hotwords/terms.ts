// Which words of transcripts somebody would have given as hotwords: those that are rare.

/** A word that occurs in a larger share of ordinary text is not one that a model has to be told. */
const COMMON_SHARE = 40e-6;
const LETTERS_MIN = 4;
const HAN = /\p{Script=Han}/u;
/** A number is written in digits or in characters, as the model likes: no list has it. */
const NUMERAL = /[零〇一二两三四五六七八九十百千万亿]/u;

export interface Spoken {
  readonly text: string;
  readonly language: string;
}

/** The words that are common in a text. */
export function commonWords(text: string): ReadonlySet<string> {
  const counts = new Map<string, number>();
  const words = text.toLowerCase().match(/\p{L}[\p{L}'’]*/gu) ?? [];
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return new Set([...counts].filter(([, count]) => count > COMMON_SHARE * words.length).map(([word]) => word));
}

/** The rare words of each recording, as they would be written in a list of terms. */
export function rareWords({ text, language }: Spoken, common: ReadonlySet<string>): string[] {
  const rare = [...new Set(wordsOf(text))].filter((word) => {
    if (common.has(word)) return false;
    if (language === 'zh') return HAN.test(word) && word.length >= 2 && !NUMERAL.test(word);
    return word.length >= LETTERS_MIN && /^\p{L}+$/u.test(word);
  });
  // As a list of names has them.
  return language === 'zh' ? rare : rare.map((word) => word[0]?.toUpperCase() + word.slice(1));
}

const segmenters = {
  zh: new Intl.Segmenter('zh', { granularity: 'word' }),
  other: new Intl.Segmenter('en', { granularity: 'word' }),
};

function wordsOf(text: string): string[] {
  const segmenter = HAN.test(text) ? segmenters.zh : segmenters.other;
  return [...segmenter.segment(text.toLowerCase())]
    .filter(({ isWordLike }) => isWordLike)
    .map(({ segment }) => segment);
}
