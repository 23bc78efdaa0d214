// GPT-2's byte-level alphabet: each byte of UTF-8 stands as one printable character in the vocabulary.

/**
 * Bytes that are printable in Latin-1 stand for themselves, the others follow from U+0100 on in the order of their
 * value (`bytes_to_unicode` of GPT-2's encoder, which Whisper's vocabularies use).
 */
function buildAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 0x100; byte += 1) {
    alphabet.set(String.fromCodePoint(isPrintable(byte) ? byte : next++), byte);
  }
  return alphabet;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

const BYTE_OF = buildAlphabet();

/** The 256 characters in the order of GPT-2's vocabulary: the printable bytes first. */
export const BYTE_CHARACTERS: readonly string[] = [...BYTE_OF.keys()].sort();

const utf8 = new TextEncoder();

/**
 * The bytes that a vocabulary entry stands for. An entry outside the alphabet (a token added as plain text) is its own
 * UTF-8.
 */
export function tokenBytes(entry: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of entry) {
    const byte = BYTE_OF.get(character);
    if (byte === undefined) return utf8.encode(entry);
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

const CHARACTER_OF: ReadonlyMap<number, string> = new Map([...BYTE_OF].map(([character, byte]) => [byte, character]));

/** The vocabulary entry that stands for bytes. */
export function entryOfBytes(bytes: Uint8Array): string {
  let entry = '';
  for (const byte of bytes) entry += CHARACTER_OF.get(byte) ?? '';
  return entry;
}
