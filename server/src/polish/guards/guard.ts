// Whether what a model wrote may stand for what was said.
import type { PolishFallback, PolishMode } from '@sotto/protocol';
import { align, type Aligned } from '@sotto/models';
import { COMMON } from './common-words.js';
import { changesLiterals } from './literals.js';
import { breaksSpokenAddress, spelledAlike } from './spoken-addresses.js';
import { unitsOf, type Unit } from './units.js';
import { asksChinese, asksEnglish } from '../language/questions.js';
import { rememberingCost } from './word-likeness.js';
import { changesWords } from './wording.js';

/** What is wrong with a model's text; the codes are the wire's. */
export type GuardFailure = Extract<
  PolishFallback,
  'tooShort' | 'tooLong' | 'unrelated' | 'changedWord' | 'changedNumber' | 'changedName' | 'changedNegation' | 'markup'
>;

/** What a mode allows. Lengths are in units (words, Chinese characters) of what was said, fillers not counted. */
interface Allowance {
  /** Units of the result, at least and at most, as a share of those said. */
  readonly shortest: number;
  readonly longest: number;
  /** Units that any result may be longer by: short texts gain more. */
  readonly slack: number;
  /**
   * Share of what was said that must be found in the result, and share of the result that must be found in what was
   * said.
   */
  readonly kept: number;
  readonly grounded: number;
  /** What may be missing at the end before the text counts as broken off; absent: anything. */
  readonly end?: MissingEnd;
}

/** So many units, so many of them not common words and nowhere in the result, and such a share of all: each is met. */
interface MissingEnd {
  readonly units: number;
  readonly contents: number;
  readonly share: number;
}

/** Of a text that keeps the wording a clause is enough; one that chooses its words may end in fewer. */
const CLAUSE: MissingEnd = { units: 4, contents: 2, share: 0 };
const LONG_CLAUSE: MissingEnd = { units: 6, contents: 3, share: 0 };
/** A summary leaves out what it likes, but not all that was said from some point on. */
const SECOND_HALF: MissingEnd = { units: 8, contents: 4, share: 0.5 };

/**
 * `standard` keeps the wording; the others choose their words, so that only an answer to the text, or another text,
 * shows. The figures are ours: set so that the texts of test/server/polish/guard.test.ts fall on their sides with room.
 */
const ALLOWANCES: Readonly<Record<PolishMode, Allowance>> = {
  standard: { shortest: 0.5, longest: 1.3, slack: 4, kept: 0.5, grounded: 0.7, end: CLAUSE },
  formal: { shortest: 0.4, longest: 2.2, slack: 12, kept: 0.2, grounded: 0.2, end: LONG_CLAUSE },
  casual: { shortest: 0.4, longest: 1.8, slack: 8, kept: 0.2, grounded: 0.2, end: LONG_CLAUSE },
  concise: { shortest: 0.08, longest: 1.1, slack: 3, kept: 0.05, grounded: 0.3, end: SECOND_HALF },
  detailed: { shortest: 0.6, longest: 3.5, slack: 20, kept: 0.35, grounded: 0.15, end: LONG_CLAUSE },
  // The caller decides what comes of it: a translation, a list.
  custom: { shortest: 0, longest: 6, slack: 60, kept: 0, grounded: 0 },
};
/** Below so many units shares mean nothing: only length is looked at, and what must not change. */
const FEW_UNITS = 4;
/** Units of either text that are aligned: the alignment's time and memory grow with their product. */
export const GUARD_UNITS_MAX = 2_000;
/** Signs of a model that talks to its user or formats for a page: none of them is ever spoken. */
const MARKUP = /```|<\/?[a-z][\w-]*>|<\||\|>|^#{1,6} |\*\*|^\s*[-*] |\[(?:INST|\/INST)\]/mu;
/** Behind these somebody corrects himself: what was said before may go. */
const REPAIRS = new Set([
  'no',
  'sorry',
  'mean',
  'rather',
  'wait',
  'actually',
  'correction',
  '不',
  '对',
  '错',
  '抱',
  '歉',
]);
const REPAIR_REACH = 6;
const REQUEST = /\b(?:can|could|would|will|may|shall) (?:you|i|we)\b[^.!?]*$/i;
/**
 * What is wrong with `polished` as the text of `raw`; undefined: nothing.
 * @param keepsWords whether, in `standard`, every content word must be one that was said; else a model may mend what
 * was misheard
 */
export function guard(raw: string, polished: string, mode: PolishMode, keepsWords = false): GuardFailure | undefined {
  if (polished.trim() === '') return 'tooShort';
  if (mode !== 'custom' && MARKUP.test(polished) && !MARKUP.test(raw)) return 'markup';
  if (mode !== 'custom' && mode !== 'concise' && breaksSpokenAddress(raw, polished)) return 'changedWord';
  const alike = spelledAlike(raw, polished);
  const said = unitsOf(alike.said);
  const written = unitsOf(alike.written);
  const allowance = ALLOWANCES[mode];
  const meant = said.filter(({ kind }) => kind !== 'filler').length;
  if (written.length > Math.max(said.length, meant) * allowance.longest + allowance.slack) return 'tooLong';
  if (written.length < Math.floor(meant * allowance.shortest)) return 'tooShort';
  if (said.length > GUARD_UNITS_MAX || written.length > GUARD_UNITS_MAX)
    return mode === 'standard' ? 'tooLong' : undefined;
  if (mode !== 'custom' && changesLiterals(said, written, mode === 'concise')) return 'changedWord';
  if (mode === 'standard' && keepsWords) return changesWords(said, written) ? 'changedWord' : undefined;
  if (mode !== 'custom' && isAnswer(raw, polished)) return 'unrelated';
  const aligned = align(said, written, rememberingCost());
  if (isUnrelated(aligned, allowance)) return 'unrelated';
  if (allowance.end !== undefined && breaksOff(aligned, allowance.end)) return 'tooShort';
  return mode === 'standard' ? changed(aligned, said, written) : undefined;
}

/** A request may become one without a question mark ("please send …"); what asks for a fact stays a question. */
function isAnswer(raw: string, polished: string): boolean {
  const bare = raw.replace(/[\s,.?!，。？！]+$/u, '');
  const asks = asksChinese(bare) || (asksEnglish(bare) && !REQUEST.test(bare));
  return asks && !/[?？]/.test(polished);
}

function isUnrelated(aligned: readonly Aligned<Unit>[], { kept, grounded }: Allowance): boolean {
  // Where the words are free, those that any text has prove nothing.
  const counts = (unit: Unit | undefined): boolean =>
    unit !== undefined && unit.kind !== 'filler' && (kept >= 0.5 || !COMMON.has(unit.text));
  const said = aligned.filter(({ before }) => counts(before));
  const written = aligned.filter(({ after }) => counts(after));
  const isFew = said.length < FEW_UNITS && written.length < FEW_UNITS;
  if (isFew && kept < 0.5) return false;
  // In a short text one word is a large share.
  const ease = isFew ? 0.5 : 1;
  return pairedShare(said) < kept * ease || pairedShare(written) < grounded * ease;
}

function pairedShare(aligned: readonly Aligned<Unit>[]): number {
  return aligned.length === 0 ? 1 : aligned.filter(isPaired).length / aligned.length;
}

function isContent(unit: Unit | undefined): boolean {
  return unit !== undefined && unit.kind !== 'filler' && !COMMON.has(unit.text);
}

function isPaired({ before, after }: Aligned<Unit>): boolean {
  return before !== undefined && after !== undefined;
}

/**
 * Whether the text breaks off: from some point on what was said is gone, and nothing stands in its place. Common words
 * prove nothing: that which the text ends with may be any later one.
 */
function breaksOff(aligned: readonly Aligned<Unit>[], { units, contents, share }: MissingEnd): boolean {
  const rest = aligned.slice(aligned.findLastIndex((at) => isPaired(at) && isContent(at.after)) + 1);
  if (rest.some(({ after }) => isContent(after))) return false;
  // What is told earlier than it was said is not gone.
  const written = new Set(aligned.flatMap(({ after }) => after?.text ?? []));
  const said = aligned.filter(({ before }) => before !== undefined && before.kind !== 'filler');
  const gone = rest.flatMap(({ before, after }) => (before === undefined || after !== undefined ? [] : before));
  const missing = gone.filter((unit) => isContent(unit) && !written.has(unit.text));
  const count = gone.filter(({ kind }) => kind !== 'filler').length;
  return count >= Math.max(units, share * said.length) && missing.length >= contents;
}

/**
 * Numbers, names and negations must be those that were said; each may go where its speaker corrects himself, or says it
 * twice.
 */
function changed(
  aligned: readonly Aligned<Unit>[],
  said: readonly Unit[],
  written: readonly Unit[],
): GuardFailure | undefined {
  const saidTexts = new Set(said.map(({ text }) => text));
  const writtenTexts = new Set(written.map(({ text }) => text));
  let place = 0;
  for (const { before, after, isEqual } of aligned) {
    if (before !== undefined) place++;
    if (isEqual) continue;
    if (before?.kind === 'number' && before.text !== '1' && !writtenTexts.has(before.text) && !isRepaired(said, place))
      return 'changedNumber';
    if (after?.kind === 'number' && after.text !== '1' && !saidTexts.has(after.text)) return 'changedNumber';
    if (before?.isName === true && !writtenTexts.has(before.text) && !isRepaired(said, place)) return 'changedName';
    if (after?.isName === true && !saidTexts.has(after.text) && !isInflected(before, after)) return 'changedName';
    const isNegated = before?.kind === 'negation';
    const negates = after?.kind === 'negation';
    if (isNegated !== negates && !(isNegated && mayGo(before, said, place))) return 'changedNegation';
  }
  return undefined;
}

/** Whether a correction follows closely behind the unit before `place`. */
function isRepaired(said: readonly Unit[], place: number): boolean {
  return said.slice(place, place + REPAIR_REACH).some(({ text }) => REPAIRS.has(text));
}

/** A "no" is often no negation but the beginning of a correction; a negation that is said twice may go once. */
function mayGo({ text }: Unit, said: readonly Unit[], place: number): boolean {
  const around = [...said.slice(Math.max(0, place - 4), place - 1), ...said.slice(place, place + 3)];
  return text === 'no' || around.some((other) => other.text === text) || isRepaired(said, place);
}

/** "american" for "America": the capital is that of the same word in another form. */
function isInflected(before: Unit | undefined, after: Unit): boolean {
  return before !== undefined && before.text.slice(0, 4) === after.text.slice(0, 4);
}
