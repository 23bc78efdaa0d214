// The settings of a transcription session as OpenAI's clients write them, and what they are to Sotto.
import { LIMITS, type AudioFormat, type RecognitionSettings } from '@sotto/protocol';
import * as v from 'valibot';
import type { EndpointingOptions } from '../../../vad/endpointing.js';
import { refuseLanguage } from '../../../asr/model-languages.js';
import { hotwordsOf } from '../language.js';
import { invalidRequest, type RealtimeError } from './events.js';

/** Sample rates of PCM; OpenAI itself takes 24000 only. */
const PCM_RATES = [24_000, 8_000, 16_000, 48_000] as const;
/**
 * Silence that ends a turn of `semantic_vad`, milliseconds: there is no turn model, so eagerness is a matter of
 * patience.
 */
const EAGERNESS_SILENCE_MS = { low: 1_200, medium: 700, auto: 700, high: 400 } as const;
/** Where the client commits by itself: the longest pause that Sotto knows, milliseconds. */
const MANUAL_SILENCE_MS = 10_000;
/** What asks for log-probabilities. */
const LOGPROBS = 'item.input_audio_transcription.logprobs';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const texts = v.array(v.string());

const Format = v.variant('type', [
  v.object({ type: v.literal('audio/pcm'), rate: v.nullish(v.picklist(PCM_RATES)) }),
  v.object({ type: v.literal('audio/pcmu') }),
  v.object({ type: v.literal('audio/pcma') }),
]);
/** The beta's names. */
const FORMAT_NAMES = {
  pcm16: { type: 'audio/pcm', rate: 24_000 },
  g711_ulaw: { type: 'audio/pcmu' },
  g711_alaw: { type: 'audio/pcma' },
} as const;
const FormatName = v.pipe(
  v.picklist(['pcm16', 'g711_ulaw', 'g711_alaw']),
  v.transform((name) => FORMAT_NAMES[name]),
);

const FORMAT_WANTED = `expected audio/pcm with a rate of ${PCM_RATES.join(', ')}, audio/pcmu or audio/pcma`;

const Transcription = v.object({
  model: v.optional(v.string()),
  language: v.nullish(v.string()),
  prompt: v.nullish(v.string()),
  languages: v.nullish(texts),
  keywords: v.nullish(texts),
  delay: v.nullish(v.string()),
});
const ServerVad = v.object({
  type: v.literal('server_vad'),
  threshold: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  prefix_padding_ms: v.nullish(count),
  silence_duration_ms: v.nullish(count),
});
const SemanticVad = v.object({
  type: v.literal('semantic_vad'),
  eagerness: v.nullish(v.picklist(['low', 'medium', 'high', 'auto'])),
});

const AudioInput = v.object({
  format: v.optional(v.union([FormatName, Format], FORMAT_WANTED)),
  transcription: v.nullish(Transcription),
  noise_reduction: v.nullish(v.object({ type: v.picklist(['near_field', 'far_field']) })),
  turn_detection: v.nullish(v.variant('type', [ServerVad, SemanticVad])),
});
const Session = v.object({
  type: v.optional(v.picklist(['transcription', 'realtime'])),
  audio: v.optional(v.object({ input: v.optional(AudioInput) })),
  include: v.nullish(texts),
});

type Format = v.InferOutput<typeof Format>;
type TurnDetection =
  | { readonly type: 'server_vad'; threshold: number; prefix_padding_ms: number; silence_duration_ms: number }
  | { readonly type: 'semantic_vad'; eagerness: 'low' | 'medium' | 'high' | 'auto' };

/** The effective settings, complete. */
export interface SessionConfig {
  readonly type: 'transcription' | 'realtime';
  readonly format: Format;
  readonly transcription: v.InferOutput<typeof Transcription> | null;
  readonly noiseReduction: { readonly type: 'near_field' | 'far_field' } | null;
  /** Null: the client commits. */
  readonly turnDetection: TurnDetection | null;
  readonly include: readonly string[] | null;
}

/** What holds where a client does not say. */
export interface ConfigDefaults {
  readonly endpointing: EndpointingOptions;
  /** Languages that the model knows. */
  readonly languages: readonly string[];
}

export function defaultConfig({ endpointing }: ConfigDefaults, model?: string): SessionConfig {
  return {
    type: 'transcription',
    format: { type: 'audio/pcm', rate: 24_000 },
    transcription: model === undefined ? null : { model },
    noiseReduction: null,
    turnDetection: vadOf(endpointing),
    include: null,
  };
}

/**
 * The settings after an update in the shape of the GA (keys that are absent stay, null clears), or what is wrong with
 * it: then nothing changes.
 */
export function updateConfig(
  config: SessionConfig,
  update: unknown,
  defaults: ConfigDefaults,
): { readonly config: SessionConfig } | { readonly error: RealtimeError } {
  const parsed = v.safeParse(Session, update, { abortEarly: true });
  if (!parsed.success) return { error: errorOf(parsed.issues[0]) };
  const { type, audio, include } = parsed.output;
  const { format, transcription, noise_reduction: noiseReduction, turn_detection: turns } = audio?.input ?? {};
  for (const language of languagesOf(transcription)) {
    const refusal = refuseLanguage(language, { name: 'The model', languages: defaults.languages });
    if (refusal === undefined) continue;
    return { error: invalidRequest('invalid_value', refusal.message, 'session.audio.input.transcription.language') };
  }
  return {
    config: {
      type: type ?? config.type,
      format: format ?? config.format,
      transcription: changed(config.transcription, transcription, (given) => ({ ...config.transcription, ...given })),
      noiseReduction: changed(config.noiseReduction, noiseReduction, (given) => given),
      turnDetection: changed(config.turnDetection, turns, (given) =>
        turnDetectionOf(given, config.turnDetection, defaults.endpointing),
      ),
      include: changed(config.include, include, (given) => given),
    },
  };
}

/** How Sotto is to recognise. */
export function recognitionOf(config: SessionConfig, defaults: EndpointingOptions): RecognitionSettings {
  const { transcription } = config;
  const languages = languagesOf(transcription);
  const [language, ...others] = languages;
  return {
    language: language === undefined || others.length > 0 ? 'auto' : language,
    languages: languages.slice(0, LIMITS.languagesMax),
    prompt: (transcription?.prompt ?? '').slice(-LIMITS.promptCharsMax),
    hotwords: hotwordsOf(transcription?.keywords ?? [], LIMITS),
    words: wantsLogprobs(config),
    endpointing: endpointingOf(config.turnDetection, defaults),
  };
}

export function audioFormatOf({ format }: SessionConfig): AudioFormat {
  switch (format.type) {
    case 'audio/pcm':
      return { encoding: 'pcm_s16le', sampleRate: format.rate ?? 24_000, channels: 1 };
    case 'audio/pcmu':
      return { encoding: 'mulaw', sampleRate: 8_000, channels: 1 };
    case 'audio/pcma':
      return { encoding: 'alaw', sampleRate: 8_000, channels: 1 };
  }
}

export function wantsLogprobs({ include }: SessionConfig): boolean {
  return include?.includes(LOGPROBS) === true;
}

/** `undefined` leaves, null clears. */
function changed<T, U>(old: T | null, given: U | null | undefined, take: (given: U) => T): T | null {
  if (given === undefined) return old;
  return given === null ? null : take(given);
}

function languagesOf(transcription: SessionConfig['transcription'] | undefined): readonly string[] {
  const { language, languages } = transcription ?? {};
  return language === undefined || language === null || language === '' ? (languages ?? []) : [language];
}

function turnDetectionOf(
  given: v.InferOutput<typeof ServerVad> | v.InferOutput<typeof SemanticVad>,
  old: TurnDetection | null,
  endpointing: EndpointingOptions,
): TurnDetection {
  if (given.type === 'semantic_vad') {
    const before = old?.type === 'semantic_vad' ? old.eagerness : 'auto';
    return { type: 'semantic_vad', eagerness: given.eagerness ?? before };
  }
  const before = old?.type === 'server_vad' ? old : vadOf(endpointing);
  return {
    type: 'server_vad',
    threshold: given.threshold ?? before.threshold,
    prefix_padding_ms: given.prefix_padding_ms ?? before.prefix_padding_ms,
    silence_duration_ms: given.silence_duration_ms ?? before.silence_duration_ms,
  };
}

function vadOf({ threshold, prefixPaddingMs, minSilenceMs }: EndpointingOptions) {
  return {
    type: 'server_vad',
    threshold,
    prefix_padding_ms: prefixPaddingMs,
    silence_duration_ms: minSilenceMs,
  } as const;
}

/** Within the bounds of Sotto's own protocol, which are narrower. */
function endpointingOf(turns: TurnDetection | null, { threshold, prefixPaddingMs }: EndpointingOptions) {
  if (turns === null) return { threshold, prefixPaddingMs, minSilenceMs: MANUAL_SILENCE_MS };
  if (turns.type === 'semantic_vad') {
    return { threshold, prefixPaddingMs, minSilenceMs: EAGERNESS_SILENCE_MS[turns.eagerness] };
  }
  return {
    threshold: between(0.05, turns.threshold, 0.95),
    prefixPaddingMs: between(0, turns.prefix_padding_ms, 2_000),
    minSilenceMs: between(96, turns.silence_duration_ms, MANUAL_SILENCE_MS),
  };
}

function between(min: number, value: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}

function errorOf(issue: v.BaseIssue<unknown>): RealtimeError {
  const path = v.getDotPath(issue);
  const param = path === null ? 'session' : `session.${path}`;
  return invalidRequest(codeOf(issue), `Invalid value for '${param}': ${issue.message}.`, param);
}

function codeOf({ type, kind, input }: v.BaseIssue<unknown>): string {
  if (type === 'min_value') return 'integer_below_min_value';
  if (type === 'max_value') return 'integer_above_max_value';
  if (input === undefined) return 'missing_required_parameter';
  return kind === 'schema' && (type === 'picklist' || type === 'variant' || type === 'literal')
    ? 'invalid_value'
    : 'invalid_type';
}
