// One transcript while it grows: gathers what comes while a write is under way, and tries again what failed.
import type { StoreHealth } from '../store/store-health.js';
import { SEGMENTS_MAX, type KeptSegment, type TranscriptRecord } from './transcript.js';
import type { Transcripts } from './transcripts.js';

/**
 * Segments that may wait for a store that does not take them; beyond, the oldest are left out and the transcript is
 * incomplete.
 */
export const PENDING_SEGMENTS_MAX = 500;

export type TranscriptFacts = Partial<
  Pick<TranscriptRecord, 'state' | 'model' | 'audioMs' | 'polished' | 'isIncomplete' | 'updatedAt'>
>;

export class TranscriptWriter {
  readonly #transcripts: Transcripts;
  readonly #health: StoreHealth;
  /** What is to be written. */
  #record: TranscriptRecord;
  #written: TranscriptRecord | undefined;
  readonly #pending = new Map<number, KeptSegment>();
  readonly #known: Set<number>;
  #writing: Promise<void> | undefined;
  #isGone = false;
  /** Whether a write failed: it may have happened all the same. */
  #isUnsure = false;

  /** `written`: what is in the store already, with the ids of its segments, where a transcript is gone on with. */
  constructor(
    transcripts: Transcripts,
    health: StoreHealth,
    record: TranscriptRecord,
    written?: { readonly record: TranscriptRecord; readonly segmentIds: Iterable<number> },
  ) {
    this.#transcripts = transcripts;
    this.#health = health;
    this.#record = record;
    this.#written = written?.record;
    this.#known = new Set(written?.segmentIds);
  }

  get record(): TranscriptRecord {
    return this.#record;
  }

  /** Whether somebody has deleted the transcript: then nothing is written any more. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Whether everything is written, or never will be. */
  get isSettled(): boolean {
    return this.#isGone || (this.#pending.size === 0 && this.#written === this.#record);
  }

  /** Keeps a segment, in place of the one with its id. */
  keep(segment: KeptSegment): void {
    if (this.#isGone) return;
    if (!this.#known.has(segment.segmentId)) {
      if (this.#known.size === SEGMENTS_MAX) return this.set({ isIncomplete: true });
      this.#known.add(segment.segmentId);
    }
    this.#pending.set(segment.segmentId, segment);
    if (this.#pending.size > PENDING_SEGMENTS_MAX) this.#leaveOutOldest();
    this.set({ updatedAt: this.#transcripts.wallNow() });
  }

  set(facts: TranscriptFacts): void {
    this.#record = { ...this.#record, ...facts, segments: this.#known.size };
    void this.write();
  }

  /**
   * Writes what is not written yet. Never rejects: a failure is told to the store's health, and what failed waits for
   * the next call.
   */
  write(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    // Left a moment, so that what comes together is written together.
    await Promise.resolve();
    try {
      while (!this.isSettled) await this.#writeOnce();
      this.#health.succeeded();
    } catch (error) {
      this.#health.failed(error);
    }
  }

  async #writeOnce(): Promise<void> {
    const record = this.#record;
    const segments = [...this.#pending.values()];
    // Only this writes it: what is there is what was written last.
    if (this.#isUnsure) this.#written = (await this.#transcripts.get(record.id)) ?? this.#written;
    this.#isUnsure = true;
    this.#isGone = !(await this.#transcripts.write(record, segments, this.#written));
    this.#isUnsure = false;
    this.#written = record;
    for (const segment of segments) {
      if (this.#pending.get(segment.segmentId) === segment) this.#pending.delete(segment.segmentId);
    }
  }

  #leaveOutOldest(): void {
    const [oldest] = this.#pending.keys();
    if (oldest === undefined) return;
    this.#pending.delete(oldest);
    this.#known.delete(oldest);
    this.#record = { ...this.#record, isIncomplete: true };
  }
}
