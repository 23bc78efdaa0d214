// The models that clients of OpenAI may name, and what `GET /v1/models` tells of them.
import type { Authorizer } from '../../../access/access.js';
import { credentialOf } from '../../../access/credentials.js';
import type { HttpRequest, WholeResponse } from '../../../http/exchange.js';
import { invalidRequest } from '../openai-realtime/events.js';
import { keyError, openAiHandler, openAiJson, OpenAiHttpError } from '../openai-realtime/http-errors.js';
import type { Route } from '../../../http/router.js';

/** Names that existing code has in it. This server answers them all with its own model. */
export const OPENAI_MODELS = [
  'whisper-1',
  'gpt-4o-transcribe',
  'gpt-4o-mini-transcribe',
  'gpt-4o-mini-transcribe-2025-12-15',
  'gpt-transcribe',
  'gpt-live-transcribe',
  'gpt-realtime-whisper',
] as const;

/** Whether OpenAI counts tokens for this model rather than time. */
export function isTokenPriced(model: string): boolean {
  return model.startsWith('gpt-4o');
}

/** Whisper's models by size alone, as many tools call them, whoever's folder they lie in: `large-v3`, `base.en`. */
const WHISPER_SIZE =
  /^(?:[^/]+\/)?(?:distil-)?(?:tiny|base|small|medium|large(?:-v[123])?(?:-turbo)?|turbo)(?:[.-]en)?$/i;
/** They tell speakers apart. */
const DIARIZING_MODEL = /diarize/i;

/** A known name, the server's own, or that of some Whisper. */
function isServed(model: string, own: string): boolean {
  if (model === own || OPENAI_MODELS.some((name) => name === model)) return true;
  return /whisper/i.test(model) || WHISPER_SIZE.test(model);
}

/**
 * @throws OpenAiHttpError 404 `model_not_found` unless the name is served here; 400 `unsupported_value` for one that
 *   tells speakers apart
 */
export function requireModel(model: string, own: string): void {
  if (DIARIZING_MODEL.test(model) && model !== own) {
    const message = `The model '${model}' tells speakers apart, which this server does not do yet. Ask for 'gpt-4o-transcribe' to get the words without speakers.`;
    throw new OpenAiHttpError(400, invalidRequest('unsupported_value', message, 'model'));
  }
  if (isServed(model, own)) return;
  const message = `The model '${model}' does not exist on this server. It runs '${own}' and answers to: ${OPENAI_MODELS.join(', ')}.`;
  throw new OpenAiHttpError(404, invalidRequest('model_not_found', message, 'model'));
}

/** @param own the model that serves @param createdMs when the server started, milliseconds since 1970 */
export function modelRoutes(authorizer: Authorizer, own: { readonly name: string }, createdMs: number): Route[] {
  const check = (request: HttpRequest): void => {
    const identity = authorizer.identify(credentialOf(request));
    if (typeof identity === 'string') throw new OpenAiHttpError(401, keyError(identity));
  };
  const created = Math.floor(createdMs / 1_000);
  const describe = (id: string) => ({ id, object: 'model', created, owned_by: 'sotto' });
  const retrieve = (request: HttpRequest, id: string): WholeResponse => {
    check(request);
    if (isServed(id, own.name)) return openAiJson(200, describe(id));
    throw new OpenAiHttpError(404, invalidRequest('model_not_found', `The model '${id}' does not exist.`, 'model'));
  };
  return [
    {
      method: 'GET',
      path: '/v1/models',
      handle: openAiHandler(({ request }) => {
        check(request);
        const ids = new Set([own.name, ...OPENAI_MODELS]);
        return openAiJson(200, { object: 'list', data: Array.from(ids, describe) });
      }),
    },
    {
      method: 'GET',
      path: '/v1/models/:id',
      handle: openAiHandler(({ request, params }) => retrieve(request, params['id'] ?? '')),
    },
    {
      // `openai/whisper-large-v3`: some clients encode the slash, some do not.
      method: 'GET',
      path: '/v1/models/:owner/:id',
      handle: openAiHandler(({ request, params: { owner = '', id = '' } }) => retrieve(request, `${owner}/${id}`)),
    },
  ];
}
