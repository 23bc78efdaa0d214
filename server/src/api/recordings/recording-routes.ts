// The server's own addresses for files: a recording in, its text out, raw or polished.
import { joinTexts } from '@sotto/protocol';
import * as v from 'valibot';
import { ALLOW_ALL, type Authorizer } from '../../access/access.js';
import { callerOf, checkPolish } from '../access/callers.js';
import type { TermsOf } from '../access/client-terms.js';
import { storedInMemory } from '../../audio/stored-bytes.js';
import { refuseLanguage } from '../../asr/model-languages.js';
import type { HttpRequest } from '../../http/exchange.js';
import { fileError } from '../uploads/file-errors.js';
import { CACHE_HEADER } from '../../recordings/cached-transcription.js';
import { FILE_DEFAULTS } from '../../recordings/file-transcription.js';
import { TranscribedUpload, mainLanguage, type Transcription } from '../../recordings/transcribed-upload.js';
import { readUpload, type Upload } from '../uploads/upload.js';
import { mediaType } from '../../http/body.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse, readJson, validated } from '../../http/json.js';
import type { Route } from '../../http/router.js';
import type { Polishing } from '../../polish/polishing.js';
import {
  JSON_FILE,
  OPTIMIZE_FIELDS,
  TRANSCRIBE_FIELDS,
  type OptimizeAnswer,
  type TranscribeAnswer,
} from './recording-schemas.js';
import { FormFields } from '../uploads/form-fields.js';
import { rewritingOf } from '../uploads/rewriting-fields.js';

export interface RestOptions {
  readonly files: Transcription;
  readonly model: { readonly languages: readonly string[] };
  readonly uploadBytesMax: number;
  readonly polishing?: Polishing | undefined;
  /** How long the polish of a whole text may take, milliseconds. */
  readonly polishBudgetMs: number;
  /** Who may. Default: everybody. */
  readonly access?: Authorizer | undefined;
  readonly termsOf?: TermsOf | undefined;
}

/** A recording within JSON is held in memory: larger ones come as forms or as they are. */
const JSON_BYTES_MAX = 33_554_432;

export function restRoutes(options: RestOptions): Route[] {
  return [
    {
      method: 'POST',
      path: '/transcribe_only',
      handle: async ({ request }) => {
        const { answer, headers } = await transcribe(request, TRANSCRIBE_FIELDS, options);
        return jsonResponse(200, answer, headers);
      },
    },
    {
      method: 'POST',
      path: '/transcribe_and_optimize',
      handle: async ({ request }) => {
        checkPolish(callerOf(options.access ?? ALLOW_ALL, request, 'files'));
        const { answer, fields, headers } = await transcribe(request, OPTIMIZE_FIELDS, options);
        const optimized = await optimize(answer, fields, request.signal, options);
        return jsonResponse(200, { ...answer, ...optimized }, headers);
      },
    },
  ];
}

async function transcribe<const S extends typeof TRANSCRIBE_FIELDS | typeof OPTIMIZE_FIELDS>(
  request: HttpRequest,
  schema: S,
  { files, model, uploadBytesMax, termsOf }: RestOptions,
): Promise<{
  answer: TranscribeAnswer;
  fields: v.InferOutput<S>;
  headers: Record<string, string>;
}> {
  const { spendAudio, demands } = termsOf?.(request) ?? {};
  const upload = await readAny(request, schema, uploadBytesMax);
  try {
    const { fields } = upload;
    const language = knownLanguage(fields.language, model.languages);
    const { prompt, hotwords, track, channels, replacements, profanity, redact, redactNames } = fields;
    const rewriting = { replacements, profanity, redact, redactNames };
    const heard = new TranscribedUpload(
      files,
      upload,
      { ...FILE_DEFAULTS, language, prompt, hotwords, track, channels, rewriting, demands },
      { signal: request.signal, spendAudio },
    );
    const segments = [];
    for await (const segment of heard.segments) if (segment.text !== '') segments.push(segment);
    const answer = {
      raw_text: joinTexts(segments.map((segment) => segment.text)),
      language: mainLanguage(segments, language),
      duration: seconds(heard.durationMs),
      segments: segments.map(({ startMs, endMs, text: said, channel }) => ({
        start: seconds(startMs),
        end: seconds(endMs),
        text: said,
        ...(channel !== undefined && { channel }),
      })),
      warnings: heard.warnings,
    };
    return { answer, fields, headers: { [CACHE_HEADER]: heard.cache } };
  } catch (error) {
    throw fileError(error);
  } finally {
    await upload.close();
  }
}

async function readAny<const S extends typeof TRANSCRIBE_FIELDS | typeof OPTIMIZE_FIELDS>(
  request: HttpRequest,
  schema: S,
  bytesMax: number,
): Promise<Pick<Upload, 'bytes' | 'hash' | 'close'> & { fields: v.InferOutput<S> }> {
  if (mediaType(request) === 'application/json') {
    const body = await readJson(request, v.looseObject(JSON_FILE.entries), {
      bytesMax: Math.min(JSON_BYTES_MAX, bytesMax * 2),
    });
    const bytes = storedInMemory(Buffer.from(body.file, 'base64'));
    return { fields: validated<S>(schema, body), bytes, close: () => bytes.close() };
  }
  const upload = await readUpload(request, bytesMax);
  try {
    return { ...upload, fields: validated<S>(schema, fieldsOf(upload.fields)) };
  } catch (error) {
    await upload.close();
    throw error;
  }
}

function fieldsOf(fields: FormFields): Record<string, unknown> {
  const known = {
    language: fields.one('language'),
    track: fields.one('track'),
    channels: fields.one('channels'),
    prompt: fields.one('prompt'),
    hotwords: fields.list('hotwords'),
    mode: fields.one('mode'),
    instruction: fields.one('instruction'),
    ...rewritingOf({
      replacements: fields.one('replacements'),
      profanity: fields.one('profanity'),
      redact: fields.list('redact')?.join(','),
      redactNames: fields.list('redactNames')?.join(','),
    }),
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

/** The tag as it is. @throws HttpError 400 `unsupported_language`. */
export function knownLanguage(wanted: string, languages: readonly string[]): string {
  const refusal = refuseLanguage(wanted, { name: 'The model', languages });
  if (refusal !== undefined) throw new HttpError(400, refusal.code, refusal.message);
  return wanted;
}

async function optimize(
  { raw_text: raw, language }: TranscribeAnswer,
  { mode, instruction }: v.InferOutput<typeof OPTIMIZE_FIELDS>,
  signal: AbortSignal,
  { polishing, polishBudgetMs }: RestOptions,
): Promise<Pick<OptimizeAnswer, 'optimized_text' | 'mode' | 'polish_model' | 'polish_fallback'>> {
  const unpolished = { optimized_text: raw, mode, polish_model: 'none' };
  if (polishing === undefined) return { ...unpolished, polish_fallback: 'disabled' };
  const style = { mode, instruction, quality: 'best', script: undefined } as const;
  if (mode === 'custom' && instruction.trim() === '') {
    throw new HttpError(400, 'polish_unsupported', 'The mode "custom" needs an instruction.');
  }
  if (raw === '') return { ...unpolished, polish_fallback: null };
  const task = { text: raw, language: language || 'auto', style };
  const canPolish = polishing.refusalOf(style) === undefined;
  const {
    text: optimized,
    model,
    fallback,
  } = canPolish
    ? await polishing.polish({ ...task, previous: '', paragraphs: true, budgetMs: polishBudgetMs, signal })
    : // The recording was heard all the same.
      await polishing.fallBack(task, 'unavailable');
  return { optimized_text: optimized, mode, polish_model: model, polish_fallback: fallback ?? null };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}
