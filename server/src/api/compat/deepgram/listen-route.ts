// `POST /v1/listen`: a recording in the body, or at a URL, as one document, now or to a callback.
import { createHash, randomUUID, type Hash } from 'node:crypto';
import { LIMITS } from '@sotto/protocol';
import type { Logger } from 'pino';
import * as v from 'valibot';
import { AsrError } from '../../../asr/errors.js';
import type { TranscribedSegment } from '../../../asr/files/file-transcriber.js';
import { SpeechFound } from '../../../asr/files/speech-found.js';
import { AudioFileError, DecoderError } from '../../../audio/audio-errors.js';
import type { DecodeAudioOptions } from '../../../audio/decode-audio.js';
import { rawAsFile } from '../../../audio/raw-audio.js';
import type { FileOptions, FileRun } from '../../../recordings/file-transcription.js';
import type { HttpRequest } from '../../../http/exchange.js';
import type { AddressGuard } from '../../../http/outbound/address-guard.js';
import { recordingBody } from '../../uploads/recording-body.js';
import { boundedBody, mediaType } from '../../../http/body.js';
import { HttpError } from '../../../http/http-error.js';
import { jsonResponse } from '../../../http/json-response.js';
import { readJson } from '../../../http/json.js';
import type { Route } from '../../../http/router.js';
import { refuseUrl, safeFetch, SafeFetchError } from '../../../http/outbound/safe-fetch.js';
import type { Authorizer } from '../../../access/access.js';
import { credentialOf } from '../../../access/credentials.js';
import type { ClientTerms, TermsOf } from '../../access/client-terms.js';
import { deliver } from './callback.js';
import { listenDocument, type HeardChannel } from './document.js';
import { deepgramHandler, DeepgramHttpError, requireScope, type DeepgramError } from './http-errors.js';
import { readListenOptions, type ListenOptions } from './listen-options.js';
import { modelInfo, type ModelInfo } from './model-info.js';
import { SAMPLES_PER_MS } from '../../../audio/samples.js';

/** Recordings that are answered to a callback at a time. Beyond: 429. */
export const CALLBACKS_MAX = 16;
/** How long the whole of a recording may take to fetch, milliseconds. */
const FETCH_TIMEOUT_MS = 600_000;
const URL_BODY_BYTES_MAX = 16_384;

export const UrlRequest = v.object({ url: v.pipe(v.string('a URL'), v.minLength(1, 'a URL')) });

/** Bytes that were put aside, to be read again. */
export interface SpooledBytes extends AsyncIterable<Uint8Array> {
  close(): Promise<void>;
}

export interface ListenRouteOptions {
  readonly authorizer: Authorizer;
  readonly model: { readonly name: string; readonly languages: readonly string[] };
  readonly guard: AddressGuard;
  /** Bytes of one recording. Beyond: 413. */
  readonly fileBytesMax: number;
  /** 16 kHz mono out of the bytes of any audio file, all channels mixed or one of them alone. Throws AudioFileError. */
  readonly decode: (bytes: AsyncIterable<Uint8Array>, options: DecodeAudioOptions) => AsyncIterable<Float32Array>;
  readonly transcribe: (
    audio: AsyncIterable<Float32Array>,
    options: FileOptions,
    run: FileRun,
  ) => AsyncIterable<TranscribedSegment>;
  /** Puts bytes aside, until they are closed. */
  readonly spool: (bytes: AsyncIterable<Uint8Array>) => Promise<SpooledBytes>;
  readonly termsOf?: TermsOf | undefined;
  readonly log: Logger;
}

interface Call {
  readonly listen: ListenOptions;
  readonly model: ModelInfo;
  readonly requestId: string;
  readonly terms: ClientTerms | undefined;
}

export function listenRoute(options: ListenRouteOptions): Route {
  let callbacks = 0;
  return {
    method: 'POST',
    path: '/v1/listen',
    handle: deepgramHandler(async ({ request }) => {
      requireScope(options.authorizer.identify(credentialOf(request)), 'files');
      const listen = readListenOptions(request.query, options.model.languages, 'file');
      const terms = options.termsOf?.(request);
      const model = modelInfo(options.model.name);
      const call = { listen, model, requestId: randomUUID(), terms };
      if (listen.callback === undefined) {
        const document = await answering(() => listenTo(request, call, options));
        return jsonResponse(200, document, { 'dg-request-id': call.requestId });
      }
      const { url } = listen.callback;
      await answering(async () => refuseUrl(url, options.guard));
      if (callbacks >= CALLBACKS_MAX) {
        const message = 'Too many recordings are being transcribed for callbacks.';
        throw new DeepgramHttpError({ status: 429, code: 'TOO_MANY_REQUESTS', message });
      }
      callbacks++;
      try {
        const stored = await answering(() => store(request, listen, options));
        void later(stored, call, options).finally(() => callbacks--);
      } catch (error) {
        callbacks--;
        throw error;
      }
      return jsonResponse(200, { request_id: call.requestId }, { 'dg-request-id': call.requestId });
    }),
  };
}

/**
 * The document of a request. The body is heard as it comes; what is at a URL is fetched first, since nobody there waits
 * for its turn.
 */
async function listenTo(request: HttpRequest, call: Call, options: ListenRouteOptions): Promise<object> {
  const { signal } = request;
  // Channels are heard one after the other: the bytes are needed again.
  if (mediaType(request) !== 'application/json' && !call.listen.isMultichannel) {
    return transcribe(sentBytes(request, call.listen, options), call, options, { signal });
  }
  const stored = await store(request, call.listen, options);
  try {
    return await transcribe(stored, call, options, { signal });
  } finally {
    await stored.close();
  }
}

/** The recording in the body of a request. Raw audio may look like anything. */
function sentBytes(
  request: HttpRequest,
  { audio }: ListenOptions,
  { fileBytesMax }: ListenRouteOptions,
): AsyncIterable<Uint8Array> {
  return audio === undefined ? recordingBody(request, fileBytesMax) : boundedBody(request, fileBytesMax);
}

/** The recording of a request, put aside. */
async function store(request: HttpRequest, listen: ListenOptions, options: ListenRouteOptions): Promise<SpooledBytes> {
  const { fileBytesMax: bytesMax, guard, spool } = options;
  if (mediaType(request) !== 'application/json') return spool(sentBytes(request, listen, options));
  const { url } = await readJson(request, UrlRequest, { bytesMax: URL_BODY_BYTES_MAX });
  const { status, body, discard } = await safeFetch(url, {
    guard,
    bytesMax,
    timeoutMs: FETCH_TIMEOUT_MS,
    signal: request.signal,
  });
  if (status !== 200) {
    discard();
    throw new DeepgramHttpError(remoteContent(`The URL answered with status ${status}.`));
  }
  return spool(body);
}

/** The document of a recording, whose channels are heard one after the other where each is wanted. */
async function transcribe(
  bytes: AsyncIterable<Uint8Array>,
  { listen, model, requestId, terms }: Call,
  options: ListenRouteOptions,
  { signal }: Pick<FileRun, 'signal'>,
): Promise<object> {
  const run: FileRun = { ...(signal !== undefined && { signal }), spendAudio: terms?.spendAudio };
  const created = new Date();
  const hash = createHash('sha256');
  const asked = { ...listen, demands: terms?.demands };
  const first = await hear(hashed(bytes, hash), asked, options, run, listen.isMultichannel ? 0 : undefined);
  const channels = [first];
  while (listen.isMultichannel && channels.length < LIMITS.channelsMax) {
    const next = await hear(bytes, asked, options, run, channels.length).catch(noneLeft);
    if (next === undefined) break;
    channels.push(next);
  }
  return listenDocument({ channels, sha256: hash.digest('hex'), requestId, created }, listen, model);
}

/** What is heard in all channels, or in one of them. */
async function hear(
  bytes: AsyncIterable<Uint8Array>,
  { audio, language, track, hotwords, rewriting, demands }: ListenOptions & Pick<FileOptions, 'demands'>,
  { decode, transcribe: segmentsOf }: ListenRouteOptions,
  run: FileRun,
  channel: number | undefined,
): Promise<HeardChannel> {
  let samples = 0;
  const warnings: string[] = [];
  const wish: DecodeAudioOptions = {
    ...(channel !== undefined && { channel }),
    track,
    language: language === 'auto' ? undefined : language,
    onWarning: ({ message }) => warnings.push(message),
  };
  async function* counted(): AsyncGenerator<Float32Array> {
    for await (const block of decode(audio === undefined ? bytes : rawAsFile(bytes, audio), wish)) {
      samples += block.length;
      yield block;
    }
  }
  const recognition = { language, hotwords, task: 'transcribe', prompt: '', words: true } as const;
  const asked: FileOptions = { ...recognition, rewriting, demands };
  const segments: TranscribedSegment[] = [];
  const speech = new SpeechFound();
  for await (const segment of segmentsOf(counted(), asked, run)) {
    segments.push(segment);
    speech.add(segment);
  }
  const durationMs = samples / SAMPLES_PER_MS;
  const hardlyAny = speech.warning(durationMs);
  if (hardlyAny !== undefined) warnings.push(hardlyAny);
  return { segments, durationMs, warnings };
}

async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}

/** The channels before were all that there are. */
function noneLeft(error: unknown): undefined {
  if (!(error instanceof AudioFileError && error.code === 'no_channel')) throw error;
}

/** Transcribes behind the request's back and delivers the document, or what went wrong. */
async function later(stored: SpooledBytes, call: Call, options: ListenRouteOptions): Promise<void> {
  const { callback } = call.listen;
  if (callback === undefined) return;
  try {
    const document = await transcribe(stored, call, options, {}).catch((error: unknown) => {
      const { code: err_code, message: err_msg } = errorOf(error) ?? FAILED;
      return { err_code, err_msg, request_id: call.requestId };
    });
    await deliver(document, callback, options.guard);
  } catch (error) {
    options.log.warn({ err: error, request: call.requestId }, 'a callback could not be delivered');
  } finally {
    await stored.close();
  }
}

const FAILED: DeepgramError = { status: 500, code: 'INTERNAL', message: 'The server failed on this recording.' };

/** Errors of the work as refusals. */
async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const known = errorOf(error);
    throw known === undefined ? error : new DeepgramHttpError(known, { cause: error });
  }
}

function errorOf(error: unknown): DeepgramError | undefined {
  if (error instanceof AudioFileError) {
    const hint = error.code === 'not_audio' ? ' Raw audio needs encoding and sample_rate.' : '';
    return { status: 400, code: 'Bad Request', message: `${error.message}${hint}` };
  }
  if (error instanceof SafeFetchError) return remoteContent(error.message);
  if (error instanceof HttpError && error.status === 429) {
    return { status: 429, code: 'TOO_MANY_REQUESTS', message: error.message };
  }
  if (!(error instanceof AsrError || error instanceof DecoderError)) return undefined;
  const isBusy = BUSY.has(error.code);
  return { status: isBusy ? 503 : 500, code: isBusy ? 'SERVICE_UNAVAILABLE' : 'INTERNAL', message: error.message };
}

/** What may succeed later. */
const BUSY: ReadonlySet<string> = new Set(['overloaded', 'shutting_down', 'decoder_unavailable']);

function remoteContent(message: string): DeepgramError {
  return { status: 400, code: 'REMOTE_CONTENT_ERROR', message };
}
