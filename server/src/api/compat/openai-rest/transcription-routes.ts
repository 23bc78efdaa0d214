// OpenAI's audio API over HTTP: transcriptions and translations of files.
import type { TranscribedSegment } from '../../../asr/files/file-transcriber.js';
import { CACHE_HEADER } from '../../../recordings/cached-transcription.js';
import { fileError } from '../../uploads/file-errors.js';
import type { FileOptions } from '../../../recordings/file-transcription.js';
import { TranscribedUpload, type Transcription } from '../../../recordings/transcribed-upload.js';
import { readUpload, type Upload } from '../../uploads/upload.js';
import type { HttpRequest, HttpResponse } from '../../../http/exchange.js';
import { mediaType } from '../../../http/body.js';
import { eventStream, type ServerSentEvent } from '../../../http/event-stream.js';
import { HttpError } from '../../../http/http-error.js';
import type { Route } from '../../../http/router.js';
import type { Authorizer } from '../../../access/access.js';
import { credentialOf } from '../../../access/credentials.js';
import type { TermsOf } from '../../access/client-terms.js';
import { invalidRequest, type RealtimeError } from '../openai-realtime/events.js';
import { openAiHandler, OpenAiHttpError, requestId, requireScope } from '../openai-realtime/http-errors.js';
import { modelRoutes, requireModel } from './models.js';
import { deltaOf, logprobsOf, textOf, transcriptionResponse, usageOf } from './transcription-body.js';
import { fileOptions, transcriptionForm, type TranscriptionForm } from './transcription-options.js';

export interface OpenAiRestOptions {
  readonly files: Transcription;
  readonly authorizer: Authorizer;
  /** What recognises. */
  readonly model: { readonly name: string; readonly languages: readonly string[]; readonly isMultilingual: boolean };
  readonly uploadBytesMax: number;
  readonly termsOf?: TermsOf | undefined;
}

export function openAiRestRoutes(options: OpenAiRestOptions): Route[] {
  const audioRoute = (path: string, task: FileOptions['task']): Route => ({
    method: 'POST',
    path,
    handle: openAiHandler(({ request }) => answer(request, task, options)),
  });
  return [
    audioRoute('/v1/audio/transcriptions', 'transcribe'),
    audioRoute('/v1/audio/translations', 'translate'),
    ...modelRoutes(options.authorizer, options.model, Date.now()),
  ];
}

async function answer(
  request: HttpRequest,
  task: FileOptions['task'],
  options: OpenAiRestOptions,
): Promise<HttpResponse> {
  requireScope(options.authorizer.identify(credentialOf(request)), 'files');
  if (mediaType(request) !== 'multipart/form-data') {
    throw new OpenAiHttpError(400, invalidRequest(null, 'Send the file as multipart/form-data.', null));
  }
  const { spendAudio, demands } = options.termsOf?.(request) ?? {};
  let upload: Upload | undefined;
  let isStreaming = false;
  try {
    upload = await readUpload(request, options.uploadBytesMax);
    const deployment = deploymentOf(request);
    if (deployment !== undefined && upload.fields.one('model') === undefined) upload.fields.add('model', deployment);
    const form = transcriptionForm(upload.fields);
    if (deployment === undefined) requireModel(form.model, options.model.name);
    const wanted = { ...fileOptions(form, task, options.model.languages), demands };
    requireTask(task, options);
    const run = { signal: request.signal, isLive: form.stream, spendAudio };
    const heard = new TranscribedUpload(options.files, upload, wanted, run);
    if (form.stream && task === 'transcribe') {
      isStreaming = true;
      return await stream(heard, form, upload);
    }
    const segments: TranscribedSegment[] = [];
    for await (const segment of heard.segments) if (segment.text !== '') segments.push(segment);
    const { durationMs, warnings } = heard;
    const response = transcriptionResponse({ segments, durationMs, warnings, form, task });
    return { ...response, headers: { ...response.headers, [CACHE_HEADER]: heard.cache } };
  } catch (error) {
    throw openAiFailure(fileError(error));
  } finally {
    if (!isStreaming) await upload?.close();
  }
}

/** Azure names what it runs in the address, by any name that its owner chose. */
function deploymentOf({ path }: HttpRequest): string | undefined {
  return /\/openai\/+deployments\/+([^/]+)/.exec(path)?.[1];
}

function requireTask(task: FileOptions['task'], { model }: OpenAiRestOptions): void {
  if (task === 'transcribe' || model.isMultilingual) return;
  const message = `The model '${model.name}' knows one language only and cannot translate.`;
  throw new OpenAiHttpError(400, invalidRequest('unsupported_value', message, 'model'));
}

/** Deltas as segments become final. What goes wrong before the first one is an error of the request, later an event. */
async function stream(heard: TranscribedUpload, form: TranscriptionForm, upload: Upload): Promise<HttpResponse> {
  let first: IteratorResult<TranscribedSegment, void>;
  try {
    first = await heard.segments.next();
  } catch (error) {
    await upload.close();
    throw error;
  }
  return eventStream(events(first, heard, form, upload), {
    headers: { 'x-request-id': requestId(), [CACHE_HEADER]: heard.cache },
  });
}

async function* events(
  first: IteratorResult<TranscribedSegment, void>,
  heard: TranscribedUpload,
  form: TranscriptionForm,
  upload: Upload,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const withLogprobs = form.include.includes('logprobs');
  const segments: TranscribedSegment[] = [];
  try {
    for (let next = first; next.done !== true; next = await heard.segments.next()) {
      if (next.value.text === '') continue;
      const delta = deltaOf(next.value, segments.at(-1));
      segments.push(next.value);
      yield data({ type: 'transcript.text.delta', delta, ...(withLogprobs && { logprobs: logprobsOf(next.value) }) });
    }
    yield data({
      type: 'transcript.text.done',
      text: textOf(segments),
      ...(withLogprobs && { logprobs: segments.flatMap(logprobsOf) }),
      usage: usageOf(form.model, segments, heard.durationMs),
      ...(heard.warnings.length > 0 && { warnings: heard.warnings }),
    });
    yield { data: '[DONE]' };
  } catch (error) {
    const failure = openAiFailure(fileError(error));
    if (!(failure instanceof OpenAiHttpError)) throw error;
    yield { event: 'error', ...data({ error: failure.error }) };
  } finally {
    await heard.segments.return();
    await upload.close();
  }
}

function data(value: unknown): { data: string } {
  return { data: JSON.stringify(value) };
}

/** Failures of files in OpenAI's words: a 400 that names the file, a 413, a 429 to try again, or a 500. */
function openAiFailure(error: unknown): unknown {
  if (!(error instanceof HttpError)) return error;
  const said = (type: RealtimeError['type'], code: string | null, param: string | null): RealtimeError => ({
    type,
    code,
    message: error.message,
    param,
  });
  switch (error.status) {
    case 413:
      return new OpenAiHttpError(413, said('invalid_request_error', error.code, 'file'));
    case 429:
    case 503:
      return new OpenAiHttpError(429, said('rate_limit_error', 'rate_limit_exceeded', null), error.headers);
    case 500:
      return new OpenAiHttpError(500, said('server_error', null, null), { 'x-should-retry': 'false' });
    default:
      return new OpenAiHttpError(400, said('invalid_request_error', error.code, 'file'));
  }
}
