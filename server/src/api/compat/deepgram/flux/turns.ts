// A session's segments as turns, the way Deepgram's Flux tells them. A turn is what is said up to a silence that is
// long enough; the utterances in it are one text.
import type { FinalMessage, PartialMessage, ServerMessage } from '@sotto/protocol';
import type { DialectEvent } from '../../../../gateway/dialect.js';
import { joinUtterances } from '../../language.js';
import { seconds, wordsOf, wordsSoFar, type DeepgramWord } from '../words.js';
import { confidenceAfter, eagerEndMs, endOfTurn, type TurnThresholds } from './flux-options.js';

export type TurnEvent = 'StartOfTurn' | 'Update' | 'EagerEndOfTurn' | 'TurnResumed' | 'EndOfTurn';

export interface TurnsOptions {
  readonly thresholds: () => TurnThresholds;
  /** Whether turns tell their languages, and which ones were asked for. */
  readonly languages: () => { readonly isTold: boolean; readonly hints: readonly string[] };
  /** Whether turns have the fields that they had at first alone: no times of words, triggers and languages. */
  readonly isStrict: boolean;
  /** `subject`: an event that the next of its kind overtakes. */
  readonly send: (fields: DialectEvent, subject?: string) => void;
}

/** Words of one utterance of the turn. */
interface Part {
  readonly text: string;
  readonly words: readonly DeepgramWord[];
  readonly language: string | undefined;
}

type Trigger = 'model' | 'timeout' | 'manual';

const STYLE = { isPunctuated: true };

export class Turns {
  readonly #options: TurnsOptions;
  #index = 0;
  /** Whether the turn has been told of: it has words. */
  #isOpen = false;
  #isEager = false;
  #parts: Part[] = [];
  #startMs = 0;
  #endMs = 0;
  /** Segments that began and have no final yet. */
  readonly #speaking = new Set<number>();
  /** End of the last utterance, from which silence is counted, milliseconds. */
  #silentFromMs = 0;
  /** The last partial, so that the same text is not told twice. */
  #told = '';

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** `receivedMs`: the audio that has come so far. */
  take(message: ServerMessage, receivedMs: () => number): void {
    switch (message.type) {
      case 'speechStarted':
        this.#speaking.add(message.segmentId);
        return;
      case 'partial':
        return this.#partial(message);
      case 'final':
        return this.#final(message);
      case 'ack':
        return this.#endIfSilent(receivedMs() - message.lagMs);
      case 'error':
        if (message.segmentId !== undefined) this.#failed(message.segmentId, message.endMs ?? this.#endMs);
        return;
      default:
        return;
    }
  }

  /** The client ends the turn, or the stream ends: whatever was said is the turn. */
  end(): void {
    if (this.#isOpen) this.#close('manual', 1);
  }

  #partial(partial: PartialMessage): void {
    const text = (partial.stable + partial.tentative).trim();
    if (text === '' || text === this.#told) return;
    this.#told = text;
    this.#endMs = partial.endMs;
    const part = { text, words: wordsSoFar(partial, STYLE), language: undefined };
    if (!this.#isOpen) return this.#open(partial.startMs, [part]);
    if (this.#isEager) return this.#resume([...this.#parts, part]);
    this.#tell('Update', [...this.#parts, part], 0);
  }

  #final({ text, words = [], language, reason, segmentId, startMs, endMs }: FinalMessage): void {
    this.#silentFrom(segmentId, endMs);
    if (text.trim() !== '') {
      const part = { text: text.trim(), words: wordsOf(words, STYLE), language };
      this.#endMs = endMs;
      if (!this.#isOpen) this.#open(startMs, [part]);
      else if (this.#isEager) this.#resume([...this.#parts, part]);
      this.#parts.push(part);
    }
    // A long utterance that was cut goes on at once.
    if (reason === 'endpoint') this.#pause();
    else if (reason !== 'forced') this.end();
  }

  /** The words of this stretch are lost; the turn goes on without them. */
  #failed(segmentId: number, endMs: number): void {
    this.#silentFrom(segmentId, endMs);
    this.#pause();
  }

  #silentFrom(segmentId: number, endMs: number): void {
    this.#speaking.delete(segmentId);
    this.#told = '';
    this.#silentFromMs = endMs;
  }

  /** An utterance is over, and with it perhaps the turn. */
  #pause(): void {
    if (!this.#isOpen || this.#isEager) return;
    const eagerMs = eagerEndMs(this.#options.thresholds());
    if (eagerMs === undefined) return this.#closeBySilence();
    this.#isEager = true;
    this.#tell('EagerEndOfTurn', this.#parts, confidenceAfter(eagerMs));
  }

  #open(startMs: number, parts: readonly Part[]): void {
    this.#isOpen = true;
    this.#startMs = startMs;
    this.#tell('StartOfTurn', parts, 0);
  }

  #resume(parts: readonly Part[]): void {
    this.#isEager = false;
    this.#tell('TurnResumed', parts, 0);
  }

  #endIfSilent(judgedMs: number): void {
    if (!this.#isOpen || !this.#isEager || this.#speaking.size > 0) return;
    if (judgedMs - this.#silentFromMs >= endOfTurn(this.#options.thresholds()).ms) this.#closeBySilence();
  }

  #closeBySilence(): void {
    const { ms, isTimeout } = endOfTurn(this.#options.thresholds());
    this.#close(isTimeout ? 'timeout' : 'model', confidenceAfter(ms));
  }

  #close(trigger: Trigger, confidence: number): void {
    this.#tell('EndOfTurn', this.#parts, confidence, trigger);
    this.#index++;
    this.#isOpen = false;
    this.#isEager = false;
    this.#parts = [];
  }

  #tell(event: TurnEvent, parts: readonly Part[], confidence: number, trigger?: Trigger): void {
    const heard = parts.flatMap(({ language }) => (language === undefined ? [] : [language]));
    const { isStrict } = this.#options;
    const { isTold, hints } = this.#options.languages();
    const fields = {
      type: 'TurnInfo',
      event,
      turn_index: this.#index,
      audio_window_start: seconds(this.#startMs),
      audio_window_end: seconds(this.#endMs),
      transcript: joinUtterances(
        parts.map(({ text }) => text),
        heard[0] ?? 'en',
      ),
      words: parts.flatMap(({ words }) =>
        words.map(({ word, punctuated_word: written = word, confidence: sure, start, end }) => ({
          word: written,
          confidence: sure,
          ...(isStrict ? {} : { start, end }),
        })),
      ),
      end_of_turn_confidence: confidence,
      ...(trigger === undefined || isStrict ? {} : { trigger }),
      ...(isTold && !isStrict && heard.length > 0 ? { languages: byFrequency(heard) } : {}),
      ...(isTold && !isStrict && hints.length > 0 ? { languages_hinted: hints } : {}),
    };
    this.#options.send(fields, event === 'Update' ? 'update' : undefined);
  }
}

function byFrequency(codes: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([code]) => code);
}
