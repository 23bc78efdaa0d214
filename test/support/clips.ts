// A folder of recordings with a manifest.jsonl, one line a recording.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';

const Span = v.object({ text: v.string(), startMs: v.number(), endMs: v.number() });
/** Times as samples at 16 kHz. */
const SpanOfSamples = v.pipe(
  v.object({ text: v.string(), start: v.number(), end: v.number() }),
  v.transform(({ text, start, end }) => ({ text, startMs: start / 16, endMs: end / 16 })),
);

const Line = v.object({
  id: v.string(),
  file: v.string(),
  seconds: v.number(),
  language: v.string(),
  /** What is said; empty where nobody speaks. */
  text: v.string(),
  /**
   * `read`, `dialogue`, `cut`, `clipped`, `noisy`, `quiet`, `other` (no speech); recordings have kinds of their own.
   */
  kind: v.string(),
  voice: v.optional(v.string()),
  /** Words with the synthesiser's own times. */
  words: v.optional(v.array(Span), []),
  /** Turns or utterances with their times. */
  segments: v.optional(v.array(v.union([Span, SpanOfSamples])), []),
});

export interface Clip extends Omit<v.InferOutput<typeof Line>, 'file'> {
  /** Absolute path of the audio file: FLAC, 16 kHz, mono. */
  readonly path: string;
}

/** Reads a folder's manifest; throws ValiError where a line is wrong. */
export function readClips(folder: string): Clip[] {
  const lines = readFileSync(join(folder, 'manifest.jsonl'), 'utf8').split('\n');
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const { file, ...clip } = v.parse(Line, JSON.parse(line));
      return { ...clip, path: join(folder, file) };
    });
}
