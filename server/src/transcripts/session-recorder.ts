// The transcripts of all running sessions.
import type { StoreHealth } from '../store/store-health.js';
import type { KeptSegment, TranscriptRecord } from './transcript.js';
import { TranscriptWriter } from './transcript-writer.js';
import type { Transcripts } from './transcripts.js';

/** Transcripts of sessions that are over and that the store does not take; beyond, the oldest are given up. */
export const UNWRITTEN_MAX = 1_000;

/** Segments whose polished text may still come; of older ones it is not kept. */
export const POLISH_AWAITED_MAX = 64;

export class SessionRecorder {
  readonly #transcripts: Transcripts;
  readonly #health: StoreHealth;
  /** Those that are not written whole yet. */
  readonly #writers = new Set<TranscriptWriter>();

  constructor(transcripts: Transcripts, health: StoreHealth) {
    this.#transcripts = transcripts;
    this.#health = health;
  }

  begin(facts: Pick<TranscriptRecord, 'id' | 'owner' | 'model' | 'language' | 'task'>): TranscriptWriter {
    const now = this.#transcripts.wallNow();
    const writer = new TranscriptWriter(this.#transcripts, this.#health, {
      ...facts,
      source: 'session',
      state: 'live',
      createdAt: now,
      updatedAt: now,
      name: '',
      audioMs: 0,
      segments: 0,
      isIncomplete: false,
    });
    this.#writers.add(writer);
    void writer.write();
    return writer;
  }

  /**
   * Another process has begun it: segments from `from` on are told anew. Resolves with undefined where it was deleted;
   * rejects with StoreError.
   */
  async goOn(id: string, from: number): Promise<TranscriptWriter | undefined> {
    const written = await this.#transcripts.takeOver(id, from);
    if (written === undefined) return undefined;
    const writer = new TranscriptWriter(this.#transcripts, this.#health, written.record, written);
    this.#writers.add(writer);
    return writer;
  }

  /** The segments before `from` whose polished text may still come. */
  async unpolished(id: string, from: number): Promise<KeptSegment[]> {
    const last = await this.#transcripts.segmentsFrom(id, Math.max(0, from - POLISH_AWAITED_MAX), from);
    return last.filter(({ polished }) => polished === undefined);
  }

  /** The session of a transcript is over. */
  async finish(writer: TranscriptWriter): Promise<void> {
    writer.set({ state: 'complete', updatedAt: this.#transcripts.wallNow() });
    await writer.write();
    if (writer.isSettled) this.#writers.delete(writer);
    if (this.#writers.size <= UNWRITTEN_MAX) return;
    const oldest = [...this.#writers].find(({ record }) => record.state !== 'live');
    if (oldest !== undefined) this.#writers.delete(oldest);
  }

  /** Tries again what failed; called now and then. */
  async retry(): Promise<void> {
    for (const writer of this.#writers) {
      if (!writer.isSettled) await writer.write();
      if (writer.isSettled && writer.record.state !== 'live') this.#writers.delete(writer);
      // What fails once fails for all.
      if (this.#health.state === 'degraded') return;
    }
  }

  /** Resolves when everything is written, or cannot be. */
  async close(): Promise<void> {
    await Promise.all([...this.#writers].map((writer) => writer.write()));
  }
}
