// A second look at finished texts: where a place sounds like a term of the caller's, the decoder is fed the text with
// the term in it, and the term stays where the model takes it to be nearly as likely as what it wrote itself. Words
// that sound like no term are never touched.
import type { View, WhisperDecoder } from '@sotto/models';
import type { DecodedToken } from '../engine.js';
import type { TermFinder, TermPlace } from '../hotwords/term-places.js';
import { logprobsOf } from './whisper-passes.js';
import type { WhisperRow } from './whisper-row.js';

/** Tokens behind a place that are weighed with it: they must go on as well from the term. */
const TOKENS_BEHIND = 3;
/** Places of one text that are tried, the likeliest; places that were found. */
const TRIALS_MAX = 6;
const PLACES_MAX = 64;
/** What a place is less than certain by counts up to here. */
const DOUBT_MAX = 2;
/**
 * How much more a term may cost where the text says the same in another place and the term stays there: names come
 * again, and the model, once it has misheard one, is sure of it.
 */
const COST_AGAIN = 6;
/** Tokens of a text's trials that are fed at once without a look at how each begins: each takes a tenth of a pass. */
const TOKENS_AT_ONCE = 9;

/** A text with a term in one place, to be fed from where it parts from what was written. */
interface Trial {
  readonly place: TermPlace;
  /** The first token of the text that becomes another. */
  readonly at: number;
  /** Its place in the row's sequence. */
  readonly from: number;
  /** What comes from there on: the rest of the term, and some of what is behind it. */
  readonly tokens: readonly number[];
  /** Natural log of the probability of what is there now, as far as `tokens` go. */
  readonly written: number;
  /** How much less likely than that the term may be. */
  readonly costMax: number;
  /** What is there and what is tried: the same for all places of a text that say the same. */
  readonly key: string;
}

/** A trial that may stay: the term's tokens, and how much more it might have cost. */
interface Outcome extends Trial {
  readonly decoded: readonly DecodedToken[];
  readonly margin: number;
}

/** A row, prompt and text. */
interface Open {
  readonly row: WhisperRow;
  /** With <|endoftext|>. */
  readonly sequence: readonly number[];
  /** From the first place to the last. */
  readonly trials: readonly Trial[];
  /** Whether these are the likeliest already, by how each begins. */
  readonly isChosen: boolean;
}

/** What one row is fed in a pass behind its first `kept` tokens. */
interface Feed {
  readonly kept: number;
  readonly tokens: readonly number[];
  /** Tokens whose probability behind each of `tokens` is wanted. */
  readonly wanted: readonly (readonly number[])[];
}

/** Of the feeds of one row, of the tokens of each. */
type Answers = Answer[][];

/** Behind each fed token: natural logs of the probabilities that were wanted, and the attended frame. */
interface Answer {
  readonly logprobs: readonly number[];
  readonly frame: number;
}

/**
 * Puts terms into finished texts where the audio allows it.
 *
 * @param places of each row; undefined: it has no terms
 * @param endOfText ends each text; pads the shorter rows
 * @param before is awaited before each pass
 */
export async function tryTerms(
  decoder: WhisperDecoder,
  rows: readonly WhisperRow[],
  places: readonly (TermFinder | undefined)[],
  endOfText: number,
  before: () => Promise<void>,
): Promise<void> {
  let open = await Promise.all(rows.map((row, i) => openRow(row, places[i], endOfText)));
  const feed = (feeds: readonly (readonly Feed[])[]): Promise<Answers[]> =>
    feedRows(decoder, open, { feeds, padding: endOfText, before });
  // Of many, how each begins is looked at first: most are out of the question.
  if (open.some(areMany)) {
    const probes = open.map((one) => (areMany(one) ? probesOf(one, decoder.branches) : []));
    const answers = await feed(probes);
    open = open.map((one, i) => {
      const answered = probes[i]?.flatMap((feed, n) =>
        feed.tokens.map((_, at) => [feed.kept + at + 1, answers[i]?.[n]?.[at]] as const),
      );
      return areMany(one) ? { ...one, trials: likelyTrials(one, new Map(answered)) } : one;
    });
  }
  if (open.every(({ trials }) => trials.length === 0)) return;
  const answers = await feed(open.map(({ trials, sequence }) => trials.map((trial) => feedOf(sequence, trial))));
  for (const [i, { row, trials }] of open.entries()) {
    const outcomes = trials.map((trial, n) => outcomeOf(trial, answers[i]?.[n] ?? []));
    settle(
      row,
      staying(outcomes, ({ margin }) => margin),
    );
  }
}

function areMany({ trials, isChosen }: Open): boolean {
  return !isChosen && trials.reduce((sum, { tokens }) => sum + tokens.length, 0) > TOKENS_AT_ONCE;
}

async function openRow(row: WhisperRow, places: TermFinder | undefined, endOfText: number): Promise<Open> {
  const ids = row.tokens.map(({ id }) => id);
  const sequence = [...row.sequence, endOfText];
  // Where the limit ended a text the decoder has not seen its last token.
  const found = places === undefined || row.endLogprob === null ? [] : await places.find(ids);
  const trials = found.slice(0, PLACES_MAX).map((place) => trialOf(row, place, endOfText));
  const begins = new Map(trials.map((trial) => [trial, beginsBy(trial)]));
  const marginOf = (trial: Trial): number => {
    const { at, written, costMax } = trial;
    const there = logprobAt(row, at);
    // Where it is not known how likely its first other token was: no more than what the one there leaves.
    return costMax + (begins.get(trial) ?? Math.log1p(-Math.exp(Math.min(there, -1e-9)))) - written;
  };
  const fitting = trials.filter(({ from, tokens }) => from + tokens.length <= row.placesMax);
  const open = staying(fitting, marginOf);
  const isChosen = open.every((trial) => begins.get(trial) !== undefined);
  return { row, sequence, trials: isChosen ? likeliest(open, marginOf) : inOrder(open), isChosen };

  function beginsBy({ at, tokens }: Trial): number | undefined {
    return row.others[at]?.(tokens[0] ?? 0);
  }
}

function trialOf(row: WhisperRow, place: TermPlace, endOfText: number): Trial {
  const { tokens, first, past } = place;
  let same = 0;
  while (same < tokens.length && first + same < past && row.tokens[first + same]?.id === tokens[same]) same++;
  const behind = tokensBehind(row, past, endOfText);
  let written = 0;
  for (let at = first + same; at < past + behind.length; at++) written += logprobAt(row, at);
  const there = row.tokens.slice(first, past);
  const doubt = -there.reduce((sum, { logprob }) => sum + logprob, 0);
  return {
    place,
    written,
    at: first + same,
    from: row.placeOf(first + same),
    tokens: [...tokens.slice(same), ...behind],
    costMax: place.costMax + place.costOfDoubt * Math.min(DOUBT_MAX, doubt),
    key: `${there.map(({ id }) => id).join()} ${tokens.join()}`,
  };
}

/** What follows a place of the text, up to a timestamp. */
function tokensBehind(row: WhisperRow, past: number, endOfText: number): number[] {
  const from = row.placeOf(past - 1) + 1;
  const behind = [...row.sequence.slice(from), endOfText].slice(0, TOKENS_BEHIND);
  const timestamp = behind.findIndex((token) => token > endOfText);
  return timestamp < 0 ? behind : behind.slice(0, timestamp);
}

/** Those that may stay by their margins, and others where the text says the same as in the place of one of these. */
function staying<T extends Trial>(trials: readonly T[], marginOf: (trial: T) => number): T[] {
  const margins = trials.map(marginOf);
  const keys = new Set(trials.filter((_, i) => (margins[i] ?? -Infinity) >= 0).map(({ key }) => key));
  return trials.filter(({ key }, i) => keys.has(key) && (margins[i] ?? -Infinity) >= -COST_AGAIN);
}

/** Of a token of the text, or of its end. */
function logprobAt(row: WhisperRow, at: number): number {
  return row.tokens[at]?.logprob ?? row.endLogprob ?? 0;
}

/** Those with the most margin, in their order in the text. */
function likeliest(trials: readonly Trial[], marginOf: (trial: Trial) => number): Trial[] {
  const likely = trials.toSorted((a, b) => marginOf(b) - marginOf(a));
  return inOrder(likely.slice(0, TRIALS_MAX));
}

function inOrder(trials: readonly Trial[]): Trial[] {
  return trials.toSorted((a, b) => a.from - b.from);
}

/**
 * All first tokens of a row's trials, behind the text as it was written: each place alone, or, where the decoder does
 * not branch, the text with all of them.
 */
function probesOf({ trials, sequence }: Open, branches: boolean): Feed[] {
  const places = [...new Set(trials.map(({ from }) => from))];
  const [first = 1, last = 1] = [places[0], places.at(-1)];
  const spans = branches ? places.map((from) => [from - 1, from] as const) : [[first - 1, last] as const];
  return spans.map(([kept, past]) => {
    const tokens = sequence.slice(kept, past);
    return { kept, tokens, wanted: tokens.map((_, at) => firstTokens(trials, kept + at + 1)) };
  });
}

/** What trials put at a place of the text. */
function firstTokens(trials: readonly Trial[], place: number): number[] {
  return trials.filter(({ from }) => from === place).map(({ tokens }) => tokens[0] ?? 0);
}

/** Those that begin likely enough, the likeliest. `answers`: for each place, about its `firstTokens`. */
function likelyTrials({ trials }: Open, answers: ReadonlyMap<number, Answer | undefined>): Trial[] {
  const asked = new Map<number, number>();
  const margins = new Map<Trial, number>();
  for (const trial of trials) {
    const { from, written, costMax } = trial;
    const nth = asked.get(from) ?? 0;
    asked.set(from, nth + 1);
    margins.set(trial, costMax + (answers.get(from)?.logprobs[nth] ?? -Infinity) - written);
  }
  const marginOf = (trial: Trial): number => margins.get(trial) ?? -Infinity;
  return likeliest(staying(trials, marginOf), marginOf);
}

function feedOf(sequence: readonly number[], { from, tokens }: Trial): Feed {
  const fed = [sequence[from - 1] ?? 0, ...tokens.slice(0, -1)];
  return { kept: from - 1, tokens: fed, wanted: tokens.map((token) => [token]) };
}

function outcomeOf(trial: Trial, answers: readonly Answer[]): Outcome {
  const { tokens, written, costMax } = trial;
  const decoded = tokens.map((id, at): DecodedToken => {
    const { logprobs: [logprob = -Infinity] = [], frame = 0 } = answers[at] ?? {};
    return { id, logprob, frame };
  });
  return { ...trial, decoded, margin: costMax + decoded.reduce((sum, { logprob }) => sum + logprob, 0) - written };
}

/** Writes the terms that may stay; of those that overlap, the one that might have cost most more. */
function settle(row: WhisperRow, outcomes: readonly Outcome[]): void {
  const stay: Outcome[] = [];
  for (const one of outcomes.toSorted((a, b) => b.margin - a.margin)) {
    const overlaps = stay.some(({ place }) => place.first < one.place.past && one.place.first < place.past);
    if (!overlaps) stay.push(one);
  }
  for (const { place, at, decoded } of stay.toSorted((a, b) => b.place.first - a.place.first)) {
    const length = place.tokens.length - (at - place.first);
    row.tokens.splice(at, place.past - at, ...decoded.slice(0, length));
  }
}

interface Feeding {
  /** Of each row. */
  readonly feeds: readonly (readonly Feed[])[];
  readonly padding: number;
  readonly before: () => Promise<void>;
}

/** Side by side in one pass where the decoder can; else one after the other, each with all before it. */
async function feedRows(
  decoder: WhisperDecoder,
  rows: readonly Open[],
  { feeds, padding, before }: Feeding,
): Promise<Answers[]> {
  if (decoder.branches) {
    await before();
    return feedOnce(decoder, rows, feeds, padding);
  }
  const answers: Answers[] = rows.map(() => []);
  for (let turn = 0; feeds.some(({ length }) => turn < length); turn++) {
    await before();
    decoder.restart();
    const now = feeds.map((one) => one.slice(turn, turn + 1));
    for (const [i, [answer]] of (await feedOnce(decoder, rows, now, padding)).entries()) {
      if (answer !== undefined) answers[i]?.push(answer);
    }
  }
  return answers;
}

/** A token that is fed: its place in its row's text, and what is wanted behind it. */
interface Fed extends View {
  readonly token: number;
  readonly place: number;
  readonly wanted: readonly number[];
  /** Of the feed and of the token in it. */
  readonly of: readonly [feed: number, at: number];
}

async function feedOnce(
  decoder: WhisperDecoder,
  rows: readonly Open[],
  feeds: readonly (readonly Feed[])[],
  padding: number,
): Promise<Answers[]> {
  const fed = rows.map((row, i) => fedOf(row, feeds[i] ?? [], decoder.branches));
  const width = Math.max(...fed.map(({ length }) => length));
  const columns = Array.from({ length: width }, (_, column) => column);
  const chosen = fed.flatMap((tokens, i) =>
    tokens.flatMap(({ wanted, place, of }, column) => {
      if (wanted.length === 0) return [];
      const isFirst = place === (rows[i]?.row.prompt.tokens.length ?? 0) - 1;
      const rule = isFirst ? (rows[i]?.row.firstRule ?? 'text') : (rows[i]?.row.textRule ?? 'text');
      return [{ i, of, candidates: wanted, rule, select: i * width + column }];
    }),
  );
  const choices = await decoder.advance({
    batch: rows.length,
    tokens: fed.flatMap((tokens) => columns.map((column) => tokens[column]?.token ?? padding)),
    positions: fed.flatMap((tokens) => columns.map((column) => tokens[column]?.place ?? 0)),
    present: fed.flatMap((tokens) => columns.map((column) => column < tokens.length)),
    views: decoder.branches
      ? fed.flatMap((tokens) => columns.map((column) => tokens[column] ?? { kept: 1, first: column }))
      : undefined,
    select: chosen.map(({ select }) => select),
    rules: chosen.map(({ rule }) => rule),
    logits: false,
    candidates: chosen.map(({ candidates }) => candidates),
  });
  const answers = feeds.map((one) => one.map((): Answer[] => []));
  for (const [n, { i, of }] of chosen.entries()) {
    const answered = answers[i]?.[of[0]];
    if (answered === undefined) continue;
    answered[of[1]] = {
      logprobs: [...logprobsOf(choices.candidateLogits[n] ?? new Float32Array(1), choices.logprob[n] ?? 0)],
      frame: choices.frame[n] ?? 0,
    };
  }
  for (const [i, { length }] of feeds.entries()) if (length > 0 && rows[i] !== undefined) rows[i].row.steps++;
  return answers;
}

/** What one row is fed: behind what the decoder holds, or, where it does not branch, all of it again. */
function fedOf({ sequence }: Open, feeds: readonly Feed[], branches: boolean): Fed[] {
  const fed: Fed[] = [];
  for (const [feed, { kept, tokens, wanted }] of feeds.entries()) {
    const first = fed.length;
    const before = branches ? [] : sequence.slice(0, kept);
    for (const [place, token] of before.entries()) fed.push({ token, place, kept, first, wanted: [], of: [feed, -1] });
    for (const [at, token] of tokens.entries()) {
      fed.push({ token, place: kept + at, kept, first, wanted: wanted[at] ?? [], of: [feed, at] });
    }
  }
  return fed;
}
