// Whether two decodes of the same speech say the same, in spellings of their own.
import { inScript } from '../../text/chinese-script.js';
import { wordsIn } from './spoken-words.js';

/**
 * Share of a text's letters, in words that stand in the other text too and in the same order, from which it says the
 * same. A model that hears speech twice writes a name in two ways, and Chinese in two scripts; two sentences have some
 * short words in common, and one that differs in more is another one.
 */
const SAME_MIN = 0.6;
const APOSTROPHE = /['’]/gu;

/** Whether `other` says most of what `text` says. */
export async function saysAgain(text: string, other: string): Promise<boolean> {
  const [own, others] = await Promise.all([plainWords(text), plainWords(other)]);
  const letters = own.reduce((sum, word) => sum + word.length, 0);
  return letters > 0 && lettersInCommon(own, others) >= SAME_MIN * letters;
}

/** Letters of the words that both have in the same order, as many as there can be. */
function lettersInCommon(own: readonly string[], others: readonly string[]): number {
  let row: number[] = others.map(() => 0);
  for (const word of own) {
    const next: number[] = [];
    for (const [at, other] of others.entries()) {
      const paired = (row[at - 1] ?? 0) + (word === other ? word.length : 0);
      next.push(Math.max(paired, row[at] ?? 0, next[at - 1] ?? 0));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

async function plainWords(text: string): Promise<readonly string[]> {
  return wordsIn((await inScript(text, 'simplified')).toLowerCase().replaceAll(APOSTROPHE, ''));
}
