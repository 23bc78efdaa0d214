// From the segments of a session to the items of a conversation: what was said in each turn, and when it is told.
import type { FinalMessage, PartialMessage, ServerMessage } from '@sotto/protocol';
import type { DialectEvent } from '../../../gateway/dialect.js';
import { joinUtterances } from '../language.js';
import { event, itemEvents, newId, transcriptionEvent, type Logprob } from './events.js';

/** Audio that a commit must have, milliseconds. */
export const COMMIT_MS_MIN = 100;

export interface TurnsOptions {
  readonly send: (event: DialectEvent) => void;
  readonly isBeta: () => boolean;
  readonly wantsLogprobs: () => boolean;
}

/** The audio of one turn, of which an utterance may be a part. */
interface Item {
  readonly id: string;
  /** Finals so far. */
  transcript: string;
  /** What the client has got in deltas. */
  sent: string;
  logprobs: Logprob[];
  audioMs: number;
  language: string;
  hasFailed: boolean;
}

/** An utterance that is being recognised. */
interface Utterance {
  readonly startMs: number;
  /** Undefined until its end shows to which commit it belongs. */
  item: Item | undefined;
  /** The client decides when a turn ends. */
  readonly isManual: boolean;
  /** The client committed while it was spoken. */
  isCommitted: boolean;
  isDiscarded: boolean;
  hasEnded: boolean;
}

/** A commit whose finals are not all there. */
interface Commit {
  readonly item: Item;
  /** All audio before this is of it, milliseconds. */
  readonly atMs: number;
}

/** Slack for positions that were rounded, milliseconds. */
const ROUNDING_MS = 1;

/**
 * The turns of one conversation. With server VAD each utterance is an item; otherwise an item holds all utterances
 * between two commits. Finals come in order, and a commit is complete when the session echoes its mark.
 */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #utterances = new Map<number, Utterance>();
  readonly #commits = new Map<string, Commit>();
  /** What the client has not committed yet, where it decides. */
  #gathering: Item | undefined;
  #previousId: string | null = null;
  /** Audio before this was committed or cleared, milliseconds. */
  #takenMs = 0;
  #clearedMs = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Audio that was neither committed nor cleared, milliseconds. */
  uncommittedMs(receivedMs: number): number {
    return receivedMs - this.#takenMs;
  }

  /**
   * Commits what has come up to `receivedMs`: returns the id of the item, with which the session is to be finalized;
   * undefined: there is too little audio.
   */
  commit(receivedMs: number, isManual: boolean): string | undefined {
    if (this.uncommittedMs(receivedMs) < COMMIT_MS_MIN) return undefined;
    const speaking = isManual ? undefined : this.#speaking();
    const item = speaking?.item ?? this.#gathering ?? newItem();
    this.#gathering = undefined;
    this.#announce(item);
    if (speaking === undefined) {
      item.audioMs = receivedMs - this.#takenMs;
      this.#commits.set(item.id, { item, atMs: receivedMs });
    } else {
      speaking.isCommitted = true;
    }
    this.#takenMs = receivedMs;
    return item.id;
  }

  /** Forgets what was not committed; false where there is nothing that the session must be told of. */
  clear(receivedMs: number): boolean {
    this.#options.send(event('input_audio_buffer.cleared'));
    if (receivedMs <= this.#takenMs) return false;
    for (const utterance of this.#utterances.values()) {
      // One that began before belongs to a commit whose audio is still being judged.
      if (!utterance.hasEnded && !utterance.isCommitted && utterance.startMs >= this.#takenMs)
        utterance.isDiscarded = true;
    }
    if (this.#gathering !== undefined) {
      for (const utterance of this.#utterances.values()) utterance.isDiscarded ||= utterance.item === this.#gathering;
      this.#gathering = undefined;
    }
    this.#takenMs = receivedMs;
    this.#clearedMs = receivedMs;
    return true;
  }

  /** The session is over: what was committed and has no transcript gets none. */
  end(): void {
    const pending = new Set([...this.#commits.values()].map(({ item }) => item));
    for (const { item, isManual, isCommitted, hasEnded, isDiscarded } of this.#utterances.values()) {
      if (item !== undefined && !isManual && !isDiscarded && (isCommitted || hasEnded)) pending.add(item);
    }
    for (const item of pending) this.#complete({ ...item, transcript: '', hasFailed: true });
    this.#utterances.clear();
  }

  /** Takes what the session says of speech. `isManual`: whether the client decides when a turn ends. */
  take(message: ServerMessage, isManual: boolean): void {
    switch (message.type) {
      case 'speechStarted':
        return this.#started(message.segmentId, message.startMs, isManual);
      case 'partial':
        return this.#partial(message);
      case 'speechEnded':
        return this.#ended(message.segmentId, message.endMs);
      case 'final':
        return this.#final(message);
      case 'error':
        return message.segmentId === undefined ? undefined : this.#failed(message.segmentId);
      case 'mark':
        return this.#complete(this.#commits.get(message.id)?.item);
      default:
        return;
    }
  }

  #started(segmentId: number, startMs: number, isManual: boolean): void {
    const item = isManual ? undefined : newItem();
    const flags = { isCommitted: false, isDiscarded: false, hasEnded: false };
    this.#utterances.set(segmentId, { startMs, item, isManual, ...flags });
    if (item === undefined) return;
    this.#options.send(
      event('input_audio_buffer.speech_started', { audio_start_ms: Math.round(startMs), item_id: item.id }),
    );
  }

  #partial({ segmentId, stable, endMs }: PartialMessage): void {
    const utterance = this.#utterances.get(segmentId);
    if (utterance === undefined || utterance.isDiscarded) return;
    const item = utterance.item ?? this.#itemSoFar(endMs);
    // Of several utterances of an item the first is told first.
    if (item === undefined || this.#hasEarlier(segmentId, item)) return;
    this.#delta(item, joinUtterances([item.transcript, stable], item.language));
  }

  #ended(segmentId: number, endMs: number): void {
    const utterance = this.#utterances.get(segmentId);
    if (utterance === undefined) return;
    utterance.hasEnded = true;
    utterance.isDiscarded ||= endMs <= this.#clearedMs + ROUNDING_MS;
    if (utterance.isDiscarded) return;
    utterance.item ??= this.#itemAt(endMs);
    const { item } = utterance;
    if (utterance.isManual) return;
    item.audioMs = endMs - utterance.startMs;
    if (utterance.isCommitted) return;
    this.#options.send(
      event('input_audio_buffer.speech_stopped', { audio_end_ms: Math.round(endMs), item_id: item.id }),
    );
    this.#announce(item);
    this.#takenMs = Math.max(this.#takenMs, endMs);
  }

  #final({ segmentId, text, words = [], language }: FinalMessage): void {
    const utterance = this.#settle(segmentId);
    if (utterance?.item === undefined) return;
    const { item, isManual } = utterance;
    item.transcript = joinUtterances([item.transcript, text], language);
    item.language = language;
    item.logprobs.push(...words.map(logprobOf));
    if (!isManual) this.#complete(item);
  }

  #failed(segmentId: number): void {
    const utterance = this.#settle(segmentId);
    if (utterance?.item === undefined) return;
    utterance.item.hasFailed = true;
    if (!utterance.isManual) this.#complete(utterance.item);
  }

  /** The utterance is recognised, or could not be: undefined where nobody asks for it any more. */
  #settle(segmentId: number): Utterance | undefined {
    const utterance = this.#utterances.get(segmentId);
    this.#utterances.delete(segmentId);
    return utterance?.isDiscarded === true ? undefined : utterance;
  }

  /** The last word on an item. */
  #complete(item: Item | undefined): void {
    if (item === undefined) return;
    this.#commits.delete(item.id);
    const { id, transcript, logprobs, audioMs, hasFailed } = item;
    const { send } = this.#options;
    if (hasFailed && transcript === '') {
      const message = 'This turn could not be recognised.';
      send(
        transcriptionEvent('failed', id, {
          error: { type: 'server_error', code: 'recognition_failed', message, param: null },
        }),
      );
      return;
    }
    this.#delta(item, transcript);
    const extras = this.#options.wantsLogprobs() ? { logprobs } : {};
    const usage = { type: 'duration', seconds: Math.round(audioMs) / 1_000 };
    send(transcriptionEvent('completed', id, { transcript, usage, ...extras }));
  }

  /** Tells what is new of a text that only grows; one that was told otherwise waits for `completed`. */
  #delta(item: Item, text: string): void {
    if (text.length <= item.sent.length || !text.startsWith(item.sent)) return;
    const delta = text.slice(item.sent.length);
    item.sent = text;
    this.#options.send(transcriptionEvent('delta', item.id, { delta }));
  }

  #announce({ id }: Item): void {
    for (const told of itemEvents({ id, previousId: this.#previousId }, this.#options.isBeta()))
      this.#options.send(told);
    this.#previousId = id;
  }

  /**
   * The item of an utterance that has been heard up to `endMs` and goes on; undefined while a commit may still turn out
   * to end behind it.
   */
  #itemSoFar(endMs: number): Item | undefined {
    for (const { atMs } of this.#commits.values()) if (endMs <= atMs + ROUNDING_MS) return undefined;
    return (this.#gathering ??= newItem());
  }

  /** The item of an utterance that ended at `endMs`: that of the first commit behind it. */
  #itemAt(endMs: number): Item {
    for (const { item, atMs } of this.#commits.values()) if (endMs <= atMs + ROUNDING_MS) return item;
    return (this.#gathering ??= newItem());
  }

  /** The utterance that is spoken now and is nobody's yet. */
  #speaking(): Utterance | undefined {
    return [...this.#utterances.values()].find((it) => !it.hasEnded && !it.isDiscarded && !it.isCommitted);
  }

  /** Whether an utterance of the same item was before and has no final yet. */
  #hasEarlier(segmentId: number, item: Item): boolean {
    for (const [id, utterance] of this.#utterances) if (id < segmentId && utterance.item === item) return true;
    return false;
  }
}

function newItem(): Item {
  return { id: newId('item'), transcript: '', sent: '', logprobs: [], audioMs: 0, language: '', hasFailed: false };
}

function logprobOf({ text, confidence }: NonNullable<FinalMessage['words']>[number]): Logprob {
  return {
    token: text,
    // A probability that was rounded to 0 has a logarithm all the same.
    logprob: Math.log(Math.max(confidence, 1e-6)),
    bytes: [...Buffer.from(text)],
  };
}
