// The addresses of whisper-asr-webservice, which Bazarr and other makers of subtitles ask: /asr and /detect-language.
import { joinTexts } from '@sotto/protocol';
import * as v from 'valibot';
import { TRACK } from '../../audio/choose-track.js';
import { SAMPLE_RATE } from '../../audio/samples.js';
import type { TranscribedSegment } from '../../asr/files/file-transcriber.js';
import { formatTranscript, TRANSCRIPT_FORMATS } from '../../captions/transcript-formats.js';
import type { HttpRequest, HttpResponse } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse, validated } from '../../http/json.js';
import type { Route } from '../../http/router.js';
import { asWav } from '../../audio/raw-audio.js';
import { CACHE_HEADER } from '../../recordings/cached-transcription.js';
import { FILE_DEFAULTS, type FileOptions } from '../../recordings/file-transcription.js';
import {
  TranscribedUpload,
  mainLanguage,
  type RecordingBytes,
  type Transcription,
} from '../../recordings/transcribed-upload.js';
import type { TermsOf } from '../access/client-terms.js';
import { knownLanguage } from '../recordings/recording-routes.js';
import { fileError } from '../uploads/file-errors.js';
import { readUpload, type Upload } from '../uploads/upload.js';
import { languageName } from '../compat/openai-rest/transcription-body.js';

export interface AsrWebserviceOptions {
  readonly files: Transcription;
  readonly model: { readonly languages: readonly string[]; readonly isMultilingual: boolean };
  readonly uploadBytesMax: number;
  readonly termsOf?: TermsOf | undefined;
}

/** Of the query or the form, beside the recording in `audio_file`. What is not here is taken and does nothing. */
export const ASR_FIELDS = v.object({
  output: v.optional(
    v.picklist(TRANSCRIPT_FORMATS, `one of ${TRANSCRIPT_FORMATS.join(', ')}`),
    'txt' satisfies (typeof TRANSCRIPT_FORMATS)[number],
  ),
  task: v.optional(v.picklist(['transcribe', 'translate'], 'transcribe or translate'), 'transcribe'),
  language: v.optional(v.string(), 'auto'),
  initial_prompt: v.optional(v.pipe(v.string(), v.maxLength(10_000, 'at most 10,000 characters')), ''),
  track: v.optional(
    v.pipe(
      v.string(),
      v.regex(TRACK, 'a number from 1 or a language such as en'),
      v.description('Not of the original: of several sound tracks which, by number (from 1) or language.'),
    ),
  ),
  word_timestamps: v.optional(v.string(), 'false'),
  encode: v.optional(
    v.pipe(v.string(), v.description('false: audio_file is raw PCM, 16 bit, 16 kHz, mono, little-endian.')),
    'true',
  ),
});

/** Speech after which a language is certain enough, milliseconds: the length of a window. */
const LANGUAGE_SPEECH_MS = 30_000;

export function asrWebserviceRoutes(options: AsrWebserviceOptions): Route[] {
  const route = (path: string, answer: typeof transcript): Route => ({
    method: 'POST',
    path,
    handle: ({ request }) => answered(request, options, answer),
  });
  return [route('/asr', transcript), route('/detect-language', detectedLanguage)];
}

type Asked = v.InferOutput<typeof ASR_FIELDS> & { readonly fileName: string };

async function answered(
  request: HttpRequest,
  options: AsrWebserviceOptions,
  answer: (heard: TranscribedUpload, asked: Asked) => Promise<HttpResponse>,
): Promise<HttpResponse> {
  const { spendAudio, demands } = options.termsOf?.(request) ?? {};
  const upload = await readUpload(request, options.uploadBytesMax, 'audio_file');
  try {
    const asked = { ...validated(ASR_FIELDS, fieldsOf(upload)), fileName: upload.fileName };
    const heard = new TranscribedUpload(
      options.files,
      recordingOf(upload, asked),
      { ...fileOptions(asked, options), demands },
      {
        signal: request.signal,
        spendAudio,
      },
    );
    return await answer(heard, asked);
  } catch (error) {
    throw fileError(error);
  } finally {
    await upload.close();
  }
}

async function transcript(heard: TranscribedUpload, { output, language, fileName }: Asked): Promise<HttpResponse> {
  const segments: TranscribedSegment[] = [];
  for await (const segment of heard.segments) if (segment.text !== '') segments.push(segment);
  const body = output === 'json' ? whisperJson(segments, language) : formatTranscript(output, segments);
  const name = encodeURIComponent(`${fileName}.${output}`);
  return {
    status: 200,
    contentType: 'text/plain; charset=utf-8',
    body,
    headers: {
      'asr-engine': 'sotto',
      'content-disposition': `attachment; filename*=UTF-8''${name}`,
      [CACHE_HEADER]: heard.cache,
    },
  };
}

/** As Whisper's own command line writes it, without what needs its windows. */
function whisperJson(segments: readonly TranscribedSegment[], language: string): string {
  return JSON.stringify({
    text: joinTexts(segments.map(({ text }) => text)),
    segments: segments.map(({ text, startMs, endMs, words, ...facts }, id) => ({
      id,
      start: seconds(startMs),
      end: seconds(endMs),
      text,
      avg_logprob: facts.avgLogprob,
      no_speech_prob: facts.noSpeechProb,
      temperature: facts.temperature,
      words: words.map(({ text: word, confidence, ...times }) => ({
        word,
        start: seconds(times.startMs),
        end: seconds(times.endMs),
        probability: confidence,
      })),
    })),
    language: mainLanguage(segments, language),
  });
}

function seconds(ms: number): number {
  return Math.round(ms) / 1_000;
}

/** Of the first half minute of speech. */
async function detectedLanguage(heard: TranscribedUpload): Promise<HttpResponse> {
  const segments: TranscribedSegment[] = [];
  let speechMs = 0;
  for await (const segment of heard.segments) {
    if (segment.text === '') continue;
    segments.push(segment);
    speechMs += segment.endMs - segment.startMs;
    if (speechMs >= LANGUAGE_SPEECH_MS) break;
  }
  const code = mainLanguage(segments, 'auto');
  if (code === '') throw new HttpError(422, 'no_speech', 'No speech was found whose language could be recognised.');
  const agreeing = segments.filter(({ language }) => language === code);
  const agreeingMs = agreeing.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  return jsonResponse(200, {
    detected_language: languageName(code),
    language_code: code,
    // The share of the speech that is in it.
    confidence: Math.round((1_000 * agreeingMs) / Math.max(1, speechMs)) / 1_000,
  });
}

function fileOptions(asked: Asked, { model }: AsrWebserviceOptions): FileOptions {
  if (asked.task === 'translate' && !model.isMultilingual) {
    throw new HttpError(400, 'unsupported_option', 'This model knows one language only and cannot translate.');
  }
  return {
    ...FILE_DEFAULTS,
    task: asked.task,
    language: knownLanguage(asked.language, model.languages),
    track: asked.track,
    prompt: asked.initial_prompt,
    words: asked.output !== 'txt',
  };
}

function fieldsOf({ fields }: Upload): Record<string, unknown> {
  const given = Object.keys(ASR_FIELDS.entries).map((name) => [name, fields.one(name)]);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/** Raw samples get the header of a WAV file, whose length is not told. */
function recordingOf(upload: Upload, { encode }: Asked): RecordingBytes {
  if (encode.toLowerCase() !== 'false') return upload;
  return { bytes: asWav(upload.bytes, { encoding: 'pcm_s16le', sampleRate: SAMPLE_RATE, channels: 1 }) };
}
