// Where the windows of an engine's runs lie for its process to read: written once, never sent.
import type { DecodeRequest } from '../engine.js';
import type { SentRequest } from './engine-work.js';
import { createSharedMemory, mapSharedMemory, type MappedMemory, type SharedMemory } from './shared-memory.js';
import { SAMPLE_RATE } from '../../audio/samples.js';

/**
 * Room for two runs of 64 windows of 30 s (16 kHz, float32), the most that any engine takes at once. Address space
 * only: memory is taken as it is first written to, from the front, and kept, so an arena holds as much as its engine's
 * largest runs.
 */
export const AUDIO_ARENA_BYTES = 2 * 64 * 30 * SAMPLE_RATE * Float32Array.BYTES_PER_ELEMENT;

/** A run's windows on their way. */
export interface PlacedBatch {
  readonly batch: readonly SentRequest[];
  /** The answer has come, or nobody will ever read them: their room is free. May be called twice. */
  release(): void;
}

interface Span {
  readonly begin: number;
  readonly end: number;
}

/**
 * One for each engine, inherited by one process of it after the other: a new one comes when the old one is gone. A run
 * takes one stretch, the first that is long enough; where there is none, its audio travels in the message.
 */
export class AudioArena {
  readonly bytes: number;
  /** For a child to inherit. */
  readonly file: number;
  readonly #memory: MappedMemory;
  #samples: Float32Array;
  /** In the order in which they lie. */
  readonly #taken: Span[] = [];

  /** Undefined where processes cannot share memory. */
  static create(bytes: number): AudioArena | undefined {
    const memory = bytes > 0 ? createSharedMemory(bytes) : undefined;
    return memory && new AudioArena(memory, bytes);
  }

  /** Memory that another process has made: this one alone writes there. Undefined where it cannot be mapped. */
  static inherit(file: number, bytes: number): AudioArena | undefined {
    const memory = bytes > 0 ? mapSharedMemory(file, bytes) : undefined;
    return memory && new AudioArena({ ...memory, file }, bytes);
  }

  private constructor(memory: SharedMemory, bytes: number) {
    this.#memory = memory;
    this.#samples = new Float32Array(memory.buffer);
    this.bytes = bytes;
    this.file = memory.file;
  }

  /** All of it, to read what another process places there. */
  get samples(): Float32Array {
    return this.#samples;
  }

  /** Samples that runs under way have taken. */
  get takenSamples(): number {
    return this.#taken.reduce((sum, { begin, end }) => sum + end - begin, 0);
  }

  /** Copies the windows to where the engine's process sees them. */
  place(batch: readonly DecodeRequest[]): PlacedBatch {
    const span = this.#take(batch.reduce((sum, { audio }) => sum + audio.length, 0));
    if (span === undefined) return { batch, release: () => undefined };
    let begin = span.begin;
    const placed = batch.map((request) => {
      const audio = { begin, end: begin + request.audio.length };
      this.#samples.set(request.audio, audio.begin);
      begin = audio.end;
      return { ...request, audio };
    });
    return { batch: placed, release: () => this.#release(span) };
  }

  /**
   * Gives the memory back; the engine's processes are gone. What is placed from now on travels in messages. May be
   * called twice.
   */
  close(): void {
    if (this.#samples.length === 0) return;
    // The last reference to what is no longer mapped.
    this.#samples = new Float32Array(0);
    this.#memory.unmap();
  }

  #take(length: number): Span | undefined {
    let begin = 0;
    let at = 0;
    for (const next of this.#taken) {
      if (next.begin - begin >= length) break;
      begin = next.end;
      at += 1;
    }
    const span = { begin, end: begin + length };
    if (span.end > this.#samples.length) return undefined;
    this.#taken.splice(at, 0, span);
    return span;
  }

  #release(span: Span): void {
    const at = this.#taken.indexOf(span);
    if (at >= 0) this.#taken.splice(at, 1);
  }
}
