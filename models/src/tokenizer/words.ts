// Words out of tokens, as Whisper cuts them for word times (openai/whisper `tokenizer.py`, `timing.py`).
import { endsInsideCharacter } from './text-stream.js';

/** What cutting needs of a tokenizer. */
interface TokenReader {
  bytesOf(id: number): Uint8Array;
  /** Undefined for a token that begins or ends inside a character. */
  textOf(id: number): string | undefined;
  decode(ids: Iterable<number>): string;
}

/**
 * A word and the tokens that spell it: `first` to `past` - 1 of the ids that were given. `text` has its own leading
 * space.
 */
export interface TokenWord {
  readonly text: string;
  readonly first: number;
  readonly past: number;
}

/** Languages written without spaces: every character counts as a word. */
const UNSPACED = new Set(['zh', 'ja', 'th', 'lo', 'my', 'yue']);
/** Python's `string.punctuation`: alone it begins a word, to be merged by {@link mergePunctuation}. */
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';
/** Punctuation that belongs to the word after it, and to the word before it. */
const OPENING = '"\'“¿([{-';
const CLOSING = '"\'.。,，!！?？:：”)]}、';

/**
 * Cuts text tokens into words: at spaces, or by character where the language has none. Every token is in exactly one
 * word.
 */
export function splitWords(tokenizer: TokenReader, ids: readonly number[], language: string): TokenWord[] {
  const characters = splitCharacters(tokenizer, ids);
  return UNSPACED.has(language) ? characters : joinUntilSpace(characters);
}

/** Where a mark within a number parts it in two: 1,234 and 10:30 (Whisper's own cutting leaves them so). */
const NUMBER_END = /\p{N}$/u;
const NUMBER_REST = /^[.,:]\p{N}/u;

/** Gives punctuation to the word that it belongs to. */
export function mergePunctuation(words: readonly TokenWord[]): TokenWord[] {
  const opened: TokenWord[] = [];
  for (const word of words.toReversed()) {
    const following = opened.at(-1);
    const opens = word.text.startsWith(' ') && OPENING.includes(word.text.trim());
    if (opens && following) opened[opened.length - 1] = joined(word, following);
    else opened.push(word);
  }
  const closed: TokenWord[] = [];
  for (const word of opened.toReversed()) {
    const previous = closed.at(-1);
    const closes = previous && !previous.text.endsWith(' ') && CLOSING.includes(word.text);
    if (previous && (closes || (NUMBER_END.test(previous.text) && NUMBER_REST.test(word.text)))) {
      closed[closed.length - 1] = joined(previous, word);
    } else closed.push(word);
  }
  return closed;
}

/** Runs of tokens that end at the end of a character: `split_tokens_on_unicode`. */
function splitCharacters(tokenizer: TokenReader, ids: readonly number[]): TokenWord[] {
  const words: TokenWord[] = [];
  let first = 0;
  let bytes = new Uint8Array(0);
  for (const [index, id] of ids.entries()) {
    const whole = first === index ? tokenizer.textOf(id) : undefined;
    if (whole !== undefined) {
      first = index + 1;
      words.push({ text: whole, first: index, past: first });
      continue;
    }
    bytes = Uint8Array.of(...bytes, ...tokenizer.bytesOf(id));
    const past = index + 1;
    if (past < ids.length && endsInsideCharacter(bytes)) continue;
    words.push({ text: tokenizer.decode(ids.slice(first, past)), first, past });
    first = past;
    bytes = new Uint8Array(0);
  }
  return words;
}

/** A word begins at a space or at punctuation that stands alone: `split_tokens_on_spaces`. */
function joinUntilSpace(parts: readonly TokenWord[]): TokenWord[] {
  const words: TokenWord[] = [];
  for (const part of parts) {
    const previous = words.at(-1);
    const begins = part.text.startsWith(' ') || PUNCTUATION.includes(part.text.trim());
    if (previous && !begins) words[words.length - 1] = joined(previous, part);
    else words.push(part);
  }
  return words;
}

function joined(left: TokenWord, right: TokenWord): TokenWord {
  return { text: left.text + right.text, first: left.first, past: right.past };
}
