// Parameters of Deepgram's that have no effect here, as its documents tell of one, and what is said about a file.
import { LIMITS } from '@sotto/protocol';
import { kindsNotHidden } from './rewriting.js';

/** In the shape that all of the SDKs read. */
export interface ListenWarning {
  readonly parameter: string;
  readonly type: 'unsupported_parameter' | 'file_warning';
  readonly message: string;
}

/** What this server does not do when it is asked for it. */
const NOT_DONE: Readonly<Record<string, string>> = {
  diarize: 'Speakers are not told apart',
  diarize_model: 'Speakers are not told apart',
  summarize: 'There are no summaries',
  topics: 'Topics are not found',
  custom_topic: 'Topics are not found',
  intents: 'Intents are not found',
  custom_intent: 'Intents are not found',
  sentiment: 'Sentiment is not measured',
  detect_entities: 'Entities are not found',
  search: 'There is no search',
  numerals: 'Numbers stay as the model writes them',
  measurements: 'Measurements stay as the model writes them',
  dictation: 'Spoken marks stay words',
  filler_words: 'Filler words come as the model writes them',
  translate: 'Nothing is translated',
};

/** Once for each parameter that is asked for; one that is `false` is not. */
export function warningsOf(query: URLSearchParams): ListenWarning[] {
  const asked = [...new Set(query.keys())].filter((name) => query.get(name)?.toLowerCase() !== 'false');
  return asked.flatMap((parameter) => {
    const cut = cutTerms(parameter, query);
    if (cut !== undefined) return [{ parameter, type: 'unsupported_parameter', message: cut }];
    const what = Object.hasOwn(NOT_DONE, parameter) ? NOT_DONE[parameter] : notHidden(parameter, query);
    if (what === undefined) return [];
    return [{ parameter, type: 'unsupported_parameter', message: `${what} by this server: no effect.` }];
  });
}

/** Terms beyond those that a session takes. */
function cutTerms(parameter: string, query: URLSearchParams): string | undefined {
  if (parameter !== 'keyterm' && parameter !== 'keywords') return undefined;
  const count = query.getAll(parameter).length;
  if (count <= LIMITS.hotwordsMax) return undefined;
  return `Of ${count} terms the first ${LIMITS.hotwordsMax} count.`;
}

function notHidden(parameter: string, query: URLSearchParams): string | undefined {
  const kinds = parameter === 'redact' ? kindsNotHidden(query.getAll(parameter)) : [];
  return kinds.length === 0 ? undefined : `${kinds.join(', ').slice(0, 100)}: this is not hidden`;
}

/** `warnings` of the metadata, where there are any. */
export function warningsField(warnings: readonly ListenWarning[]): { readonly warnings?: readonly ListenWarning[] } {
  return warnings.length === 0 ? {} : { warnings };
}
