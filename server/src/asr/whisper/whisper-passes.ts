// The two ways a batch goes through the decoder: prompts and drafts in parallel, then one token at a time.
import type { Choices, KeptLogits, WhisperDecoder } from '@sotto/models';
import type { LogitsShelf } from './logits-shelf.js';
import type { Choice, WhisperRow } from './whisper-row.js';

/** What the first pass tells of each row. */
export interface FirstPass {
  /** Choices behind the prompt and behind each token of the draft. */
  readonly text: readonly (readonly Choice[])[];
  readonly noSpeech: readonly number[];
  /** Probabilities of the model's languages among each other; empty for English-only models. */
  readonly languages: readonly Float32Array[];
}

/** Feeds every row its prompt and its draft. @param padding any token; `shelf`: where logits are kept, if they are */
export async function firstPass(
  decoder: WhisperDecoder,
  rows: readonly WhisperRow[],
  padding: number,
  shelf?: LogitsShelf,
): Promise<FirstPass> {
  const fed = rows.map((row) => [...row.prompt.tokens, ...row.draft]);
  const width = Math.max(...fed.map((tokens) => tokens.length));
  const columns = Array.from({ length: width }, (_, column) => column);
  // Of each row: <|startoftranscript|>, the prompt's last token, the draft's tokens.
  const select = rows.flatMap(({ prompt, draft }, i) => {
    const behindPrompt = i * width + prompt.tokens.length - 1;
    return [i * width + prompt.startIndex, behindPrompt, ...draft.map((_, k) => behindPrompt + 1 + k)];
  });
  const choices = await decoder.advance({
    batch: rows.length,
    tokens: fed.flatMap((tokens) => columns.map((column) => tokens[column] ?? padding)),
    positions: fed.flatMap((tokens) => columns.map((column) => (column < tokens.length ? column : 0))),
    present: fed.flatMap((tokens) => columns.map((column) => column < tokens.length)),
    select,
    rules: rows.flatMap((row) => ['start', row.firstRule, ...row.draft.map(() => 'text' as const)]),
    logits: rows.some((row) => row.samples),
    keepsLogits: shelf?.isFull === false,
  });
  const others = othersOf(choices, shelf);
  for (const row of rows) row.steps++;
  const starts = rows.map((_, i) => rows.slice(0, i).reduce((sum, row) => sum + row.draft.length + 2, 0));
  const languages = choices.languages.length / select.length;
  return {
    text: rows.map((row, i) =>
      Array.from({ length: row.draft.length + 1 }, (_, k) =>
        choiceAt(choices, (starts[i] ?? 0) + 1 + k, select.length, others),
      ),
    ),
    noSpeech: starts.map((start) => choices.noSpeech[start] ?? 0),
    languages: starts.map((start) => choices.languages.subarray(start * languages, (start + 1) * languages)),
  };
}

/**
 * What the model hears of each row's language with nothing told before: behind text it hears the language of the text.
 * The decoder forgets it. (openai/whisper `decoding.py`, detect_language, tells nothing before either.)
 */
export async function languagePass(
  decoder: WhisperDecoder,
  rows: number,
  startOfTranscript: number,
): Promise<readonly Float32Array[]> {
  const each = Array.from({ length: rows }, (_, row) => row);
  const { languages } = await decoder.advance({
    batch: rows,
    tokens: each.map(() => startOfTranscript),
    positions: each.map(() => 0),
    present: each.map(() => true),
    select: each,
    rules: each.map(() => 'start'),
    logits: false,
  });
  decoder.restart();
  const width = languages.length / rows;
  return each.map((row) => languages.subarray(row * width, (row + 1) * width));
}

/** Feeds each unfinished row the token that it wrote last, and lets it write the next. */
export async function stepPass(
  decoder: WhisperDecoder,
  rows: readonly WhisperRow[],
  padding: number,
  shelf?: LogitsShelf,
): Promise<void> {
  const open = rows.flatMap((row, i) => (row.finished ? [] : [i]));
  const choices = await decoder.advance({
    batch: rows.length,
    tokens: rows.map((row) => (row.finished ? padding : row.lastToken)),
    positions: rows.map((row) => (row.finished ? 0 : row.lastPosition)),
    present: rows.map((row) => !row.finished),
    select: open,
    rules: open.map((i) => rows[i]?.nextRule ?? 'text'),
    logits: rows.some((row) => row.samples && !row.finished),
    keepsLogits: shelf?.isFull === false,
  });
  const others = othersOf(choices, shelf);
  for (const [at, i] of open.entries()) {
    const row = rows[i];
    if (!row) continue;
    row.steps++;
    row.take(choiceAt(choices, at, open.length, others));
  }
}

/** A run's logits, if the shelf keeps them. */
function othersOf({ kept, logprob }: Choices, shelf: LogitsShelf | undefined): KeptLogits | undefined {
  return kept !== undefined && shelf?.add(kept, logprob) === true ? kept : undefined;
}

function choiceAt(choices: Choices, at: number, count: number, others: KeptLogits | undefined): Choice {
  const vocabulary = choices.logits.length / count;
  return {
    best: choices.best[at] ?? 0,
    logprob: choices.logprob[at] ?? 0,
    frame: choices.frame[at] ?? 0,
    ...(others !== undefined && { logprobOf: (token: number) => others.logprobOf(at, token) }),
    ...(vocabulary > 0 && { logits: choices.logits.subarray(at * vocabulary, (at + 1) * vocabulary) }),
  };
}

/** Out of logits, of which that of the best token is the last: its probability tells how they are shifted. */
export function logprobsOf(logits: Float32Array, bestLogprob: number): Float32Array {
  const shift = bestLogprob - (logits.at(-1) ?? 0);
  const logprobs = new Float32Array(logits.length - 1);
  for (let at = 0; at < logprobs.length; at++) logprobs[at] = (logits[at] ?? 0) + shift;
  return logprobs;
}
