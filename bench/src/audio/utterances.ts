// Utterances of about one length, joined from clips of speech, so that load is of one kind whatever the recordings are.
import { place, SAMPLES_PER_MS, shuffled, type LoadedRecording, type Playlist } from './playlist.js';
import type { Span } from './recordings.js';

/**
 * Audio kept around the words of a clip, milliseconds: two clips that are joined are this much twice apart, less than
 * what ends an utterance.
 */
const MARGIN_MS = 80;

/**
 * The stretches of speech in recordings, without the silence around them: each utterance where the manifest has
 * utterances, else from the first word to the last where it has words, else all of it. Recordings in which nobody
 * speaks have none.
 */
export function clipsOf(recordings: readonly LoadedRecording[]): LoadedRecording[] {
  return recordings
    .filter(({ text }) => text !== '')
    .flatMap((recording) => {
      const { utterances, words } = recording;
      if (utterances.length > 0) return utterances.map((utterance, index) => clip(recording, utterance, index));
      const [first, last] = [words[0], words.at(-1)];
      return first === undefined || last === undefined
        ? [recording]
        : [clip(recording, { text: recording.text, startMs: first.startMs, endMs: last.endMs }, 0)];
    });
}

function clip(recording: LoadedRecording, span: Span, index: number): LoadedRecording {
  const from = Math.max(0, Math.round((span.startMs - MARGIN_MS) * SAMPLES_PER_MS));
  const samples = recording.samples.subarray(from, Math.round((span.endMs + MARGIN_MS) * SAMPLES_PER_MS));
  const inside = recording.words.filter(({ startMs, endMs }) => startMs >= span.startMs && endMs <= span.endMs);
  return {
    ...recording,
    id: `${recording.id}/${index}`,
    text: span.text,
    words: shifted(inside, -from / SAMPLES_PER_MS),
    utterances: [],
    samples,
  };
}

export interface JoinOptions {
  /** Length that utterances should have, milliseconds. */
  readonly lengthMs: number;
  /** How often every clip is used, each time among others. */
  readonly rounds: number;
  readonly random: () => number;
}

/**
 * Joins clips, shuffled, to utterances: each takes the next clip as long as that brings it nearer to the wanted length.
 */
export function joinUtterances(clips: readonly LoadedRecording[], options: JoinOptions): LoadedRecording[] {
  const utterances: LoadedRecording[] = [];
  for (let round = 0; round < options.rounds; round++) {
    let open: LoadedRecording[] = [];
    for (const next of shuffled(clips, options.random)) {
      const now = lengthOf(open);
      const isNearer = Math.abs(now + lengthOf([next]) - options.lengthMs) < Math.abs(now - options.lengthMs);
      if (open.length > 0 && !isNearer) {
        utterances.push(join(open));
        open = [];
      }
      open.push(next);
    }
    if (open.length > 0) utterances.push(join(open));
  }
  return utterances;
}

function join(clips: readonly LoadedRecording[]): LoadedRecording {
  const { placed, totalSamples } = place(clips, 0);
  const samples = new Float32Array(totalSamples);
  for (const { recording, startMs } of placed) samples.set(recording.samples, startMs * SAMPLES_PER_MS);
  return {
    id: clips.map(({ id }) => id).join('+'),
    path: '',
    language: clips[0]?.language ?? 'en',
    text: clips.map(({ text }) => text).join(' '),
    words: placed.flatMap(({ recording, startMs }) => shifted(recording.words, startMs)),
    utterances: [],
    samples,
  };
}

export interface LoopOptions {
  readonly durationMs: number;
  /** Silence before, between and behind recordings, milliseconds. */
  readonly gapMs: number;
  readonly random: () => number;
}

/** Plays recordings in shuffled order, over and over, for so long; what is being played then is cut off. */
export function loopPlaylist(recordings: readonly LoadedRecording[], options: LoopOptions): Playlist {
  const { durationMs, gapMs, random } = options;
  const turn: LoadedRecording[] = [];
  while (recordings.length > 0 && lengthOf(turn) + turn.length * gapMs < durationMs) {
    turn.push(...shuffled(recordings, random));
  }
  const { placed } = place(turn, gapMs);
  return {
    placed: placed.filter(({ startMs }) => startMs < durationMs),
    totalSamples: Math.round(durationMs * SAMPLES_PER_MS),
  };
}

/** Length of recordings together, milliseconds. */
export const lengthOf = (recordings: readonly LoadedRecording[]): number =>
  recordings.reduce((sum, { samples }) => sum + samples.length, 0) / SAMPLES_PER_MS;

const shifted = (spans: readonly Span[], byMs: number): Span[] =>
  spans.map(({ text, startMs, endMs }) => ({ text, startMs: startMs + byMs, endMs: endMs + byMs }));
