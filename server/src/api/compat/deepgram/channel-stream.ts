// One channel of a live stream: a session's segments as Deepgram's results.
import type { ErrorCode, FinalMessage, PartialMessage, ServerMessage } from '@sotto/protocol';
import type { DialectEvent } from '../../../gateway/dialect.js';
import type { ListenOptions } from './listen-options.js';
import type { ModelInfo } from './model-info.js';
import { meanConfidence, seconds, styled, wordsOf, wordsSoFar, type DeepgramWord } from './words.js';

export interface ChannelStreamOptions {
  /** Number of this channel, and of all. */
  readonly index: readonly [number, number];
  readonly listen: ListenOptions;
  readonly requestId: string;
  readonly model: ModelInfo;
  /** `subject`: an interim result, which the next one overtakes. */
  readonly send: (event: DialectEvent, subject?: string) => void;
}

/** What is frozen of a result. */
interface Result {
  readonly startMs: number;
  readonly endMs: number;
  readonly transcript: string;
  readonly words: readonly DeepgramWord[];
  readonly language: string | undefined;
  readonly isFinal: boolean;
  readonly isSpeechFinal: boolean;
  readonly isFromFinalize: boolean;
}

export class ChannelStream {
  readonly #options: ChannelStreamOptions;
  /** Results lie side by side: the next one begins where the last final ended, milliseconds. */
  #windowMs = 0;
  /** Where segments ended, as far as the next may need it: each is the beginning of the next. */
  readonly #ends = new Map<number, number>();
  /** Finalizes that were not answered by a final yet. */
  readonly #finalizes = new Set<string>();
  /** Where segments began that have no final yet. */
  readonly #starts = new Map<number, number>();
  #lastFinal = -1;
  /** End of the last word that was told, until `UtteranceEnd` is sent for it. */
  #lastWordMs: number | undefined;
  /** All audio before this is judged, milliseconds. */
  #judgedMs = 0;

  constructor(options: ChannelStreamOptions) {
    this.#options = options;
  }

  /** The client asked for what there is. */
  finalizing(id: string): void {
    this.#finalizes.add(id);
  }

  /** `receivedMs`: the audio that has come so far. */
  take(message: ServerMessage, receivedMs: () => number): void {
    switch (message.type) {
      case 'speechStarted':
        this.#starts.set(message.segmentId, message.startMs);
        if (this.#options.listen.hasVadEvents) this.#event('SpeechStarted', { timestamp: seconds(message.startMs) });
        return;
      case 'speechEnded':
        this.#ends.set(message.segmentId, message.endMs);
        return;
      case 'partial':
        return this.#partial(message);
      case 'final':
        return this.#final(message);
      case 'mark':
        return this.#finalized(message.id, receivedMs());
      case 'ack':
        this.#judgedMs = receivedMs() - message.lagMs;
        return this.#endUtteranceIfDue();
      case 'error':
        if (message.segmentId !== undefined) this.#failed(message.segmentId, message.endMs ?? this.#windowMs);
        else if (message.fatal) this.#options.send(streamError(VARIANTS[message.code] ?? 'INTERNAL', message.message));
        return;
      default:
        return;
    }
  }

  #partial(partial: PartialMessage): void {
    const { listen, index } = this.#options;
    if (!listen.hasInterims) return;
    const style = { isPunctuated: listen.isPunctuated };
    const result = this.#result({
      startMs: this.#ends.get(partial.segmentId - 1) ?? this.#windowMs,
      endMs: partial.endMs,
      transcript: styled(partial.stable + partial.tentative, style),
      words: wordsSoFar(partial, style),
      language: undefined,
      isFinal: false,
      isSpeechFinal: false,
      isFromFinalize: false,
    });
    this.#options.send(result, `interim ${index[0]}`);
  }

  #final({ text, words = [], language, reason, finalizeId, endMs, segmentId }: FinalMessage): void {
    const { listen } = this.#options;
    const told = listen.tellsLanguage ? language : undefined;
    const style = { isPunctuated: listen.isPunctuated, language: told };
    const isFromFinalize = finalizeId !== undefined && this.#finalizes.delete(finalizeId);
    this.#close(segmentId, endMs, {
      transcript: styled(text, style),
      words: wordsOf(words, style),
      language: told,
      isSpeechFinal:
        reason === 'finalize' || reason === 'stop' || (reason === 'endpoint' && listen.endpointing !== false),
      isFromFinalize,
    });
    const last = words.at(-1);
    if (text !== '') this.#lastWordMs = last?.endMs ?? endMs;
    this.#endUtteranceIfDue();
  }

  /** The words of this stretch are lost: the client is told, and its results go on behind it. */
  #failed(segmentId: number, endMs: number): void {
    this.#options.send(streamError('RECOGNITION_FAILED', 'This utterance could not be recognised.'));
    this.#close(segmentId, endMs, {
      transcript: '',
      words: [],
      language: undefined,
      isSpeechFinal: true,
      isFromFinalize: false,
    });
  }

  #close(segmentId: number, endMs: number, result: Omit<Result, 'startMs' | 'endMs' | 'isFinal'>): void {
    this.#ends.delete(segmentId - 1);
    this.#starts.delete(segmentId);
    this.#lastFinal = segmentId;
    this.#options.send(this.#result({ ...result, startMs: this.#windowMs, endMs, isFinal: true }));
    this.#windowMs = endMs;
  }

  /** Every finalize is answered, also where nothing was spoken. */
  #finalized(id: string, receivedMs: number): void {
    if (!this.#finalizes.delete(id)) return;
    const empty = { transcript: '', words: [], language: undefined, isFinal: true, isSpeechFinal: true };
    this.#options.send(
      this.#result({
        ...empty,
        startMs: this.#windowMs,
        endMs: Math.max(this.#windowMs, receivedMs),
        isFromFinalize: true,
      }),
    );
  }

  #result({ startMs, endMs, transcript, words, language, ...flags }: Result): DialectEvent {
    const { index, requestId, model } = this.#options;
    return {
      type: 'Results',
      channel_index: index,
      start: seconds(startMs),
      duration: seconds(Math.max(0, endMs - startMs)),
      is_final: flags.isFinal,
      speech_final: flags.isSpeechFinal,
      from_finalize: flags.isFromFinalize,
      channel: {
        alternatives: [
          {
            transcript,
            confidence: meanConfidence(words),
            words,
            ...(language === undefined ? {} : { languages: [language] }),
          },
        ],
      },
      metadata: { request_id: requestId, model_info: model.info, model_uuid: model.uuid },
    };
  }

  /** Once after the words of an utterance, when none came for as long as the client asked. */
  #endUtteranceIfDue(): void {
    const { utteranceEndMs } = this.#options.listen;
    const last = this.#lastWordMs;
    if (utteranceEndMs === undefined || last === undefined) return;
    const silentUntilMs = this.#starts.get(this.#lastFinal + 1) ?? this.#judgedMs;
    if (silentUntilMs - last < utteranceEndMs) return;
    this.#lastWordMs = undefined;
    this.#event('UtteranceEnd', { last_word_end: seconds(last) });
  }

  #event(type: string, fields: Readonly<Record<string, unknown>>): void {
    this.#options.send({ type, channel: this.#options.index, ...fields });
  }
}

/** What ends a stream, in Deepgram's words. */
const VARIANTS: Partial<Readonly<Record<ErrorCode, string>>> = {
  quota_exceeded: 'TOO_MANY_REQUESTS',
  overloaded: 'SERVICE_UNAVAILABLE',
  shutting_down: 'SERVICE_UNAVAILABLE',
  forbidden: 'INSUFFICIENT_PERMISSIONS',
};

export function streamError(variant: string, message: string): DialectEvent {
  return { type: 'Error', description: message, message, variant };
}
