// What a client of OpenAI's audio API asks for, out of the fields of its form.
import { LIMITS, REWRITING } from '@sotto/protocol';
import * as v from 'valibot';
import type { CuttingOptions } from '../../../asr/files/speech-stretches.js';
import type { FileOptions } from '../../../recordings/file-transcription.js';
import type { FormFields } from '../../uploads/form-fields.js';
import { rewritingOf } from '../../uploads/rewriting-fields.js';
import { HttpError } from '../../../http/http-error.js';
import { findLanguage } from '../../../asr/model-languages.js';
import { TRACK } from '../../../audio/choose-track.js';
import { hotwordsOf } from '../language.js';
import { invalidRequest } from '../openai-realtime/events.js';
import { OpenAiHttpError } from '../openai-realtime/http-errors.js';

/** As people write them: Python's `True` among them. */
const BOOLEANS = ['true', 'false', '1', '0'] as const;
export const RESPONSE_FORMATS = ['json', 'text', 'srt', 'verbose_json', 'vtt'] as const;

const textual = v.string('Expected a string.');
const fraction = v.pipe(
  textual,
  v.transform(Number),
  v.number('Expected a number between 0 and 1.'),
  v.minValue(0, 'Expected a number between 0 and 1.'),
  v.maxValue(1, 'Expected a number between 0 and 1.'),
);
/** A whole number of milliseconds, as text in a form and as a number in JSON. */
const milliseconds = (name: string) =>
  v.pipe(
    v.union([v.string(), v.number()], `${name}: expected a whole number of milliseconds.`),
    v.transform(Number),
    v.number(`${name}: expected a whole number of milliseconds.`),
    v.integer(`${name}: expected a whole number of milliseconds.`),
    v.minValue(0, `${name}: expected 0 or more.`),
  );
const CHUNKING_VALUES = 'Supported values: auto, or an object of type server_vad.';
/** With OpenAI's defaults. */
const ServerVad = v.object({
  type: v.literal('server_vad', CHUNKING_VALUES),
  threshold: v.optional(
    v.pipe(
      v.union([v.string(), v.number()], 'threshold: expected a number between 0 and 1.'),
      v.transform(Number),
      v.number('threshold: expected a number between 0 and 1.'),
      v.minValue(0, 'threshold: expected a number between 0 and 1.'),
      v.maxValue(1, 'threshold: expected a number between 0 and 1.'),
    ),
    0.5,
  ),
  prefix_padding_ms: v.optional(milliseconds('prefix_padding_ms'), 300),
  silence_duration_ms: v.optional(milliseconds('silence_duration_ms'), 200),
});
const DIARIZED =
  "'diarized_json' tells speakers apart, which this server does not do yet. Ask for 'verbose_json' to get segments without speakers.";
const responseFormat = v.picklist(RESPONSE_FORMATS, ({ input }) =>
  input === 'diarized_json' ? DIARIZED : `Supported values: ${RESPONSE_FORMATS.join(', ')}.`,
);
const oneOf = <const T extends readonly string[]>(values: T) =>
  v.picklist(values, `Supported values: ${values.join(', ')}.`);

/**
 * The form of `POST /v1/audio/transcriptions`, without the file. Numbers and booleans come as text; unknown fields are
 * ignored.
 */
export const TRANSCRIPTION_FORM = v.object({
  model: v.pipe(
    textual,
    v.description('Any of OpenAI’s transcription models, or the name of the model that this server runs.'),
  ),
  language: v.optional(v.pipe(textual, v.description('ISO 639-1, such as en.'))),
  languages: v.optional(v.array(textual)),
  keywords: v.optional(
    v.pipe(v.array(textual), v.maxLength(LIMITS.hotwordsMax, `Expected at most ${LIMITS.hotwordsMax} keywords.`)),
  ),
  prompt: v.optional(textual, ''),
  response_format: v.optional(responseFormat, 'json'),
  temperature: v.optional(fraction, '0'),
  timestamp_granularities: v.optional(v.array(oneOf(['word', 'segment'])), ['segment']),
  include: v.optional(v.array(oneOf(['logprobs'])), []),
  stream: v.optional(
    v.pipe(
      textual,
      v.toLowerCase(),
      v.picklist(BOOLEANS, 'Supported values: true, false.'),
      v.transform((value) => value === 'true' || value === '1'),
    ),
    'false',
  ),
  channels: v.optional(
    v.pipe(
      oneOf(['mixed', 'separate']),
      v.description('Not of OpenAI’s: separate hears each channel by itself; segments of verbose_json say which.'),
    ),
  ),
  track: v.optional(
    v.pipe(
      textual,
      v.regex(TRACK, 'Expected a number from 1 or a language such as en.'),
      v.description('Not of OpenAI’s: of several sound tracks which, by number (from 1) or language.'),
    ),
  ),
  chunking_strategy: v.optional(v.union([v.literal('auto'), ServerVad], CHUNKING_VALUES)),
  // Not of OpenAI's either: what is done to the words.
  ...REWRITING,
});

export type TranscriptionForm = v.InferOutput<typeof TRANSCRIPTION_FORM>;

const LISTS = ['languages', 'keywords', 'timestamp_granularities', 'include'] as const;

/** @throws OpenAiHttpError 400 that names the field */
export function transcriptionForm(fields: FormFields): TranscriptionForm {
  const given: Record<string, unknown> = {};
  for (const name of Object.keys(TRANSCRIPTION_FORM.entries)) given[name] = fields.one(name);
  for (const name of LISTS) given[name] = fields.list(name);
  given['chunking_strategy'] = chunkingStrategy(fields);
  Object.assign(given, rewritingFields(fields));
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const result = v.safeParse(TRANSCRIPTION_FORM, set, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const param = v.getDotPath(issue)?.split('.', 1)[0] ?? null;
  const isMissing = param !== null && set[param] === undefined;
  // Of what may be one or the other, what is wrong within it says more.
  const { message } =
    (issue.type === 'union' ? issue.issues?.find(({ path }) => path !== undefined) : undefined) ?? issue;
  throw new OpenAiHttpError(
    400,
    isMissing
      ? invalidRequest('missing_required_parameter', `Missing required parameter: '${param}'.`, param)
      : invalidRequest('invalid_value', `Invalid value for '${param}': ${message}`, param),
  );
}

/** @throws OpenAiHttpError 400 for what begins as JSON and is none */
function rewritingFields(fields: FormFields): object {
  try {
    return rewritingOf({
      replacements: fields.one('replacements'),
      profanity: fields.one('profanity'),
      redact: fields.list('redact')?.join(','),
      redactNames: fields.list('redactNames')?.join(','),
    });
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    throw new OpenAiHttpError(400, invalidRequest('invalid_value', error.message, null));
  }
}

/** `auto`, JSON, or `chunking_strategy[type]` and its neighbours. */
function chunkingStrategy(fields: FormFields): unknown {
  const members = fields.members('chunking_strategy');
  if (members !== undefined) return members;
  const value = fields.one('chunking_strategy');
  if (value?.startsWith('{') !== true) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** @throws OpenAiHttpError 400 for a language that the model does not know */
export function fileOptions(form: TranscriptionForm, task: FileOptions['task'], known: readonly string[]): FileOptions {
  const wanted = form.language ?? (form.languages?.length === 1 ? form.languages[0] : undefined);
  const language = wanted ?? 'auto';
  if (findLanguage(language, known) === undefined) {
    const message = `Language '${language}' is not supported by this server's model. It supports: ${known.join(', ')}.`;
    throw new OpenAiHttpError(400, invalidRequest('unsupported_language', message, 'language'));
  }
  return {
    language,
    task,
    prompt: form.prompt,
    hotwords: hotwordsOf(form.keywords ?? [], LIMITS),
    track: form.track,
    channels: form.channels,
    words: true,
    temperature: form.temperature,
    cutting: cuttingOf(form),
    rewriting: {
      replacements: form.replacements,
      profanity: form.profanity,
      redact: form.redact,
      redactNames: form.redactNames,
    },
  };
}

/**
 * `auto`, and nothing: Sotto's own way of cutting. Values beyond what the detector knows are taken as the nearest that
 * it does.
 */
function cuttingOf({ chunking_strategy: asked }: TranscriptionForm): CuttingOptions | undefined {
  if (asked === undefined || asked === 'auto') return undefined;
  return {
    threshold: Math.min(0.95, Math.max(0.05, asked.threshold)),
    prefixPaddingMs: Math.min(2_000, asked.prefix_padding_ms),
    minSilenceMs: Math.min(10_000, Math.max(96, asked.silence_duration_ms)),
  };
}
