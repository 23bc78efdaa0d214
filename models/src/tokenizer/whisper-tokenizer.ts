// Whisper's byte-level BPE tokenizer: text to token ids and back, read from a model's tokenizer.json.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import * as v from 'valibot';
import { ModelError } from '../model-error.js';
import { tokenBytes } from './byte-level.js';
import { findSpecialTokens, type SpecialTokens } from './special-tokens.js';
import { TextStream } from './text-stream.js';
import { splitWords, type TokenWord } from './words.js';

const TokenizerFile = v.looseObject({
  added_tokens: v.array(v.looseObject({ id: v.pipe(v.number(), v.safeInteger()), content: v.string() })),
  model: v.looseObject({ type: v.literal('BPE') }),
});

const NO_BYTES = new Uint8Array(0);
const REPLACEMENT = '\uFFFD';
/** A byte order mark is text like any other here. One for all: each is memory outside of the heap. */
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads and writes the tokens of one model. Holds no state of any text: safe to share. */
export class WhisperTokenizer {
  readonly special: SpecialTokens;
  readonly #bpe: Tokenizer;
  /** Bytes by token id, filled as tokens are met: at most the vocabulary. */
  readonly #bytes = new Map<number, Uint8Array>();
  /** Their texts, where they are asked for. */
  readonly #texts = new Map<number, string>();

  /**
   * Loads `tokenizer.json` of a model's folder.
   * @throws ModelError `file_missing`, or `file_invalid` when it is no Whisper tokenizer
   */
  static async load(directory: string): Promise<WhisperTokenizer> {
    const file = join(directory, 'tokenizer.json');
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (cause) {
      throw new ModelError('file_missing', `${file} cannot be read`, { cause });
    }
    try {
      return new WhisperTokenizer(JSON.parse(text), file);
    } catch (cause) {
      if (cause instanceof ModelError) throw cause;
      throw new ModelError('file_invalid', `${file} is not a tokenizer that can be read`, { cause });
    }
  }

  /** @param content what tokenizer.json says, @param file named in errors */
  constructor(content: unknown, file = 'tokenizer.json') {
    const parsed = v.safeParse(TokenizerFile, content);
    if (!parsed.success) {
      throw new ModelError('file_invalid', `${file} is not a byte-level BPE tokenizer: ${v.summarize(parsed.issues)}`);
    }
    const { added_tokens: added, ...rest } = parsed.output;
    this.special = findSpecialTokens(new Map(added.map(({ content, id }) => [content, id])), file);
    // Without its added tokens the encoder cannot be talked into special ones: "<|endoftext|>" in a caller's prompt is
    // text.
    this.#bpe = new Tokenizer({ ...rest, added_tokens: [] }, { clean_up_tokenization_spaces: false });
  }

  /** Token ids of text; special tokens written in it are ordinary characters. Lone surrogates become U+FFFD. */
  encode(text: string): number[] {
    return text === '' ? [] : this.#bpe.encode(text, { add_special_tokens: false }).ids;
  }

  /**
   * Token ids of text that stands before a window, as Whisper was trained on it: trimmed, with a leading space. Empty
   * for blank text.
   */
  encodePrevious(text: string): number[] {
    const trimmed = text.trim();
    return trimmed === '' ? [] : this.encode(` ${trimmed}`);
  }

  /** Where the words lie among text tokens: {@link splitWords}. */
  words(ids: readonly number[], language: string): TokenWord[] {
    return splitWords(this, ids, language);
  }

  /** The text of token ids; special tokens are left out, broken characters become U+FFFD. */
  decode(ids: Iterable<number>): string {
    let text = '';
    /** Bytes of tokens that are no text by themselves. */
    let broken: Uint8Array[] = [];
    for (const id of ids) {
      const whole = this.textOf(id);
      if (whole === undefined) {
        broken.push(this.bytesOf(id));
        continue;
      }
      if (broken.length > 0) text += UTF8.decode(Buffer.concat(broken));
      broken = [];
      text += whole;
    }
    return broken.length === 0 ? text : text + UTF8.decode(Buffer.concat(broken));
  }

  /** The text of a token that is whole characters; undefined where it begins or ends inside of one. */
  textOf(id: number): string | undefined {
    let text = this.#texts.get(id);
    if (text === undefined) {
      const bytes = this.bytesOf(id);
      if (bytes === NO_BYTES) return '';
      text = UTF8.decode(bytes);
      this.#texts.set(id, text);
    }
    return text.includes(REPLACEMENT) ? undefined : text;
  }

  /** A decoder for tokens that come one after another. */
  openText(): TextStream {
    return new TextStream((id) => this.bytesOf(id));
  }

  /**
   * The UTF-8 bytes that a token stands for, perhaps a part of a character; none for special tokens and unknown ids.
   */
  bytesOf(id: number): Uint8Array {
    let bytes = this.#bytes.get(id);
    if (bytes === undefined) {
      const entry = id < this.special.endOfText ? this.#bpe.id_to_token(id) : undefined;
      if (entry === undefined) return NO_BYTES;
      bytes = tokenBytes(entry);
      this.#bytes.set(id, bytes);
    }
    return bytes;
  }
}
