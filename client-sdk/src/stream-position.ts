// Where a stream stands across sessions: what has been told for good, and how a later session's times and ids continue
// those before it.
import type { ServerMessage, Word } from '@sotto/protocol/client';

/**
 * Audio before the last sample that was processed, in which an utterance may still begin: pre-roll and onset at their
 * largest, milliseconds.
 */
const LOOKBACK_MS = 3_000;

/**
 * Follows the server's messages. `settledMs` is the place before which all words have been told in finals: a session
 * that must begin again begins there. Times are milliseconds of the whole stream.
 */
export class StreamPosition {
  readonly #samplesPerMs: number;
  /** Utterances without a final: where they begin, and the latest revision that was told. */
  readonly #open = new Map<number, { readonly startMs: number; revision: number }>();
  #finalsEndMs = 0;
  #processedMs = 0;
  #nextSegmentId = 0;
  #baseSamples = 0;
  #baseSegmentId = 0;

  constructor(sampleRate: number) {
    this.#samplesPerMs = sampleRate / 1_000;
  }

  get settledMs(): number {
    const starts = [...this.#open.values()].map(({ startMs }) => startMs);
    if (starts.length > 0) return Math.min(...starts);
    return Math.max(this.#finalsEndMs, this.#processedMs - LOOKBACK_MS);
  }

  /** First sample of the session in the stream. */
  get baseSamples(): number {
    return this.#baseSamples;
  }

  /** Number of the first segment of the session in the stream. */
  get baseSegmentId(): number {
    return this.#baseSegmentId;
  }

  /** The session goes on from an earlier place: what was told of segments from `segmentId` on is void. */
  goBack(samples: number, segmentId: number): void {
    const ms = samples / this.#samplesPerMs;
    this.#open.clear();
    this.#nextSegmentId = segmentId;
    this.#finalsEndMs = Math.min(this.#finalsEndMs, ms);
    this.#processedMs = Math.min(this.#processedMs, ms);
  }

  /** A new session begins at this sample of the stream. */
  restart(baseSamples: number): void {
    this.#baseSamples = baseSamples;
    this.#baseSegmentId = this.#nextSegmentId;
    this.#processedMs = baseSamples / this.#samplesPerMs;
    this.#open.clear();
  }

  /** The message with times and ids of the whole stream. */
  place(message: ServerMessage): ServerMessage {
    if (this.#baseSamples === 0 && this.#baseSegmentId === 0) return message;
    const baseMs = this.#baseSamples / this.#samplesPerMs;
    const moved: Record<string, unknown> = { ...message };
    const add = (field: string, base: number): void => {
      const value = moved[field];
      if (typeof value === 'number') moved[field] = value + base;
    };
    for (const field of ['startMs', 'endMs', 'audioMs']) add(field, baseMs);
    for (const field of ['offset', 'keepFrom']) add(field, this.#baseSamples);
    for (const field of ['segmentId', 'firstSegmentId', 'lastSegmentId']) add(field, this.#baseSegmentId);
    if (message.type === 'final' && message.words !== undefined) {
      moved['words'] = message.words.map((word): Word => ({
        ...word,
        startMs: word.startMs + baseMs,
        endMs: word.endMs + baseMs,
      }));
    }
    // Every field keeps its type: only numbers were added to.
    return moved as ServerMessage;
  }

  /** Takes note of a placed message. False: it is a partial that has been told before. */
  observe(message: ServerMessage): boolean {
    switch (message.type) {
      case 'speechStarted':
        this.#open.set(message.segmentId, { startMs: message.startMs, revision: -1 });
        this.#nextSegmentId = Math.max(this.#nextSegmentId, message.segmentId + 1);
        break;
      case 'partial': {
        const utterance = this.#open.get(message.segmentId);
        if (utterance === undefined) break;
        if (message.revision <= utterance.revision) return false;
        utterance.revision = message.revision;
        break;
      }
      case 'final':
        this.#close(message.segmentId, message.endMs);
        break;
      case 'error':
        if (message.segmentId !== undefined) this.#close(message.segmentId, message.endMs ?? 0);
        break;
      case 'stopped':
        // A server that drains has told all that it heard.
        this.#open.clear();
        this.#finalsEndMs = Math.max(this.#finalsEndMs, message.audioMs);
        break;
      case 'ack':
        this.#processedMs = Math.max(this.#processedMs, message.offset / this.#samplesPerMs - message.lagMs);
        break;
      default:
        break;
    }
    return true;
  }

  #close(segmentId: number, endMs: number): void {
    this.#open.delete(segmentId);
    this.#nextSegmentId = Math.max(this.#nextSegmentId, segmentId + 1);
    this.#finalsEndMs = Math.max(this.#finalsEndMs, endMs);
  }
}
