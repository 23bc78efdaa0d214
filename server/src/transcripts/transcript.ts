// What is kept of a session or a job: who heard what, in which words.
import type { PolishedMessage, Word } from '@sotto/protocol';

/**
 * - `live`: it grows.
 * - `complete`: it has all its words.
 * - `interrupted`: the server ended before it had.
 * - `deleting`: it is gone for everybody; what is left of it is being removed.
 */
export type TranscriptState = 'live' | 'complete' | 'interrupted' | 'deleting';

export interface TranscriptRecord {
  /** The id of its session or job. Where no key is demanded, who knows it may read the transcript. */
  readonly id: string;
  readonly source: 'session' | 'job';
  /** The key that it belongs to; absent where none was demanded. */
  readonly owner?: string | undefined;
  readonly state: TranscriptState;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When words came last, milliseconds since 1970: retention counts from here. */
  readonly updatedAt: number;
  /** The file's name, for people; empty for a session. */
  readonly name: string;
  readonly model: string;
  /** What the client asked for: a language code, or `auto`. */
  readonly language: string;
  readonly task: 'transcribe' | 'translate';
  /** How much audio there was, milliseconds; 0 while it is not known. */
  readonly audioMs: number;
  /** Segments with words. */
  readonly segments: number;
  /** Whether segments beyond {@link SEGMENTS_MAX} were left out, or could not be written. */
  readonly isIncomplete: boolean;
  /** How often another process went on with it; absent: never. */
  readonly moves?: number | undefined;
  /** The whole text as it was polished at once, where it was. */
  readonly polished?: string | undefined;
}

export type PolishedBy = Pick<PolishedMessage, 'mode' | 'model'>;

/** A segment with words. Times are milliseconds since the first sample. */
export interface KeptSegment {
  readonly segmentId: number;
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly language: string;
  readonly avgLogprob: number;
  readonly noSpeechProb: number;
  readonly words?: readonly Word[] | undefined;
  /** As one would want to read it; absent where it was not polished. */
  readonly polished?: string | undefined;
  /** Which channel it was said in, from 0 on; absent where channels were mixed. */
  readonly channel?: number | undefined;
}

/** Segments of one transcript: about two days of talk. Beyond, they are left out and the transcript says so. */
export const SEGMENTS_MAX = 50_000;

/** Forms of an id at the doors of the server. */
export const TRANSCRIPT_ID = /^[\w-]{1,64}$/;

/** Sorts transcripts by time: nine digits of base 36 last until the year 5188. */
export function timeKey({ id, createdAt }: { readonly id: string; readonly createdAt: number }): string {
  return `${timePrefix(createdAt)}${id}`;
}

export function timePrefix(wallMs: number): string {
  return Math.max(0, Math.floor(wallMs)).toString(36).padStart(9, '0');
}

export function idOfTimeKey(key: string): string {
  return key.slice(9);
}
