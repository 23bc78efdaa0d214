// A Whisper tokenizer.json of a few hundred entries: all single bytes, the pieces of given words, and the special tokens.

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
export function smallTokenizer(words: readonly string[]): Record<string, unknown> {
  const entries = byteAlphabet();
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
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_NAMES.map((name, index) => addedToken(name, entries.length + index)),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(entries.map((entry, id) => [entry, id])),
      merges,
    },
  };
}

/** GPT-2's characters for the 256 bytes, printable ones first. */
function byteAlphabet(): string[] {
  return [...characters(0x21, 0x7e), ...characters(0xa1, 0xac), ...characters(0xae, 0xff), ...characters(0x100, 0x143)];
}

function characters(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i));
}

function addedToken(content: string, id: number): Record<string, unknown> {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}
