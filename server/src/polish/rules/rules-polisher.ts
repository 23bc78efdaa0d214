// Polish by rules: casing, spacing, fillers, repetitions, numbers and the last full stop. No model, no wait; English
// and Chinese.
import type { PolishMode } from '@sotto/protocol';
import type { Polisher, PolishRequest } from '../polisher.js';
import { isChinese } from '../text/language.js';
import { shield } from '../text/literals.js';
import { tidyChinese } from './chinese.js';
import { tidyEnglish } from './english.js';
import { tidySpaces } from './spaces.js';

export const RULES = 'rules';
const MODES: readonly PolishMode[] = ['standard'];

/**
 * The text by rules; addresses, paths, versions and code are kept to the letter. Languages other than English and
 * Chinese: white space only.
 */
export function tidy(text: string, language: string): string {
  const tidied = text
    .split('\n\n')
    .map((paragraph) => {
      const { text: words, restore } = shield(paragraph);
      return restore(tidyWords(words, language));
    })
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
  // Of a text that is nothing but fillers the fillers stay.
  return tidied === '' ? tidySpaces(text) : tidied;
}

function tidyWords(text: string, language: string): string {
  if (isChinese(language)) return tidyChinese(text);
  return language === 'en' ? tidyEnglish(text) : tidySpaces(text, language === 'fr');
}

export class RulesPolisher implements Polisher {
  readonly name = RULES;
  readonly modes = MODES;
  readonly languages = undefined;
  readonly concurrency = 1;
  readonly isAvailable = true;

  async polish({ text, language }: PolishRequest): Promise<string> {
    return tidy(text, language);
  }

  async warmUp(): Promise<void> {}

  async close(): Promise<void> {}
}
