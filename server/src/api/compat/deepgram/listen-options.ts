// The query of `/v1/listen`: what a client of Deepgram may ask for, and what of it this server knows.
import {
  CodedError,
  LIMITS,
  type AudioFormat,
  type RecognitionSettings,
  type RewritingSettings,
} from '@sotto/protocol';
import * as v from 'valibot';
import { refuseLanguage } from '../../../asr/model-languages.js';
import { TRACK } from '../../../audio/choose-track.js';
import { hotwordsOf } from '../language.js';
import { rewritingOf } from './rewriting.js';
import { warningsOf, type ListenWarning } from './warnings.js';

/**
 * The shortest silence that may end an utterance, milliseconds. Deepgram's recogniser goes on across an endpoint, so
 * that its clients ask for 10 or 25 ms; here each utterance is decoded for itself, and one that is cut at every breath
 * is heard badly.
 */
export const ENDPOINTING_MS_MIN = 300;
const ENDPOINTING_MS_MAX = 10_000;

/** Raw encodings, and what they are here. */
const ENCODINGS = {
  linear16: 'pcm_s16le',
  linear32: 'pcm_f32le',
  mulaw: 'mulaw',
  alaw: 'alaw',
} as const satisfies Record<string, AudioFormat['encoding']>;
/** Packed audio, which says in its container what it is: its rate and channels need not be told. */
const PACKED_ENCODINGS: ReadonlySet<string> = new Set(['opus', 'ogg-opus', 'flac', 'amr-nb', 'amr-wb']);
/** What telephones send where no rate is told, hertz. */
const G711_RATE = 8_000;

/** A query that cannot be honoured. */
export class ListenQueryError extends CodedError<'INVALID_QUERY_PARAMETER'> {
  override readonly name = 'ListenQueryError';

  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_QUERY_PARAMETER', message, options);
  }
}

const flag = v.optional(
  v.pipe(
    v.string(),
    v.toLowerCase(),
    v.picklist(['true', 'false'], 'true or false'),
    v.transform((text) => text === 'true'),
  ),
);
const whole = (min: number, max: number) => {
  const wanted = `a whole number from ${min} to ${max}`;
  return v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, wanted),
    v.transform(Number),
    v.minValue(min, wanted),
    v.maxValue(max, wanted),
  );
};
const off = v.pipe(
  v.literal('false'),
  v.transform(() => false as const),
);

const Query = v.object({
  model: v.optional(v.pipe(v.string(), v.maxLength(256))),
  language: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z]{2,20}([-_][A-Za-z\d]{1,8})*$/, 'a language tag'))),
  detect_language: v.optional(v.string()),
  encoding: v.optional(v.string()),
  sample_rate: v.optional(whole(LIMITS.sampleRateMin, LIMITS.sampleRateMax)),
  channels: v.optional(whole(1, LIMITS.channelsMax)),
  track: v.optional(v.pipe(v.string(), v.regex(TRACK, 'a number from 1 or a language'))),
  multichannel: flag,
  interim_results: flag,
  endpointing: v.optional(v.union([off, whole(0, 100_000)], 'false or milliseconds')),
  utterance_end_ms: v.optional(v.union([off, whole(1_000, 60_000)], 'milliseconds from 1000 on')),
  vad_events: flag,
  punctuate: flag,
  smart_format: flag,
  paragraphs: flag,
  utterances: flag,
  profanity_filter: flag,
  utt_split: v.optional(v.pipe(v.string(), v.regex(/^\d{1,4}(\.\d+)?$/, 'seconds'), v.transform(Number))),
  callback: v.optional(v.pipe(v.string(), v.url('a URL'))),
  callback_method: v.optional(v.pipe(v.string(), v.toLowerCase(), v.picklist(['post', 'put'], 'post or put'))),
});

/** Everything of a query that means something here, complete. */
export interface ListenOptions {
  /** As the client calls it. */
  readonly model: string;
  /** For Sotto: a code, or `auto`. */
  readonly language: string;
  /** Whether results tell the language (`language=multi`, `detect_language`). */
  readonly tellsLanguage: boolean;
  /** Undefined: the audio comes in a container, which says. */
  readonly audio: AudioFormat | undefined;
  /** With `encoding=opus` packets may come without a container: how many channels they have. */
  readonly opusChannels: 1 | 2 | undefined;
  /** What was asked for and is not done. */
  readonly warnings: readonly ListenWarning[];
  /** Whether results tell how sure the language is (`detect_language`). */
  readonly detectsLanguage: boolean;
  readonly isMultichannel: boolean;
  /** Of several sound tracks of a file: which, by number (from 1) or language. Not of Deepgram's. */
  readonly track: string | undefined;
  readonly hasInterims: boolean;
  /**
   * Silence that ends an utterance, milliseconds; undefined: the server's own; false: results are never marked
   * `speech_final`.
   */
  readonly endpointing: number | false | undefined;
  readonly utteranceEndMs: number | undefined;
  readonly hasVadEvents: boolean;
  readonly isPunctuated: boolean;
  readonly hotwords: readonly string[];
  /** `replace`, `redact`, `profanity_filter`; what is absent is as the server is set. */
  readonly rewriting: RewritingSettings;
  readonly hasParagraphs: boolean;
  readonly hasUtterances: boolean;
  /** Silence that parts utterances of a file, seconds. */
  readonly utteranceSplitS: number;
  readonly callback: { readonly url: string; readonly method: 'POST' | 'PUT' } | undefined;
}

/**
 * Reads a query; parameters that are not known are ignored. Throws {@link ListenQueryError}. `languages`: those of the
 * model. `kind`: a file that is called raw without a rate may come in a container all the same; a stream may not.
 */
export function readListenOptions(
  query: URLSearchParams,
  languages: readonly string[],
  kind: 'live' | 'file' = 'live',
): ListenOptions {
  const parsed = v.safeParse(Query, Object.fromEntries(query), { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new ListenQueryError(`${v.getDotPath(issue) ?? 'query'}: expected ${issue.message}.`);
  }
  const given = parsed.output;
  const detectsLanguage = (given.detect_language ?? 'false').toLowerCase() !== 'false';
  const isMulti = given.language === 'multi' || detectsLanguage;
  return {
    model: given.model ?? 'base',
    language: isMulti ? 'auto' : languageOf(given.language, languages),
    tellsLanguage: isMulti,
    audio: audioOf(given, kind),
    opusChannels: given.encoding === 'opus' ? (given.channels === 2 ? 2 : 1) : undefined,
    warnings: warningsOf(query),
    detectsLanguage,
    isMultichannel: given.multichannel ?? false,
    track: given.track,
    hasInterims: given.interim_results ?? false,
    endpointing: given.endpointing,
    utteranceEndMs: given.utterance_end_ms === false ? undefined : given.utterance_end_ms,
    hasVadEvents: given.vad_events ?? false,
    isPunctuated: given.punctuate === true || given.smart_format === true || given.paragraphs === true,
    hotwords: hotwordsOf([...query.getAll('keyterm'), ...query.getAll('keywords').map(withoutBoost)], LIMITS),
    rewriting: rewritingOf(query.getAll('replace'), query.getAll('redact'), given.profanity_filter),
    hasParagraphs: given.paragraphs === true || given.smart_format === true,
    hasUtterances: given.utterances ?? false,
    utteranceSplitS: given.utt_split ?? 0.8,
    callback:
      given.callback === undefined
        ? undefined
        : { url: given.callback, method: given.callback_method === 'put' ? 'PUT' : 'POST' },
  };
}

/** How Sotto is to recognise a live stream. */
export function recognitionOf({ language, hotwords, endpointing, rewriting }: ListenOptions): RecognitionSettings {
  const silence =
    typeof endpointing === 'number'
      ? { minSilenceMs: Math.min(ENDPOINTING_MS_MAX, Math.max(ENDPOINTING_MS_MIN, endpointing)) }
      : {};
  return { language, hotwords: [...hotwords], words: true, endpointing: silence, ...rewriting };
}

/** Deepgram takes English where nothing is said; a model that does not know it decides by itself. */
function languageOf(tag: string | undefined, languages: readonly string[]): string {
  if (tag === undefined) return languages.includes('en') ? 'en' : 'auto';
  const refusal = refuseLanguage(tag, { name: 'the model', languages });
  if (refusal !== undefined) throw new ListenQueryError(`language: ${refusal.message}`);
  return tag;
}

const AUDIO_FIELDS = ['encoding', 'sample_rate', 'channels'] as const;

/** The audio that a query tells of, whatever else is in it. Throws {@link ListenQueryError}. */
export function liveAudioOf(query: URLSearchParams): Pick<ListenOptions, 'audio' | 'opusChannels'> {
  const fields = AUDIO_FIELDS.flatMap((name) => query.getAll(name).map((value): [string, string] => [name, value]));
  const { audio, opusChannels } = readListenOptions(new URLSearchParams(fields), []);
  return { audio, opusChannels };
}

function audioOf(
  { encoding, sample_rate: given, channels = 1 }: v.InferOutput<typeof Query>,
  kind: 'live' | 'file',
): AudioFormat | undefined {
  if (encoding === undefined || PACKED_ENCODINGS.has(encoding)) return undefined;
  if (!isRaw(encoding)) {
    const known = [...Object.keys(ENCODINGS), ...PACKED_ENCODINGS].join(', ');
    throw new ListenQueryError(`encoding: expected one of ${known}.`);
  }
  const sampleRate = given ?? (encoding === 'mulaw' || encoding === 'alaw' ? G711_RATE : undefined);
  if (sampleRate !== undefined) return { encoding: ENCODINGS[encoding], sampleRate, channels };
  if (kind === 'file') return undefined;
  throw new ListenQueryError('sample_rate: expected together with encoding.');
}

function isRaw(encoding: string): encoding is keyof typeof ENCODINGS {
  return Object.hasOwn(ENCODINGS, encoding);
}

/** `term:boost` -> `term`. */
function withoutBoost(keyword: string): string {
  return keyword.replace(/:-?\d+(\.\d+)?$/, '');
}
