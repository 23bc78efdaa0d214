// Folds the events of a session into the text to show: what is final, what is stable, what may still change, and what
// was polished.
import {
  joinTexts,
  type FinalMessage,
  type PartialMessage,
  type PolishedDeltaMessage,
  type PolishedMessage,
} from '@sotto/protocol/client';
import type { SessionEvent } from './session-event.js';

export interface TranscriptViewOptions {
  /** Finals kept; beyond it the oldest are forgotten. Default 10000 (a long day of speech). */
  readonly finalsMax?: number;
}

/** The polished text of a final, or of the session. */
export interface PolishedText {
  readonly text: string;
  /** What it came with; absent while it is still being written (`polish: { deltas: true }`). */
  readonly message?: PolishedMessage;
}

/** Feed it every event; it is pure state, so that any user interface can draw it. */
export class TranscriptView {
  readonly #finalsMax: number;
  readonly #finals: FinalMessage[] = [];
  /** The latest partial of each utterance that has no final yet, in the order of the audio. */
  readonly #partials = new Map<number, PartialMessage>();
  /** By segment. */
  readonly #polished = new Map<number, PolishedText>();
  /** Texts of whole sessions: a long one comes in several, a restarted one in one for each part. */
  readonly #sessionTexts: string[] = [];
  #sessionDraft = '';

  constructor({ finalsMax = 10_000 }: TranscriptViewOptions = {}) {
    this.#finalsMax = finalsMax;
  }

  /** Takes an event. True if the text may look different now. */
  apply(event: SessionEvent): boolean {
    switch (event.type) {
      case 'partial':
        this.#partials.set(event.segmentId, event);
        return true;
      case 'final':
        this.#partials.delete(event.segmentId);
        if (event.text !== '') this.#finals.push(event);
        if (this.#finals.length > this.#finalsMax) this.#polished.delete(this.#finals.shift()?.segmentId ?? -1);
        return true;
      case 'polished':
        this.#polish(event);
        return true;
      case 'polishedDelta':
        this.#draft(event);
        return true;
      case 'restarted': {
        // They come again, under other ids.
        const hadPartials = this.#partials.size > 0;
        this.#partials.clear();
        return hadPartials;
      }
      case 'resumed':
        return event.segments !== undefined && this.#goBack(event.segments);
      case 'watching': {
        // Of a session that goes on at another node, what came after these comes again.
        this.#goBack((event.finals.at(-1)?.segmentId ?? -1) + 1);
        // After a reconnect some finals are known already.
        const last = this.#finals.at(-1)?.segmentId ?? -1;
        for (const final of event.finals) if (final.segmentId > last) this.apply(final);
        for (const polished of event.polished ?? []) this.#polish(polished);
        this.#partials.clear();
        for (const partial of event.partials) this.#partials.set(partial.segmentId, partial);
        return true;
      }
      case 'error':
        return event.segmentId !== undefined && this.#partials.delete(event.segmentId);
      default:
        return false;
    }
  }

  /** Finals with words in them, oldest first, as they were recognised. */
  get finals(): readonly FinalMessage[] {
    return this.#finals;
  }

  /** The polished text of a final, as far as it has come; undefined if there is none. */
  polishedOf(segmentId: number): PolishedText | undefined {
    return this.#polished.get(segmentId);
  }

  /** The one polished text of everything (`polish: { scope: 'session' }`), as far as it has come; empty before. */
  get sessionText(): string {
    return [...this.#sessionTexts, this.#sessionDraft].filter((text) => text !== '').join('\n\n');
  }

  /** Text after the finals that will not change before its final comes. */
  get stable(): string {
    return this.#pending().stable;
  }

  /** Text after `stable` that may change with the next event. */
  get tentative(): string {
    return this.#pending().tentative;
  }

  /** Everything recognised so far, polished where that has come. */
  get text(): string {
    return this.#join(({ segmentId, text }) => this.#polished.get(segmentId)?.message?.text ?? text);
  }

  /** Everything recognised so far, as it was recognised. */
  get rawText(): string {
    return this.#join(({ text }) => text);
  }

  #join(textOf: (final: FinalMessage) => string): string {
    const { stable, tentative } = this.#pending();
    return joinTexts([...this.#finals.map(textOf), stable + tentative]);
  }

  /** What was told of segments from `first` on is void, and comes again. */
  #goBack(first: number): boolean {
    while ((this.#finals.at(-1)?.segmentId ?? -1) >= first) this.#finals.pop();
    for (const byId of [this.#partials, this.#polished]) {
      for (const segmentId of byId.keys()) if (segmentId >= first) byId.delete(segmentId);
    }
    return true;
  }

  #polish(message: PolishedMessage): void {
    if (message.segmentId !== undefined) {
      this.#polished.set(message.segmentId, { text: message.text, message });
    } else {
      this.#sessionTexts.push(message.text);
      this.#sessionDraft = '';
    }
  }

  #draft({ segmentId, from, text }: PolishedDeltaMessage): void {
    if (segmentId === undefined) {
      this.#sessionDraft = this.#sessionDraft.slice(0, from) + text;
      return;
    }
    const written = this.#polished.get(segmentId);
    // One that comes behind its text is of a connection that was lost.
    if (written?.message !== undefined) return;
    this.#polished.set(segmentId, { text: (written?.text ?? '').slice(0, from) + text });
  }

  /**
   * Stable is the run of stable text from the first utterance without a final; from its first tentative word on all is
   * tentative.
   */
  #pending(): { stable: string; tentative: string } {
    let stable = '';
    let tentative = '';
    for (const partial of this.#partials.values()) {
      if (tentative === '') {
        stable = joinTexts([stable, partial.stable]);
        tentative = partial.tentative;
      } else {
        tentative = joinTexts([tentative, partial.stable + partial.tentative]);
      }
    }
    return { stable, tentative };
  }
}
