// Deepgram's `replace`, `redact` and `profanity_filter` as what is done to texts here.
import { LIMITS, type Redaction, type RewritingSettings } from '@sotto/protocol';

/** Deepgram's names, old and new, by what they come to here; what is not here hides nothing. */
const KINDS: Readonly<Record<string, readonly Redaction[]>> = {
  pci: ['card', 'account'],
  pii: ['card', 'phone', 'email', 'account'],
  numbers: ['card', 'phone', 'account', 'number'],
  false: [],
  true: ['card', 'phone', 'account', 'number'],
  aggressive_numbers: ['card', 'phone', 'account', 'number'],
  numerical_pii: ['card', 'phone', 'account', 'number'],
  ssn: ['account'],
  credit_card: ['card'],
  account_number: ['account'],
  bank_account: ['account'],
  phone_number: ['phone'],
  email_address: ['email'],
};

/** @param replace `find:replacement`, or `find` alone, which is written as nothing; URL-decoded */
export function rewritingOf(
  replace: readonly string[],
  redact: readonly string[],
  profanityFilter: boolean | undefined,
): RewritingSettings {
  const rules = replace.map(rule).filter(isRule).slice(0, LIMITS.replacementsMax);
  const kinds = namesOf(redact).flatMap((name) => kindsOf(name) ?? []);
  return {
    ...(rules.length > 0 && { replacements: rules }),
    ...(kinds.length > 0 && { redact: [...new Set(kinds)] }),
    ...(profanityFilter !== undefined && { profanity: profanityFilter ? ('mask' as const) : ('off' as const) }),
  };
}

/** What of `redact` hides nothing here. */
export function kindsNotHidden(redact: readonly string[]): string[] {
  return namesOf(redact).filter((name) => kindsOf(name) === undefined);
}

function namesOf(redact: readonly string[]): string[] {
  return redact.flatMap((names) => names.split(',')).map((name) => name.trim().toLowerCase());
}

function kindsOf(name: string): readonly Redaction[] | undefined {
  return Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
}

function rule(text: string): { find: string; replace: string } {
  const colon = text.indexOf(':');
  return colon < 0 ? { find: text, replace: '' } : { find: text.slice(0, colon), replace: text.slice(colon + 1) };
}

function isRule({ find, replace }: { readonly find: string; readonly replace: string }): boolean {
  return find.trim() !== '' && Math.max(find.length, replace.length) <= LIMITS.replacementCharsMax;
}
