// Which runs of digits are numbers of cards, phones and accounts. In doubt a number is hidden.
import type { Redaction } from '@sotto/protocol';
import { digitRun, type DigitGroup } from './digits.js';
import { NOTHING, OPEN, type Matcher } from './scan.js';

const CARD_DIGITS = { min: 13, max: 19 } as const;
/** ITU-T E.164 allows 15; numbers in a country have 7 and more. */
const PHONE_DIGITS_MIN = 7;
/** As many are one without any mark that phones have. */
const BARE_PHONE_DIGITS_MIN = 10;
const ACCOUNT_DIGITS_MIN = 6;
const NUMBER_DIGITS_MIN = 3;
const DATE = /^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})$/;
const THOUSANDS = /^\d{1,3}(?:,\d{3})+$/;
/** What may stand before the first digit and belongs to a phone's number. */
const PREFIX = /[+(]{1,2}/y;

type NumberKind = Exclude<Redaction, 'email' | 'names'>;
const OTHER_KINDS: readonly NumberKind[] = ['phone', 'account', 'number'];

/** Finds numbers of these kinds; a run that could be two is a card first, then a phone. */
export function numberMatcher(kinds: ReadonlySet<Redaction>): Matcher {
  return (text, at) => {
    PREFIX.lastIndex = at;
    const prefix = PREFIX.exec(text)?.[0] ?? '';
    if (at + prefix.length === text.length) return OPEN;
    const run = digitRun(text, at + prefix.length);
    if (run === undefined) return NOTHING;
    if (run === 'open') return OPEN;
    const found = kindOf(text, at, run.groups, kinds);
    return {
      match: found && { to: found.to, text: `[${found.kind}]` },
      isOpen: run.isOpen,
    };
  };
}

function kindOf(
  text: string,
  at: number,
  groups: readonly DigitGroup[],
  kinds: ReadonlySet<Redaction>,
): { readonly kind: NumberKind; readonly to: number } | undefined {
  const card = kinds.has('card') ? cardEnd(groups) : undefined;
  if (card !== undefined) return { kind: 'card', to: card };
  if (!OTHER_KINDS.some((kind) => kinds.has(kind))) return undefined;
  // What stands before a card is no part of its number.
  const cardAt = kinds.has('card') ? groups.findIndex((_, i) => cardEnd(groups.slice(i)) !== undefined) : -1;
  const own = cardAt < 0 ? groups : groups.slice(0, cardAt);
  const to = own.at(-1)?.to ?? at;
  const digits = own.map((group) => group.digits).join('');
  const written = text.slice(at, to);
  const isPlain = DATE.test(written) || THOUSANDS.test(written);
  if (kinds.has('phone') && !isPlain && isPhone(written, digits)) return { kind: 'phone', to };
  if (kinds.has('account') && !isPlain && digits.length >= ACCOUNT_DIGITS_MIN) return { kind: 'account', to };
  if (kinds.has('number') && digits.length >= NUMBER_DIGITS_MIN) return { kind: 'number', to };
  return undefined;
}

function isPhone(written: string, digits: string): boolean {
  if (digits.length >= BARE_PHONE_DIGITS_MIN) return true;
  return digits.length >= PHONE_DIGITS_MIN && /^[+(0]|^(?:oh?|zero)\b|\d[-.]\d/i.test(written);
}

/** Where the longest number of a card ends that the groups begin with. */
function cardEnd(groups: readonly DigitGroup[]): number | undefined {
  let digits = '';
  let end: number | undefined;
  for (const group of groups) {
    digits += group.digits;
    if (digits.length > CARD_DIGITS.max) return end;
    if (digits.length >= CARD_DIGITS.min && passesLuhn(digits)) end = group.to;
  }
  return end;
}

/** ISO/IEC 7812-1, annex B. All zeros is no card. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum > 0 && sum % 10 === 0;
}
