// What the server does to texts where a client does not say, as its settings write it: lists in one line.
import { REDACTIONS, type Replacement } from '@sotto/protocol';
import type { RewritingWish } from './rewriting.js';

export interface RewritingTexts {
  /** Kinds, comma-separated. */
  readonly redact: string;
  /** Names, comma-separated. */
  readonly redactNames: string;
  readonly profanity: 'off' | 'mask';
  /** `find=replace`, separated by `;`. */
  readonly replacements: string;
}

/** The forms of the settings: what {@link defaultRewriting} takes. */
export const REDACT_LIST = new RegExp(`^$|^(?:${REDACTIONS.join('|')})(?:,(?:${REDACTIONS.join('|')}))*$`);
export const REPLACEMENT_LIST = /^$|^\s*[^=;\s][^=;]*=[^=;]*(?:;\s*[^=;\s][^=;]*=[^=;]*)*;?\s*$/;

export function defaultRewriting({ redact, redactNames, profanity, replacements }: RewritingTexts): RewritingWish {
  const kinds = listOf(redact, ',');
  return {
    redact: REDACTIONS.filter((kind) => kinds.includes(kind)),
    redactNames: listOf(redactNames, ','),
    profanity,
    replacements: rulesOf(replacements),
  };
}

/** Rules in one line: `find=replace`, separated by `;`. */
export function rulesOf(text: string): Replacement[] {
  return listOf(text, ';').map((rule) => {
    const [find = '', ...replace] = rule.split('=');
    return { find: find.trim(), replace: replace.join('=').trim() };
  });
}

function listOf(text: string, mark: string): string[] {
  return text
    .split(mark)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}
