// What a job is: a recording that is transcribed in the background, and what became of it.
import { LIMITS, PolishSettings, REWRITING } from '@sotto/protocol';
import * as v from 'valibot';
import { TRACK } from '../audio/choose-track.js';

export const JOB_STATES = ['queued', 'running', 'done', 'failed', 'cancelled'] as const;

export type JobState = (typeof JOB_STATES)[number];

/** What clients may ask of a job, in JSON or as fields of a form. */
export const JobOptions = v.object({
  language: v.optional(
    v.pipe(
      v.string(),
      v.maxLength(64),
      v.regex(/^[A-Za-z]{2,}([-_][A-Za-z0-9]+)*$/, 'a language such as "en", "zh-TW" or "English", or "auto"'),
    ),
    'auto',
  ),
  track: v.optional(
    v.pipe(
      v.union([v.string(), v.number()]),
      v.transform(String),
      v.regex(TRACK, 'a number from 1 or a language such as "en"'),
    ),
  ),
  channels: v.optional(v.picklist(['mixed', 'separate'], 'mixed or separate')),
  task: v.optional(v.picklist(['transcribe', 'translate']), 'transcribe'),
  prompt: v.optional(v.pipe(v.string(), v.maxLength(LIMITS.promptCharsMax)), ''),
  hotwords: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(LIMITS.hotwordCharsMax))),
      v.maxLength(LIMITS.hotwordsMax),
    ),
    [],
  ),
  words: v.optional(v.boolean(), true),
  polish: v.optional(PolishSettings),
  ...REWRITING,
  webhook: v.optional(
    v.object({
      url: v.pipe(v.string(), v.maxLength(2_000), v.url()),
      secret: v.pipe(v.string(), v.minLength(16), v.maxLength(256)),
    }),
  ),
});

export type JobOptions = v.InferOutput<typeof JobOptions>;

/** Whose job it is. */
export interface JobClient {
  /** Undefined where no key was demanded. */
  readonly keyId: string | undefined;
  readonly address: string;
  /** The token that it came with, and how much audio that allows. */
  readonly token?: { readonly id: string; readonly audioMsMax?: number | undefined } | undefined;
}

export const NOBODY: JobClient = { keyId: undefined, address: '' };

export function clientOf({ owner, address = '', token }: JobRecord): JobClient {
  return { keyId: owner, address, token };
}

export interface JobProgress {
  /** Everything before this is recognised, milliseconds of the recording. */
  readonly heardMs: number;
  /** 0-1, as far as the recording's length is known. */
  readonly fraction: number;
}

export interface JobRecord {
  /** Also the id of its transcript. */
  readonly id: string;
  /** The key that it belongs to; absent where none was demanded. */
  readonly owner?: string | undefined;
  /** Where it came from: for quotas, and shown to nobody. */
  readonly address?: string | undefined;
  readonly token?: JobClient['token'];
  readonly state: JobState;
  /** Milliseconds since 1970, as all times here. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly startedAt?: number | undefined;
  readonly finishedAt?: number | undefined;
  /** The file's name, for people. */
  readonly name: string;
  readonly source: JobSource;
  readonly options: JobOptions;
  readonly progress: JobProgress;
  /** Changes of the record: the ids of its server-sent events. */
  readonly revision: number;
  /** How often it was begun and the process ended meanwhile, with the attempt under way; written before it begins. */
  readonly attempts: number;
  readonly audioMs?: number | undefined;
  /** What whoever sent it should know although it is done. */
  readonly warnings?: readonly string[] | undefined;
  readonly cache?: 'hit' | 'miss' | undefined;
  /** Where its result is cached. */
  readonly cacheKey?: string | undefined;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
  readonly webhook?: WebhookState | undefined;
}

export type JobSource =
  | { readonly kind: 'upload'; readonly bytes: number; readonly sha256: string }
  /** Relative to the folder of the settings. */
  | { readonly kind: 'path'; readonly path: string };

export interface WebhookState {
  readonly state: 'waiting' | 'delivered' | 'failed';
  readonly attempts: number;
  readonly lastError?: string | undefined;
}

export function isOver({ state }: Pick<JobRecord, 'state'>): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}

/** A job as clients see it. Secrets stay here. */
export function jobJson(job: JobRecord, wallNow: number) {
  const { id, state, name, progress, options, audioMs, warnings, cache, error, webhook } = job;
  const { webhook: hook, ...asked } = options;
  return {
    id,
    state,
    name,
    createdAt: iso(job.createdAt),
    startedAt: iso(job.startedAt),
    finishedAt: iso(job.finishedAt),
    progress: state === 'done' ? 1 : round(progress.fraction),
    heardMs: progress.heardMs,
    etaMs: etaOf(job, wallNow),
    audioMs,
    warnings,
    cache,
    options: asked,
    transcriptId: state === 'done' ? id : undefined,
    transcript: state === 'done' ? `/v1/transcripts/${id}` : undefined,
    error,
    webhook: hook === undefined ? undefined : { url: hook.url, ...webhook },
  };
}

/** Time until it is done, milliseconds, if it goes on as it went; undefined while nothing can be said. */
function etaOf({ state, startedAt, progress }: JobRecord, wallNow: number): number | undefined {
  if (state !== 'running' || startedAt === undefined || progress.fraction < 0.01) return undefined;
  return Math.round(((wallNow - startedAt) * (1 - progress.fraction)) / progress.fraction);
}

function iso(wallMs: number | undefined): string | undefined {
  return wallMs === undefined ? undefined : new Date(wallMs).toISOString();
}

function round(fraction: number): number {
  return Math.round(fraction * 1_000) / 1_000;
}
