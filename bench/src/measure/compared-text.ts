// What is compared of a text, whichever program wrote it.
import { inScript } from '@sotto/server';

/** Chinese in simplified characters: the choice of characters is no error of hearing. */
export async function comparedText(text: string, language: string): Promise<string> {
  return language === 'zh' ? inScript(text, 'simplified') : text;
}
