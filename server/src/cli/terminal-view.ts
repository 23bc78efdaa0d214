// A live transcript in a terminal: finals settle as lines, under them the utterance in progress grows, its tentative
// end dimmed.
import { TranscriptView, type SessionEvent } from '@sotto/client';
import { joinTexts } from '@sotto/protocol';
import { wrapText, type TextLine } from '../captions/wrap-text.js';

/** The part of a terminal that the view uses; `process.stdout` is one. */
export interface Terminal {
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
  write(text: string): unknown;
}

const ESC = '\u001b[';
const CLEAR_BELOW = `${ESC}0J`;
const DIM = `${ESC}2m`;
const UNDIM = `${ESC}22m`;
const DEFAULT_COLUMNS = 80;
const DEFAULT_ROWS = 24;

export interface TerminalViewOptions {
  readonly terminal: Terminal;
  /** Whether finals settle when their polished text is there. Default: as they come. */
  readonly isPolished?: boolean;
  /** Whether tentative text may be dimmed. */
  readonly dim: boolean;
}

export class TerminalView {
  readonly #terminal: Terminal;
  readonly #dim: boolean;
  readonly #isPolished: boolean;
  /** Finals whose polished text has not come, by segment. */
  readonly #awaited = new Map<number, string>();
  readonly #view = new TranscriptView({ finalsMax: 1 });
  /** The lines of the live part as they stand on the screen, unstyled; the cursor is at the end of the last one. */
  #drawn: readonly string[] = [];

  constructor({ terminal, dim, isPolished = false }: TerminalViewOptions) {
    this.#terminal = terminal;
    this.#dim = dim;
    this.#isPolished = isPolished;
  }

  event(event: SessionEvent): void {
    if (!this.#view.apply(event)) return;
    const settled = printable(this.#settled(event)).trim();
    // A settled line is printed once, broken between words, and belongs to the terminal from then on.
    this.#draw(settled === '' ? '' : `${linesOf(settled, this.#columns)}\n`);
  }

  /** Prints a line of the program above the live part. */
  note(line: string): void {
    this.#draw(`${line}\n`);
  }

  /** Leaves the live part, if any, as it stands and the cursor on a fresh line. */
  end(): void {
    const lines = Array.from(this.#awaited.values(), (text) => `${linesOf(printable(text).trim(), this.#columns)}\n`);
    this.#awaited.clear();
    if (lines.length > 0) this.#draw(lines.join(''));
    if (this.#drawn.length > 0) this.#terminal.write('\n');
    this.#drawn = [];
  }

  /** The text that an event settles; empty: none. */
  #settled(event: SessionEvent): string {
    if (event.type === 'final') {
      if (!this.#isPolished || event.text === '') return event.text;
      this.#awaited.set(event.segmentId, event.text);
    }
    if (event.type !== 'polished' || event.segmentId === undefined) return '';
    this.#awaited.delete(event.segmentId);
    return event.text;
  }

  get #columns(): number {
    return Math.max(2, this.#terminal.columns ?? DEFAULT_COLUMNS);
  }

  #draw(above: string): void {
    const stable = printable(joinTexts([...this.#awaited.values(), this.#view.stable]));
    const seam = stable !== '' && this.#view.stable === '' ? ' ' : '';
    const lines = wrapText(stable + seam + printable(this.#view.tentative), this.#columns);
    // What does not fit the screen is left out at the top; one row stays free for what settles.
    const rows = Math.max(1, (this.#terminal.rows ?? DEFAULT_ROWS) - 1);
    const shown = lines.slice(-rows);
    const live = shown.map((line) => this.#style(line, stable.length)).join('\n');
    // One write, so that no terminal shows a half-drawn state.
    this.#terminal.write(this.#eraseDrawn() + above + live);
    this.#drawn = shown.map(({ text }) => text);
  }

  #eraseDrawn(): string {
    if (this.#drawn.length === 0) return '';
    // After the window was narrowed the terminal has wrapped our lines again: count them by the width of now.
    const rows = this.#drawn.reduce((sum, line) => sum + Math.max(1, wrapText(line, this.#columns).length), 0);
    return `\r${rows > 1 ? `${ESC}${rows - 1}A` : ''}${CLEAR_BELOW}`;
  }

  /** The line with what lies behind the stable text dimmed. */
  #style({ text, start }: TextLine, stableLength: number): string {
    const plain = Math.max(0, stableLength - start);
    if (!this.#dim || plain >= text.length) return text;
    return `${text.slice(0, plain)}${DIM}${text.slice(plain)}${UNDIM}`;
  }
}

function linesOf(text: string, columns: number): string {
  return wrapText(text, columns)
    .map((line) => line.text)
    .join('\n');
}

/** Text that cannot steer the terminal: what a server sends is shown, not obeyed. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
