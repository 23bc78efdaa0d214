// Draws captions: the last lines of what was said, rolling up, each utterance on a line of its own.
import { TranscriptView, type SessionEvent } from '@sotto/client';
import type { OverlayOptions } from './options.js';
import { maskSwearWords } from '../../../src/text/swear-words.js';

/** Utterances that may be on the screen; more than any number of lines needs. */
const UTTERANCES_MAX = 10;
/** Directions in which the outline is drawn: enough for a smooth edge at any width. */
const OUTLINE_STEPS = 16;

export class CaptionScreen {
  readonly #root: HTMLElement;
  readonly #options: OverlayOptions;
  #view = new TranscriptView({ finalsMax: UTTERANCES_MAX });
  /** Finals up to this one have vanished after a silence. */
  #hiddenThrough = -1;
  #hiding: ReturnType<typeof setTimeout> | undefined;
  #shown = '';

  constructor(root: HTMLElement, options: OverlayOptions) {
    this.#root = root;
    this.#options = options;
    applyStyle(root, options);
  }

  /** Takes an event of the session, now or after the delay. */
  take(event: SessionEvent): void {
    if (this.#options.delay === 0) this.#apply(event);
    else setTimeout(() => this.#apply(event), this.#options.delay);
  }

  #apply(event: SessionEvent): void {
    if (event.type === 'ready') {
      // A session of its own: its utterances are counted anew.
      this.#view = new TranscriptView({ finalsMax: UTTERANCES_MAX });
      this.#hiddenThrough = -1;
      return;
    }
    if (this.#view.apply(event)) this.#draw();
  }

  #draw(): void {
    const { stable, tentative } = this.#view;
    const finals = this.#view.finals.filter(({ segmentId }) => segmentId > this.#hiddenThrough);
    const shown = JSON.stringify([finals.map(({ text }) => text), stable, tentative]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const lines = finals.map(({ text }) => utterance(this.#words(text), ''));
    if (stable + tentative !== '') lines.push(utterance(this.#words(stable), this.#words(tentative)));
    this.#root.replaceChildren(...lines);
    clearTimeout(this.#hiding);
    if (this.#options.hide > 0) this.#hiding = setTimeout(() => this.#hide(), this.#options.hide);
  }

  #words(text: string): string {
    return this.#options.mask ? maskSwearWords(text) : text;
  }

  #hide(): void {
    this.#hiddenThrough = this.#view.finals.at(-1)?.segmentId ?? this.#hiddenThrough;
    this.#shown = '';
    this.#root.replaceChildren();
  }
}

function utterance(stable: string, tentative: string): HTMLElement {
  const line = document.createElement('p');
  const text = document.createElement('span');
  text.className = 'text';
  text.append(stable.trimStart());
  if (tentative !== '') {
    const tail = document.createElement('span');
    tail.className = 'tentative';
    tail.append(stable === '' ? tentative.trimStart() : tentative);
    text.append(tail);
  }
  line.append(text);
  return line;
}

function applyStyle(root: HTMLElement, options: OverlayOptions): void {
  const { style } = root;
  if (options.font !== '') style.setProperty('--font', `"${options.font}"`);
  style.setProperty('--size', `${options.size}px`);
  style.setProperty('--lines', String(options.lines));
  style.setProperty('--width', `${options.width}%`);
  style.setProperty('--color', `#${options.color}`);
  style.setProperty('--background', `#${options.background}`);
  style.setProperty('--outline', outline(options.outline, `#${options.outlineColor}`));
  style.setProperty('--align', options.align);
  root.dataset['position'] = options.position;
  root.dataset['uppercase'] = String(options.uppercase);
  if (options.language !== 'auto') root.lang = options.language;
}

/** Shadows all around: browsers of streaming programs are older than strokes behind the letters. */
function outline(width: number, color: string): string {
  if (width === 0) return 'none';
  return Array.from({ length: OUTLINE_STEPS }, (_, step) => {
    const angle = (step / OUTLINE_STEPS) * 2 * Math.PI;
    return `${(Math.cos(angle) * width).toFixed(1)}px ${(Math.sin(angle) * width).toFixed(1)}px 0 ${color}`;
  }).join(', ');
}
