// Token ids to text as they come: a token may end in the middle of a character.

/** Turns bytes of tokens into text; what is returned never changes again. */
export class TextStream {
  readonly #bytesOf: (id: number) => Uint8Array;
  #utf8 = newDecoder();

  /** @param bytesOf the bytes of a token; none for a special token */
  constructor(bytesOf: (id: number) => Uint8Array) {
    this.#bytesOf = bytesOf;
  }

  /**
   * The text that the token completes: empty while a character is unfinished. Bytes that are no UTF-8 become U+FFFD.
   */
  push(id: number): string {
    return this.#utf8.decode(this.#bytesOf(id), { stream: true });
  }

  /** Ends the text: U+FFFD when a character was left unfinished, else nothing. The stream can be used anew. */
  end(): string {
    const rest = this.#utf8.decode();
    this.#utf8 = newDecoder();
    return rest;
  }
}

/** Whether the bytes end inside a character that further bytes could complete. */
export function endsInsideCharacter(bytes: Uint8Array): boolean {
  // ASCII is whole by itself: two decoders for every token of a partial cost more than all else that is done with it.
  if ((bytes.at(-1) ?? 0) < 0x80) return false;
  return newDecoder().decode(bytes, { stream: true }) !== newDecoder().decode(bytes);
}

/** A byte order mark is text like any other here: decoders drop it unless told. */
function newDecoder() {
  return new TextDecoder('utf-8', { ignoreBOM: true });
}
