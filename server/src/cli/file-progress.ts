// How far files are, on standard error: a bar for the one under way, a line for all of them at the end.

/** What a terminal offers; `process.stderr` is one. */
export interface ProgressTerminal {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const BAR_CELLS = 24;
const REDRAW_MS = 100;
const CLEAR_LINE = '\r\u001b[2K';

/** Draws nothing unless it is a terminal. */
export class FileProgress {
  readonly #terminal: ProgressTerminal;
  readonly #now: () => number;
  readonly #startedAt: number;
  #file: { readonly name: string; readonly startedAt: number } | undefined;
  #drawnAt = -Infinity;
  #files = 0;
  #audioMs = 0;

  constructor(terminal: ProgressTerminal = process.stderr, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
    this.#startedAt = now();
  }

  begin(name: string): void {
    this.#file = { name, startedAt: this.#now() };
    this.#draw(0, undefined);
  }

  /** `totalMs`: of the whole file, as far as it can be known yet. */
  heard(heardMs: number, totalMs: number | undefined): void {
    if (this.#now() - this.#drawnAt >= REDRAW_MS) this.#draw(heardMs, totalMs);
  }

  /** Takes the bar away, so that other text can be written. */
  clear(): void {
    if (this.#terminal.isTTY === true) this.#terminal.write(CLEAR_LINE);
    this.#drawnAt = -Infinity;
  }

  done(audioMs: number): void {
    this.clear();
    this.#files += 1;
    this.#audioMs += audioMs;
    this.#file = undefined;
  }

  /** All files together: `3 files, 12:34 of audio in 1:02 (12.2 times as fast as speech)`. */
  summary(): string {
    const tookMs = this.#now() - this.#startedAt;
    const count = this.#files === 1 ? '1 file' : `${this.#files} files`;
    return `${count}, ${clock(this.#audioMs)} of audio in ${clock(tookMs)} (${speed(this.#audioMs, tookMs)} times as fast as speech)`;
  }

  #draw(heardMs: number, totalMs: number | undefined): void {
    if (this.#terminal.isTTY !== true || this.#file === undefined) return;
    this.#drawnAt = this.#now();
    const tookMs = this.#now() - this.#file.startedAt;
    const share = totalMs === undefined || totalMs <= 0 ? 0 : Math.min(1, heardMs / totalMs);
    const cells = Math.round(share * BAR_CELLS);
    const left =
      heardMs === 0 || totalMs === undefined ? '' : `  ${clock((tookMs * (totalMs - heardMs)) / heardMs)} left`;
    const facts = `${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)} ${String(Math.floor(share * 100)).padStart(3)} %  ${speed(heardMs, tookMs)}x${left}`;
    const room = Math.max(8, (this.#terminal.columns ?? 80) - facts.length - 3);
    this.#terminal.write(`${CLEAR_LINE}${shortened(this.#file.name, room)}  ${facts}`);
  }
}

function speed(audioMs: number, tookMs: number): string {
  return (audioMs / Math.max(1, tookMs)).toFixed(1);
}

function clock(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0
    ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}`
    : `${m}:${String(s).padStart(2, '0')}`;
}

/** The end of a long path tells more than its beginning. */
function shortened(name: string, room: number): string {
  return name.length <= room ? name.padEnd(Math.min(room, 24)) : `…${name.slice(1 - room)}`;
}
