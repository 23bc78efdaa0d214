// A small terminal: what a program's output looks like on a screen, with scroll-back.
import stringWidth from 'string-width';

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });
const CONTROL = /\p{Cc}\[(\d*)([A-Za-z])/uy;

/**
 * Understands what a line-oriented program uses: text, newline, carriage return, cursor up, erase below, dim. Dim text
 * is shown in ⟨⟩.
 */
export class Screen {
  /** One cell of a column; the second column of a wide character is empty. */
  readonly #rows: { text: string; dim: boolean }[][] = [[]];
  #row = 0;
  #column = 0;
  #dim = false;
  columns: number;
  rows: number;

  constructor(columns: number, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  write(output: string): void {
    for (let at = 0; at < output.length;) {
      CONTROL.lastIndex = at;
      const control = CONTROL.exec(output);
      if (control !== null) {
        this.#control(control[2] ?? '', Number(control[1] || 1), control[1] ?? '');
        at = CONTROL.lastIndex;
      } else if (output[at] === '\n') {
        this.#newline();
        at++;
      } else if (output[at] === '\r') {
        this.#column = 0;
        at++;
      } else {
        const next = output.slice(at).search(/\p{Cc}/u);
        if (next === 0) throw new Error(`The screen does not know the character ${JSON.stringify(output[at])}.`);
        const text = next === -1 ? output.slice(at) : output.slice(at, at + next);
        for (const { segment } of segmenter.segment(text)) this.#put(segment);
        at += text.length;
      }
    }
  }

  /** All lines ever shown, without the spaces at their ends. */
  get lines(): string[] {
    return this.#rows.map((row) => {
      const marked = row.map(({ text, dim }) => (dim && text.trim() !== '' ? `⟨${text}⟩` : text)).join('');
      return marked
        .replaceAll('⟩⟨', '')
        .replaceAll(/⟩( +)⟨/g, '$1')
        .trimEnd();
    });
  }

  #control(letter: string, count: number, argument: string): void {
    if (letter === 'A') {
      // A real cursor stops at the top of the window.
      const top = Math.max(0, this.#rows.length - this.rows);
      this.#row = Math.max(top, this.#row - count);
    } else if (letter === 'J' && argument === '0') {
      this.#rows.length = this.#row + 1;
      this.#rows[this.#row]?.splice(this.#column);
    } else if (letter === 'm') {
      this.#dim = argument === '2';
    } else {
      throw new Error(`The screen does not know the control ${argument}${letter}.`);
    }
  }

  #newline(): void {
    this.#row++;
    this.#column = 0;
    this.#rows[this.#row] ??= [];
  }

  #put(grapheme: string): void {
    const width = stringWidth(grapheme);
    if (this.#column + width > this.columns) this.#newline();
    const row = this.#rows[this.#row] ?? [];
    while (row.length < this.#column) row.push({ text: ' ', dim: false });
    for (let index = 0; index < width; index++)
      row[this.#column++] = { text: index === 0 ? grapheme : '', dim: this.#dim };
  }
}
