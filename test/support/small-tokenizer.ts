// A Whisper tokenizer.json of a few hundred entries: all single bytes, the pieces of given words, and the special
// tokens.
import { tokenizerFile } from '../../models/src/tokenizer/tokenizer-file.js';
import { BYTE_CHARACTERS } from '../../models/src/tokenizer/byte-level.js';

/** Special tokens in Whisper's order, behind the text tokens. */
export const SPECIAL_NAMES: readonly string[] = [
  '<|endoftext|>',
  '<|startoftranscript|>',
  '<|en|>',
  '<|zh|>',
  '<|translate|>',
  '<|transcribe|>',
  '<|startoflm|>',
  '<|startofprev|>',
  '<|nospeech|>',
  '<|notimestamps|>',
  '<|0.00|>',
  '<|0.02|>',
];

/** The content of a tokenizer.json whose merges spell each of `words` (printable ASCII) as one token. */
export function smallTokenizer(words: readonly string[]): Readonly<Record<string, unknown>> {
  const entries = [...BYTE_CHARACTERS];
  const merges: [string, string][] = [];
  const known = new Set(entries);
  for (const word of words) {
    const pieces = [...word].map((character) => (character === ' ' ? 'Ġ' : character));
    for (let end = 2; end <= pieces.length; end += 1) {
      const whole = pieces.slice(0, end).join('');
      if (known.has(whole)) continue;
      known.add(whole);
      entries.push(whole);
      merges.push([pieces.slice(0, end - 1).join(''), pieces[end - 1] ?? '']);
    }
  }
  return tokenizerFile(entries, SPECIAL_NAMES, merges);
}
