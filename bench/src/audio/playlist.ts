// What one connection plays: recordings one after another with silence between them, on one timeline.
import type { Recording, Span } from './recordings.js';
import { seededRandom } from './seeded-random.js';

/** Samples of 16 kHz mono audio in a millisecond. */
export const SAMPLES_PER_MS = 16;

/** A recording whose audio is loaded: 16 kHz mono, -1..1. */
export interface LoadedRecording extends Recording {
  readonly samples: Float32Array;
}

/** A recording at its place in a playlist, milliseconds since the playlist's first sample. */
export interface PlacedRecording {
  readonly recording: LoadedRecording;
  readonly startMs: number;
  readonly endMs: number;
}

export interface Playlist {
  readonly placed: readonly PlacedRecording[];
  /** Length with the silence behind the last recording, samples. */
  readonly totalSamples: number;
}

export interface DealOptions {
  readonly connections: number;
  /** How often the whole set is played. */
  readonly rounds: number;
  /** Silence before the first, between and behind recordings, milliseconds. */
  readonly gapMs: number;
  readonly seed: number;
}

/**
 * Deals recordings to connections so that all play about equally long: each recording goes, longest first, to the
 * connection that has the least; then each connection shuffles its own. A round's copies of one recording may meet on
 * one connection.
 */
export function dealPlaylists(recordings: readonly LoadedRecording[], options: DealOptions): Playlist[] {
  const random = seededRandom(options.seed);
  const hands = Array.from({ length: options.connections }, () => ({
    recordings: [] as LoadedRecording[],
    samples: 0,
  }));
  const longestFirst = [...recordings].sort((a, b) => b.samples.length - a.samples.length);
  for (let round = 0; round < options.rounds; round++) {
    for (const recording of longestFirst) {
      const least = hands.reduce((a, b) => (b.samples < a.samples ? b : a));
      least.recordings.push(recording);
      least.samples += recording.samples.length + options.gapMs * SAMPLES_PER_MS;
    }
  }
  return hands
    .filter((hand) => hand.recordings.length > 0)
    .map((hand) => place(shuffled(hand.recordings, random), options.gapMs));
}

/** Puts recordings in a row with silence around each. */
export function place(recordings: readonly LoadedRecording[], gapMs: number): Playlist {
  const gap = Math.round(gapMs * SAMPLES_PER_MS);
  let at = gap;
  const placed = recordings.map((recording) => {
    const start = at;
    at += recording.samples.length + gap;
    return { recording, startMs: start / SAMPLES_PER_MS, endMs: (start + recording.samples.length) / SAMPLES_PER_MS };
  });
  return { placed, totalSamples: at };
}

/** Samples `from` to `to` of a playlist as 16-bit PCM, little endian. */
export function pcmOf(playlist: Playlist, from: number, to: number): Uint8Array {
  const pcm = new Int16Array(to - from);
  for (const { recording, startMs } of playlist.placed) {
    const start = startMs * SAMPLES_PER_MS;
    const end = Math.min(to, start + recording.samples.length);
    for (let at = Math.max(from, start); at < end; at++) {
      const sample = Math.max(-1, Math.min(1, recording.samples[at - start] ?? 0));
      pcm[at - from] = Math.round(sample * 32_767);
    }
  }
  return new Uint8Array(pcm.buffer);
}

/** A recording's words, or utterances, on the playlist's timeline. */
export const placedSpans = ({ startMs }: PlacedRecording, spans: readonly Span[]): Span[] =>
  spans.map((span) => ({ text: span.text, startMs: span.startMs + startMs, endMs: span.endMs + startMs }));

/** Fisher-Yates. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    const [a, b] = [result[last], result[other]];
    if (a !== undefined && b !== undefined) [result[last], result[other]] = [b, a];
  }
  return result;
}
