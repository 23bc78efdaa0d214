// Streams of one speaker each, joined from recordings: what was said before is part of what a live stream hears.
import { SAMPLES_PER_MS, type LoadedRecording } from './playlist.js';
import { seededRandom } from './seeded-random.js';

/** Pauses of somebody who speaks on, milliseconds. */
const PAUSE_MS = { min: 400, max: 1_500 } as const;
/** Longest stream, milliseconds: a speaker with more has several. */
const STREAM_MS_MAX = 60_000;

/** Recordings of the same speaker in a row. Those whose speaker is not known stay alone. */
export function speakerStreams(recordings: readonly LoadedRecording[], seed: number): LoadedRecording[] {
  const random = seededRandom(seed);
  const streams = new Map<string, LoadedRecording[]>();
  for (const recording of recordings) {
    const { id, language, speaker } = recording;
    const name = speaker === undefined ? `recording ${id}` : `${language} ${speaker}`;
    streams.set(name, [...(streams.get(name) ?? []), recording]);
  }
  return [...streams.values()].flatMap((parts) => inStreams(parts).map((stream) => joined(stream, random)));
}

function inStreams(parts: readonly LoadedRecording[]): LoadedRecording[][] {
  const streams: LoadedRecording[][] = [];
  let samples = Infinity;
  for (const part of parts) {
    if (samples + part.samples.length > STREAM_MS_MAX * SAMPLES_PER_MS) {
      streams.push([]);
      samples = 0;
    }
    streams.at(-1)?.push(part);
    samples += part.samples.length;
  }
  return streams;
}

function joined(parts: readonly LoadedRecording[], random: () => number): LoadedRecording {
  const [first] = parts;
  if (first === undefined) throw new RangeError('a stream has a recording at least');
  const starts: number[] = [];
  let length = 0;
  for (const { samples } of parts) {
    starts.push(length);
    const pauseMs = PAUSE_MS.min + random() * (PAUSE_MS.max - PAUSE_MS.min);
    length += samples.length + Math.round(pauseMs * SAMPLES_PER_MS);
  }
  const samples = new Float32Array(length);
  for (const [at, part] of parts.entries()) samples.set(part.samples, starts[at]);
  return { ...first, samples, text: parts.map(({ text }) => text).join(' '), words: [], utterances: [] };
}
