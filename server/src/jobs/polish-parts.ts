// A long transcript in parts that a polisher takes.
import { joinTexts } from '@sotto/protocol';
import { SESSION_PART_CHARS } from '../polish/polish-budgets.js';

/** The whole text in pieces that can be polished at once. */
export function textsOf(texts: readonly string[]): string[] {
  const parts: string[] = [];
  for (const text of texts) {
    const last = parts.at(-1);
    if (last === undefined || last.length + text.length > SESSION_PART_CHARS) parts.push(text);
    else parts[parts.length - 1] = joinTexts([last, text]);
  }
  return parts;
}
