// The settings of a session: the server's defaults, what a client may change, and what this server cannot honour.
import { LIMITS, mergeSettings, type ConfigureMessage, type ErrorCode, type StartMessage } from '@sotto/protocol';
import { ENDPOINTING_DEFAULTS, type EndpointingOptions } from '../vad/endpointing.js';
import { refuseLanguage } from '../asr/model-languages.js';
import { changePolish, NO_POLISH, type PolishWish } from '../polish/polish-settings.js';
import { POLISH_BUDGETS, type PolishBudgets } from '../polish/polish-budgets.js';

/** What the server's operator decides: what holds where a client does not say, and the bounds of a session. */
export interface SessionSettings {
  readonly endpointing: EndpointingOptions;
  /** New audio between two partials, milliseconds; stretched under load. Shorter: livelier, and more work. */
  readonly partialIntervalMs: number;
  /**
   * Audio of one client that may wait to be judged, milliseconds. Beyond, the gateway slows the socket; beyond twice as
   * much: `audio_too_fast`.
   */
  readonly bufferedAudioMsMax: number;
  /** Bytes of one message, told to clients in `ready`. */
  readonly messageBytesMax: number;
  readonly polish: PolishBudgets;
}

export const SESSION_DEFAULTS = {
  endpointing: ENDPOINTING_DEFAULTS,
  partialIntervalMs: 500,
  bufferedAudioMsMax: 30_000,
  messageBytesMax: LIMITS.messageBytesMax,
  polish: POLISH_BUDGETS,
} as const satisfies SessionSettings;

/** The settings of one stream, complete. */
export interface StreamSettings {
  readonly language: string;
  /** Which languages `auto` may choose from; empty: as the recogniser is set. */
  readonly languages: readonly string[];
  readonly task: 'transcribe' | 'translate';
  readonly prompt: string;
  readonly hotwords: readonly string[];
  readonly words: boolean;
  readonly partialIntervalMs: number;
  readonly endpointing: EndpointingOptions;
  /** Of {@link endpointing}, as the client has named it: 0 for none. Absent: it has not. */
  readonly namedSentenceSilenceMs?: number | undefined;
  readonly polish: PolishWish;
}

/** A setting that cannot be honoured. */
export interface Refusal {
  readonly code: Extract<ErrorCode, 'unsupported_language' | 'unsupported_option'>;
  readonly message: string;
}

/** The settings that a stream begins with (rule HS10). */
export function startSettings(message: StartMessage, defaults: SessionSettings): StreamSettings {
  const none: StreamSettings = {
    language: 'auto',
    languages: [],
    task: message.task ?? 'transcribe',
    prompt: '',
    hotwords: [],
    words: false,
    partialIntervalMs: defaults.partialIntervalMs,
    endpointing: defaults.endpointing,
    polish: NO_POLISH,
  };
  return changeSettings(none, message);
}

/** The settings after a change: what it names, nested ones one by one (rule CF1). */
export function changeSettings(
  settings: StreamSettings,
  change: Omit<StartMessage | ConfigureMessage, 'type'>,
): StreamSettings {
  const { language, languages, prompt, hotwords, words, partialIntervalMs, endpointing = {} } = change;
  const named = endpointing.sentenceSilenceMs ?? settings.namedSentenceSilenceMs;
  // Who names the silence gets it, whatever is said.
  const unnamed = endpointing.minSilenceMs === undefined ? settings.endpointing.sentenceSilenceMs : undefined;
  return {
    ...mergeSettings(settings, { language, languages, prompt, hotwords, words, partialIntervalMs }),
    endpointing: {
      ...mergeSettings(settings.endpointing, endpointing),
      sentenceSilenceMs: named === undefined ? unnamed : named || undefined,
    },
    namedSentenceSilenceMs: named,
    polish: changePolish(settings.polish, change.polish),
  };
}

/** Why a start or a change cannot be honoured by the model, if so (rules HS9, CF2). */
export function refusalOf(
  change: StartMessage | ConfigureMessage,
  model: { readonly name: string; readonly languages: readonly string[] },
): Refusal | undefined {
  const { language, languages = [] } = change;
  for (const tag of [...(language === undefined ? [] : [language]), ...languages]) {
    const refusal = refuseLanguage(tag, model);
    if (refusal !== undefined) return refusal;
  }
  if (change.type === 'start' && change.task === 'translate' && model.languages.length < 2) {
    return { code: 'unsupported_option', message: `${model.name} knows one language and cannot translate.` };
  }
  return undefined;
}
