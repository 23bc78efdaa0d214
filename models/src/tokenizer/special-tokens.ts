// Whisper's special tokens: the numbers that steer the decoder, found by their names in the vocabulary.
import { ModelError } from '../model-error.js';

/** Token ids of Whisper's special tokens (Radford et al. 2022, section 2.3; openai/whisper `tokenizer.py`). */
export interface SpecialTokens {
  /** <|endoftext|>. Every text token is smaller than it. */
  readonly endOfText: number;
  readonly startOfTranscript: number;
  /** Language code -> token, in the vocabulary's order. */
  readonly languages: ReadonlyMap<string, number>;
  readonly translate: number;
  readonly transcribe: number;
  /** <|startofprev|>: the text before the window follows. */
  readonly startOfPrevious: number;
  /** <|nospeech|> (<|nocaptions|> in older files). */
  readonly noSpeech: number;
  readonly noTimestamps: number;
  /** <|0.00|>, the first of the tokens that stand for times; `null` in a model without them. */
  readonly firstTimestamp: number | null;
}

const LANGUAGE = /^<\|([a-z]{2,3})\|>$/;

/**
 * Finds the special tokens among the added ones.
 * @param added content -> id of every added token
 * @throws ModelError `file_invalid` naming the token that is missing
 */
export function findSpecialTokens(added: ReadonlyMap<string, number>, file: string): SpecialTokens {
  const find = (...names: readonly string[]): number => {
    const id = names.map((name) => added.get(name)).find((found) => found !== undefined);
    if (id === undefined)
      throw new ModelError('file_invalid', `${file}: no token ${names[0]}: not a Whisper tokenizer`);
    return id;
  };
  const languages = new Map<string, number>();
  for (const [content, id] of [...added].sort(([, a], [, b]) => a - b)) {
    const code = LANGUAGE.exec(content)?.[1];
    if (code !== undefined) languages.set(code, id);
  }
  return {
    endOfText: find('<|endoftext|>'),
    startOfTranscript: find('<|startoftranscript|>'),
    languages,
    translate: find('<|translate|>'),
    transcribe: find('<|transcribe|>'),
    startOfPrevious: find('<|startofprev|>'),
    noSpeech: find('<|nospeech|>', '<|nocaptions|>'),
    noTimestamps: find('<|notimestamps|>'),
    firstTimestamp: added.get('<|0.00|>') ?? null,
  };
}
