// A second look at finished texts: where a place sounds like a term of the caller's, the decoder is fed the text with
// the term in it, and the term stays where the model takes it to be nearly as likely as what it wrote itself. Words
// that sound like no term are never touched.
import type { WhisperDecoder } from '@sotto/models';
import type { DecodedToken } from '../engine.js';
import type { TermFinder, TermPlace } from '../hotwords/term-places.js';
import type { WhisperRow } from './whisper-row.js';

/** Tokens behind a place that are weighed with it: they must go on as well from the term. */
const TOKENS_BEHIND = 3;
/** Places of one text that are tried, the likeliest; places that were found. */
const TRIALS_MAX = 6;
const PLACES_MAX = 64;

/** A text with a term in one place, to be fed from where it parts from what was written. */
interface Trial {
  readonly place: TermPlace;
  /** The first token that becomes another: its place behind the prompt's first. */
  readonly from: number;
  /** What comes from there on: the rest of the term, and some of what is behind it. */
  readonly tokens: readonly number[];
  /** Natural log of the probability of what is there now, as far as `tokens` go. */
  readonly written: number;
}

/** A trial that may stay: the term's tokens, and how much more it might have cost. */
interface Outcome extends Trial {
  readonly decoded: readonly DecodedToken[];
  readonly margin: number;
}

/** A row, prompt and text, and how many of its tokens the decoder holds. */
interface Open {
  readonly row: WhisperRow;
  /** With <|endoftext|>. */
  readonly sequence: readonly number[];
  readonly trials: readonly Trial[];
  readonly outcomes: Outcome[];
  fed: number;
}

/** What one row is fed in a pass behind its first `kept` tokens. */
interface Feed {
  readonly kept: number;
  readonly tokens: readonly number[];
  /** Tokens whose probability behind each of `tokens` is wanted. */
  readonly wanted: readonly (readonly number[])[];
}

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
  const pass = async (feeds: readonly (Feed | undefined)[]): Promise<(readonly Answer[])[]> => {
    await before();
    return feedRows(decoder, open, feeds, endOfText);
  };
  // How each term begins is looked at in all places at once: most are out of the question.
  if (open.some(({ trials }) => trials.length > 1)) {
    const answers = await pass(open.map(probeOf));
    open = open.map((one, i) => ({ ...one, trials: likelyTrials(one, answers[i] ?? []) }));
  }
  for (let turn = 0; open.some(({ trials }) => turn < trials.length); turn++) {
    const answers = await pass(open.map((one) => feedOf(one, one.trials[turn])));
    for (const [i, { trials, outcomes }] of open.entries()) {
      const trial = trials[turn];
      const outcome = trial === undefined ? undefined : outcomeOf(trial, answers[i] ?? []);
      if (outcome !== undefined) outcomes.push(outcome);
    }
  }
  for (const { row, outcomes } of open) settle(row, outcomes);
}

async function openRow(row: WhisperRow, places: TermFinder | undefined, endOfText: number): Promise<Open> {
  const ids = row.tokens.map(({ id }) => id);
  const sequence = [...row.prompt.tokens, ...ids, endOfText];
  // Where the limit ended a text the decoder has not seen its last token.
  const found = places === undefined || row.endLogprob === null ? [] : await places.find(ids);
  const trials = found.slice(0, PLACES_MAX).map((place) => trialOf(row, place, endOfText));
  return { row, sequence, trials: chosen(trials.filter(isOpen)), outcomes: [], fed: sequence.length - 1 };

  /** Whether the term can be as likely as it must be, if all behind its first other token were certain. */
  function isOpen({ from, written, place, tokens }: Trial): boolean {
    const there = logprobAt(row, from - row.prompt.tokens.length);
    const fits = from + tokens.length <= row.placesMax;
    return fits && Math.log1p(-Math.exp(Math.min(there, -1e-9))) - written >= -place.costMax;
  }
}

function trialOf(row: WhisperRow, place: TermPlace, endOfText: number): Trial {
  const { tokens, first, past } = place;
  let same = 0;
  while (same < tokens.length && first + same < past && row.tokens[first + same]?.id === tokens[same]) same++;
  const behind = [...row.tokens.slice(past).map(({ id }) => id), endOfText].slice(0, TOKENS_BEHIND);
  let written = 0;
  for (let at = first + same; at < past + behind.length; at++) written += logprobAt(row, at);
  return { place, written, from: row.prompt.tokens.length + first + same, tokens: [...tokens.slice(same), ...behind] };
}

/** Of a token of the text, or of its end. */
function logprobAt(row: WhisperRow, at: number): number {
  return row.tokens[at]?.logprob ?? row.endLogprob ?? 0;
}

/** From the last place to the first: what is fed for one leaves all that is before it as it was written. */
function chosen(trials: readonly Trial[]): Trial[] {
  return trials.toSorted((a, b) => b.from - a.from);
}

/** All first tokens of a row's trials, behind the text as it was written. */
function probeOf({ trials, sequence }: Open): Feed | undefined {
  const [last, first] = [trials[0], trials.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const kept = first.from - 1;
  const tokens = sequence.slice(kept, last.from);
  const wanted = tokens.map((_, at) =>
    trials.filter(({ from }) => from === kept + at + 1).map((trial) => trial.tokens[0] ?? 0),
  );
  return { kept, tokens, wanted };
}

/** Those that begin likely enough, the likeliest. */
function likelyTrials({ trials }: Open, answers: readonly Answer[]): Trial[] {
  const kept = (trials.at(-1)?.from ?? 1) - 1;
  const asked = new Map<number, number>();
  const judged = trials.map((trial) => {
    const at = trial.from - 1 - kept;
    const nth = asked.get(at) ?? 0;
    asked.set(at, nth + 1);
    const begins = answers[at]?.logprobs[nth] ?? -Infinity;
    return { trial, margin: trial.place.costMax + begins - trial.written };
  });
  const likely = judged.filter(({ margin }) => margin >= 0).toSorted((a, b) => b.margin - a.margin);
  return chosen(likely.slice(0, TRIALS_MAX).map(({ trial }) => trial));
}

function feedOf({ sequence }: Open, trial: Trial | undefined): Feed | undefined {
  if (trial === undefined) return undefined;
  const { from, tokens } = trial;
  const fed = [sequence[from - 1] ?? 0, ...tokens.slice(0, -1)];
  return { kept: from - 1, tokens: fed, wanted: tokens.map((token) => [token]) };
}

function outcomeOf(trial: Trial, answers: readonly Answer[]): Outcome | undefined {
  const { place, tokens, from, written } = trial;
  const decoded = tokens.map((id, at): DecodedToken => {
    const { logprobs: [logprob = -Infinity] = [], frame = 0 } = answers[at] ?? {};
    return { id, logprob, frame };
  });
  const margin = place.costMax + decoded.reduce((sum, { logprob }) => sum + logprob, 0) - written;
  return margin >= 0 ? { ...trial, from, decoded, margin } : undefined;
}

/** Writes the terms that may stay; of those that overlap, the one that might have cost most more. */
function settle(row: WhisperRow, outcomes: readonly Outcome[]): void {
  const stay: Outcome[] = [];
  for (const one of outcomes.toSorted((a, b) => b.margin - a.margin)) {
    const overlaps = stay.some(({ place }) => place.first < one.place.past && one.place.first < place.past);
    if (!overlaps) stay.push(one);
  }
  for (const { place, from, decoded } of stay.toSorted((a, b) => b.place.first - a.place.first)) {
    const at = from - row.prompt.tokens.length;
    const length = place.tokens.length - (at - place.first);
    row.tokens.splice(at, place.past - at, ...decoded.slice(0, length));
  }
}

async function feedRows(
  decoder: WhisperDecoder,
  rows: readonly Open[],
  feeds: readonly (Feed | undefined)[],
  padding: number,
): Promise<(readonly Answer[])[]> {
  // A decoder that takes several tokens of a row only as its first ones is fed all of it again.
  if (!decoder.extendsRows) decoder.restart();
  const fed = rows.map((one, i) => {
    const feed = feeds[i];
    if (feed === undefined) return { start: 0, skipped: 0, tokens: [] as readonly number[], wanted: [] };
    if (decoder.extendsRows) decoder.retract(i, one.fed - feed.kept);
    one.fed = feed.kept + feed.tokens.length;
    const before = decoder.extendsRows ? [] : one.sequence.slice(0, feed.kept);
    return {
      start: feed.kept - before.length,
      skipped: before.length,
      tokens: [...before, ...feed.tokens],
      wanted: feed.wanted,
    };
  });
  const width = Math.max(...fed.map(({ tokens }) => tokens.length));
  const columns = Array.from({ length: width }, (_, column) => column);
  const chosen = fed.flatMap(({ start, skipped, wanted }, i) =>
    wanted.flatMap((candidates, at) => {
      const column = skipped + at;
      const isFirst = start + column === (rows[i]?.row.prompt.tokens.length ?? 0) - 1;
      const rule = isFirst ? (rows[i]?.row.firstRule ?? 'text') : 'text';
      return candidates.length === 0 ? [] : [{ i, at, candidates, rule, select: i * width + column }];
    }),
  );
  const choices = await decoder.advance({
    batch: rows.length,
    tokens: fed.flatMap(({ tokens }) => columns.map((column) => tokens[column] ?? padding)),
    positions: fed.flatMap(({ tokens, start }) =>
      columns.map((column) => (column < tokens.length ? start + column : 0)),
    ),
    present: fed.flatMap(({ tokens }) => columns.map((column) => column < tokens.length)),
    select: chosen.map(({ select }) => select),
    rules: chosen.map(({ rule }) => rule),
    logits: false,
    candidates: chosen.map(({ candidates }) => candidates),
  });
  const answers: Answer[][] = rows.map(() => []);
  for (const [n, { i, at, candidates }] of chosen.entries()) {
    const logits = choices.candidateLogits[n] ?? new Float32Array();
    // The best one is behind the candidates.
    const shift = (choices.logprob[n] ?? 0) - (logits[candidates.length] ?? 0);
    const answered = answers[i];
    if (answered === undefined) continue;
    answered[at] = {
      logprobs: candidates.map((_, k) => (logits[k] ?? -Infinity) + shift),
      frame: choices.frame[n] ?? 0,
    };
  }
  for (const [i, feed] of feeds.entries()) if (feed !== undefined && rows[i] !== undefined) rows[i].row.steps++;
  return answers;
}
