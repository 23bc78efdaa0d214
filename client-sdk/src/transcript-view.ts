// Folds the events of a session into the text to show: what is final, what is stable, what may still change.
import type { FinalMessage, PartialMessage } from '@sotto/protocol';
import { joinTexts } from './join-texts.js';
import type { SessionEvent } from './session-event.js';

export interface TranscriptViewOptions {
  /** Finals kept; beyond it the oldest are forgotten. Default 10000 (a long day of speech). */
  readonly finalsMax?: number;
}

/** Feed it every event; it is pure state, so that any user interface can draw it. */
export class TranscriptView {
  readonly #finalsMax: number;
  readonly #finals: FinalMessage[] = [];
  /** The latest partial of each utterance that has no final yet, in the order of the audio. */
  readonly #partials = new Map<number, PartialMessage>();

  constructor({ finalsMax = 10_000 }: TranscriptViewOptions = {}) {
    this.#finalsMax = finalsMax;
  }

  /** Takes an event in. True if the text may look different now. */
  apply(event: SessionEvent): boolean {
    switch (event.type) {
      case 'partial':
        this.#partials.set(event.segmentId, event);
        return true;
      case 'final':
        this.#partials.delete(event.segmentId);
        if (event.text !== '') this.#finals.push(event);
        if (this.#finals.length > this.#finalsMax) this.#finals.shift();
        return true;
      case 'restarted': {
        // They come again, under other ids.
        const hadPartials = this.#partials.size > 0;
        this.#partials.clear();
        return hadPartials;
      }
      case 'watching': {
        // After a reconnect some finals are known already.
        const last = this.#finals.at(-1)?.segmentId ?? -1;
        for (const final of event.finals) if (final.segmentId > last) this.apply(final);
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

  /** Finals with words in them, oldest first. */
  get finals(): readonly FinalMessage[] {
    return this.#finals;
  }

  /** Text behind the finals that will not change before its final comes. */
  get stable(): string {
    return this.#pending().stable;
  }

  /** Text behind `stable` that may change with the next event. */
  get tentative(): string {
    return this.#pending().tentative;
  }

  /** Everything that has been understood so far. */
  get text(): string {
    const { stable, tentative } = this.#pending();
    return joinTexts([...this.#finals.map(({ text }) => text), stable + tentative]);
  }

  /** Stable is the run of stable text from the first utterance without a final; from its first tentative word on all is tentative. */
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
