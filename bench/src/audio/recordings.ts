// Recordings with their transcripts: a folder with a manifest.jsonl, one line a recording.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { BenchError } from '../bench-error.js';
import { repositoryRoot } from '../measure/machine.js';

/** A stretch of speech with its text, milliseconds since the recording's first sample. */
export interface Span {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface Recording {
  readonly id: string;
  /** Absolute path of the audio file. */
  readonly path: string;
  readonly language: string;
  /** What kind of recording it is (read, telephone, conversation), where the manifest says. */
  readonly kind?: string | undefined;
  /** Who speaks, where the manifest says. */
  readonly speaker?: string | undefined;
  /** What is said; empty where nobody speaks. */
  readonly text: string;
  /** Words with their true times, where the manifest has them. */
  readonly words: readonly Span[];
  /** Utterances with their true times, where the manifest has them. */
  readonly utterances: readonly Span[];
}

const SpanMs = v.object({ text: v.string(), startMs: v.number(), endMs: v.number() });
/** Times as samples at 16 kHz. */
const SpanSamples = v.pipe(
  v.object({ text: v.string(), start: v.number(), end: v.number() }),
  v.transform(({ text, start, end }) => ({ text, startMs: start / 16, endMs: end / 16 })),
);

const Line = v.object({
  id: v.string(),
  file: v.string(),
  text: v.string(),
  language: v.optional(v.string(), 'en'),
  kind: v.optional(v.string()),
  speaker: v.optional(v.string()),
  words: v.optional(v.array(SpanMs), []),
  segments: v.optional(v.array(v.union([SpanMs, SpanSamples])), []),
});

/** The recordings that the project commits. */
export const fixturesFolder = join(repositoryRoot, 'test/fixtures');

/**
 * Reads a folder's manifest.jsonl (`id`, `file`, `text`, `language`, and where known `kind`, `speaker`, `words` and
 * `segments` with times).
 * @throws BenchError `bad_recordings` that names the line and the field.
 */
export async function readRecordings(folder: string, languages?: readonly string[]): Promise<Recording[]> {
  const manifest = join(folder, 'manifest.jsonl');
  const text = await readFile(manifest, 'utf8').catch((cause: unknown) => {
    throw new BenchError('bad_recordings', `There is no ${manifest}.`, { cause });
  });
  const lines = text
    .split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(line, manifest, index)]));
  const recordings = lines
    .filter(({ language }) => languages === undefined || languages.includes(language))
    .map(({ segments, file, ...line }) => ({ ...line, path: join(folder, file), utterances: segments }));
  if (recordings.length === 0) {
    const wanted = languages === undefined ? '' : ` in ${languages.join(', ')}`;
    throw new BenchError('bad_recordings', `${manifest} has no recordings${wanted}.`);
  }
  return recordings;
}

function parseLine(line: string, manifest: string, index: number): v.InferOutput<typeof Line> {
  try {
    return v.parse(Line, JSON.parse(line));
  } catch (cause) {
    const why = v.isValiError(cause) ? `${v.getDotPath(cause.issues[0])}: ${cause.message}` : 'not JSON';
    throw new BenchError('bad_recordings', `${manifest}:${index + 1}: ${why}`, { cause });
  }
}
