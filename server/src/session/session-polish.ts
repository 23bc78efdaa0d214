// The polish of one session: its finals one after the other, so that each reads on from the one before, and its whole
// text at the end.
import { joinTexts, type FinalMessage, type ServerMessage } from '@sotto/protocol';
import type { Polishing, PolishResult, PolishStyle } from '../polish/polishing.js';
import { SESSION_PART_CHARS, type PolishBudgets } from '../polish/polish-budgets.js';
import { styleOf, type PolishWish } from '../polish/polish-settings.js';
import type { Item, Part, SessionPolishState } from './polish-owed.js';
import type { SessionLog } from './session-port.js';

/** Texts of one session that may wait for their turn. Beyond, a new one falls back: `overloaded`. */
export const PENDING_POLISH_MAX = 64;
/** Why a text that is being polished at the end is given up. */
const TIME_UP = new Error('the session ends');
/** A silence that ends a paragraph of a session's text, milliseconds. */
const PARAGRAPH_SILENCE_MS = 3_000;

export interface SessionPolishOptions {
  readonly polishing: Polishing;
  readonly budgets: PolishBudgets;
  readonly log: SessionLog;
  /** For the log. */
  readonly sessionId?: string | undefined;
  readonly send: (message: ServerMessage) => void;
}

export class SessionPolish {
  readonly #options: SessionPolishOptions;
  readonly #closing = new AbortController();
  readonly #waiting: Item[] = [];
  /** What is being polished, and what ends that. */
  #current: Item | undefined;
  #run = new AbortController();
  #part: Part | undefined;
  /** Polished text of the segment before. */
  #previous: string;
  /** When the work must be over, once the session ends. */
  #deadline = Infinity;
  #working: Promise<void> | undefined;

  /** @param before where an earlier one stood: what it owed is polished here */
  constructor(options: SessionPolishOptions, before?: SessionPolishState) {
    this.#options = options;
    this.#previous = before?.previous ?? '';
    this.#part = before?.part && { ...before.part };
    for (const item of before?.owed ?? []) this.#push({ ...item, since: performance.now() });
  }

  get state(): SessionPolishState {
    const owed = [...(this.#current === undefined ? [] : [this.#current]), ...this.#waiting];
    return { owed, part: this.#part, previous: this.#previous };
  }

  /** A final has been sent; `wish` is that of its utterance. */
  add(final: FinalMessage, wish: PolishWish): void {
    const style = styleOf(wish);
    if (style === undefined || final.text.trim() === '') return;
    if (wish.scope !== 'segment') this.#collect(final, style, wish.deltas);
    if (wish.scope === 'session') return;
    const { text, language, segmentId } = final;
    const isFull = this.#waiting.length >= PENDING_POLISH_MAX;
    this.#push({
      subject: { scope: 'segment', segmentId },
      text,
      language,
      style,
      deltas: wish.deltas,
      since: performance.now(),
      ...(isFull ? { fallback: 'overloaded' as const } : {}),
    });
  }

  /** No final comes any more: resolves when all that is to be said is said, within the budget. */
  async finish(reason: 'stop' | 'drain'): Promise<void> {
    const { stopMs, drainMs } = this.#options.budgets;
    this.#deadline = performance.now() + (reason === 'drain' ? drainMs : stopMs);
    this.#endPart();
    const overdue = this.#hurry();
    await this.#working;
    clearTimeout(overdue);
  }

  /** What was begun before the end has no more time than what waits. */
  #hurry(): NodeJS.Timeout | undefined {
    const run = this.#run;
    if (this.#current === undefined) return undefined;
    return setTimeout(() => run.abort(TIME_UP), this.#budgetMs(this.#current.subject.scope === 'session'));
  }

  /** Stops all work; nothing is sent any more. */
  close(): void {
    this.#waiting.length = 0;
    this.#closing.abort();
    this.#run.abort();
  }

  #collect(final: FinalMessage, style: PolishStyle, deltas: boolean): void {
    if (this.#part !== undefined && this.#part.text.length + final.text.length > SESSION_PART_CHARS) this.#endPart();
    const part = this.#part;
    if (part === undefined) {
      this.#part = { first: final, last: final, text: final.text.trim(), style, deltas };
      return;
    }
    const isApart = final.startMs - part.last.endMs >= PARAGRAPH_SILENCE_MS;
    part.text = isApart ? `${part.text}\n\n${final.text.trim()}` : joinTexts([part.text, final.text]);
    part.last = final;
    part.style = style;
    part.deltas = deltas;
  }

  #endPart(): void {
    const part = this.#part;
    this.#part = undefined;
    if (part === undefined) return;
    const { first, last, text, style, deltas } = part;
    const subject = { scope: 'session' as const, firstSegmentId: first.segmentId, lastSegmentId: last.segmentId };
    this.#push({ subject, text, language: last.language, style, deltas, since: performance.now() });
  }

  #push(item: Item): void {
    if (this.#closing.signal.aborted) return;
    this.#waiting.push(item);
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  async #work(): Promise<void> {
    for (let item = this.#waiting.shift(); item !== undefined; item = this.#waiting.shift()) {
      this.#current = item;
      const result = await this.#polish(item);
      this.#current = undefined;
      if (this.#closing.signal.aborted) return;
      const { subject, style, since } = item;
      if (subject.scope === 'segment') this.#previous = result.text;
      this.#options.send({
        type: 'polished',
        ...subject,
        text: result.text,
        mode: style.mode,
        model: result.model,
        ...(result.fallback === undefined ? {} : { fallback: result.fallback }),
        latencyMs: Math.round(performance.now() - since),
      });
    }
  }

  async #polish(item: Item): Promise<PolishResult> {
    const { polishing, log, send } = this.#options;
    const { subject, text, language, style, deltas, fallback } = item;
    const run = new AbortController();
    this.#run = run;
    try {
      if (fallback !== undefined) return await polishing.fallBack(item, fallback);
      const isSession = subject.scope === 'session';
      const { scope, segmentId } = subject;
      const result = await polishing.polish({
        text,
        language,
        style,
        previous: isSession ? '' : this.#previous,
        paragraphs: isSession,
        budgetMs: this.#budgetMs(isSession),
        signal: run.signal,
        sessionId: this.#options.sessionId,
        onText: deltas
          ? (from, piece) =>
              send({
                type: 'polishedDelta',
                scope,
                ...(segmentId === undefined ? {} : { segmentId }),
                from,
                text: piece,
              })
          : undefined,
      });
      // Nothing but control characters: the client gets what it has.
      return result.text === '' ? { ...result, text } : result;
    } catch (error) {
      if (run.signal.reason === TIME_UP) return polishing.fallBack(item, 'timeout');
      if (!this.#closing.signal.aborted) log.error({ session: this.#options.sessionId, err: error }, 'polish failed');
      return { text, model: 'none', fallback: 'failed' };
    }
  }

  /** At the end what waits shares what is left; half of it is kept for the text of the whole session. */
  #budgetMs(isSession: boolean): number {
    const { segmentMs, stopMs } = this.#options.budgets;
    const left = Math.max(0, this.#deadline - performance.now());
    if (isSession) return Math.min(stopMs, left);
    const keeps = this.#waiting.at(-1)?.subject.scope === 'session';
    return Math.min(segmentMs, keeps ? left / 2 : left);
  }
}
