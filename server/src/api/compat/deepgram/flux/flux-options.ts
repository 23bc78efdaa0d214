// The query of `/v2/listen`, and the message that changes it: what a client of Deepgram's Flux may ask for.
import { LIMITS, type AudioFormat, type RecognitionSettings } from '@sotto/protocol';
import * as v from 'valibot';
import { hotwordsOf } from '../../language.js';
import { ENDPOINTING_MS_MIN, ListenQueryError, liveAudioOf } from '../listen-options.js';
import { refuseLanguage } from '../../../../asr/model-languages.js';

/**
 * There is no model of turns: how sure it is that a turn is over is a matter of silence. So much of it is certainty,
 * milliseconds; a threshold of 0.7 is 700 ms.
 */
const CERTAIN_MS = 1_000;
const DEFAULTS: TurnThresholds = { eager: undefined, eot: 0.7, timeoutMs: 5_000 };

const between = (min: number, max: number) => {
  const expected = `a number from ${min} to ${max}`;
  return v.pipe(v.number(expected), v.minValue(min, expected), v.maxValue(max, expected));
};
const Thresholds = v.object({
  eager_eot_threshold: v.nullish(between(0.3, 0.9)),
  eot_threshold: v.nullish(between(0.5, 1)),
  eot_timeout_ms: v.nullish(v.pipe(between(500, 10_000), v.integer('a whole number'))),
});
const terms = v.union(
  [
    v.pipe(
      v.string(),
      v.transform((term) => [term]),
    ),
    v.array(v.string()),
  ],
  'a term, or a list',
);
const Configure = v.object({
  thresholds: v.nullish(Thresholds),
  keyterms: v.nullish(terms),
  language_hints: v.nullish(v.array(v.string())),
});

/** What decides when a turn is over, as the client says it. */
export interface TurnThresholds {
  /** Undefined: nothing is told early. */
  readonly eager: number | undefined;
  readonly eot: number;
  readonly timeoutMs: number;
}

export interface FluxOptions {
  readonly audio: AudioFormat | undefined;
  /** With `encoding=opus`: channels of packets without a container. */
  readonly opusChannels: 1 | 2 | undefined;
  readonly thresholds: TurnThresholds;
  readonly keyterms: readonly string[];
  /** Whether turns tell their languages: `flux-general-multi`. */
  readonly isMulti: boolean;
  readonly languageHints: readonly string[];
}

/** Throws {@link ListenQueryError}. `languages`: those of the model. */
export function readFluxOptions(query: URLSearchParams, languages: readonly string[]): FluxOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    return text === null || text === '' ? undefined : Number(text);
  };
  const names = ['eager_eot_threshold', 'eot_threshold', 'eot_timeout_ms'] as const;
  const options: FluxOptions = {
    ...liveAudioOf(query),
    thresholds: DEFAULTS,
    keyterms: query.getAll('keyterm'),
    isMulti: /multi/i.test(query.get('model') ?? ''),
    languageHints: query.getAll('language_hint'),
  };
  const thresholds = Object.fromEntries(names.map((name) => [name, number(name)]));
  return changed(options, { thresholds }, languages);
}

/**
 * The options after a `Configure`: what it does not name stays. Throws {@link ListenQueryError}: then nothing changes.
 */
export function changed(options: FluxOptions, configure: unknown, languages: readonly string[]): FluxOptions {
  const parsed = v.safeParse(Configure, configure, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const name = v.getDotPath(issue)?.replace(/^thresholds\./, '') ?? 'Configure';
    throw new ListenQueryError(`${name}: expected ${issue.message}.`);
  }
  const { thresholds: given, keyterms, language_hints: hints } = parsed.output;
  const thresholds = {
    eager: given?.eager_eot_threshold === null ? undefined : (given?.eager_eot_threshold ?? options.thresholds.eager),
    eot: given?.eot_threshold ?? options.thresholds.eot,
    timeoutMs: given?.eot_timeout_ms ?? options.thresholds.timeoutMs,
  };
  if (thresholds.eager !== undefined && thresholds.eager > thresholds.eot) {
    throw new ListenQueryError('eager_eot_threshold: expected at most eot_threshold.');
  }
  const languageHints = hints ?? options.languageHints;
  for (const hint of languageHints) {
    const refusal = refuseLanguage(hint, { name: 'the model', languages });
    if (refusal !== undefined) throw new ListenQueryError(`language_hint: ${refusal.message}`);
  }
  return { ...options, thresholds, keyterms: keyterms ?? options.keyterms, languageHints };
}

/** Silence that ends a turn, milliseconds, and whether that is the time-out's doing. */
export function endOfTurn({ eot, timeoutMs }: TurnThresholds): { readonly ms: number; readonly isTimeout: boolean } {
  const ms = eot * CERTAIN_MS;
  return timeoutMs < ms ? { ms: timeoutMs, isTimeout: true } : { ms, isTimeout: false };
}

/** Silence after which the end of a turn is told early, milliseconds; undefined: it is not. */
export function eagerEndMs(thresholds: TurnThresholds): number | undefined {
  const ms = (thresholds.eager ?? 1) * CERTAIN_MS;
  return ms < endOfTurn(thresholds).ms ? ms : undefined;
}

/** How sure silence makes that nothing more comes, 0-1. */
export function confidenceAfter(silenceMs: number): number {
  return Math.round(Math.min(1, Math.max(0, silenceMs / CERTAIN_MS)) * 100) / 100;
}

/** How Sotto is to recognise: an utterance is over where a turn might be. */
export function fluxRecognition(options: FluxOptions, languages: readonly string[]): RecognitionSettings {
  const { thresholds, isMulti, languageHints, keyterms } = options;
  const silence = eagerEndMs(thresholds) ?? endOfTurn(thresholds).ms;
  return {
    language: isMulti || !languages.includes('en') ? 'auto' : 'en',
    languages: isMulti ? languageHints.slice(0, LIMITS.languagesMax) : [],
    hotwords: hotwordsOf(keyterms, LIMITS),
    words: true,
    endpointing: { minSilenceMs: Math.max(ENDPOINTING_MS_MIN, Math.round(silence)) },
  };
}
