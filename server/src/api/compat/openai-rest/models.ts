// The models that clients of OpenAI may name, and what `GET /v1/models` tells of them.
import type { Authorizer } from '../../../access/access.js';
import { credentialOf } from '../../../access/credentials.js';
import type { HttpRequest } from '../../../http/exchange.js';
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

/**
 * @throws OpenAiHttpError 404 `model_not_found` unless it is a known name, the server's own, or that of some Whisper.
 */
export function requireModel(model: string, own: string): void {
  if (model === own || OPENAI_MODELS.some((name) => name === model) || /whisper/i.test(model)) return;
  const message = `The model '${model}' does not exist on this server. It runs '${own}' and answers to: ${OPENAI_MODELS.join(', ')}.`;
  throw new OpenAiHttpError(404, invalidRequest('model_not_found', message, 'model'));
}

/** @param own the model that serves @param createdMs when the server started, milliseconds since 1970 */
export function modelRoutes(authorizer: Authorizer, own: string, createdMs: number): Route[] {
  const check = (request: HttpRequest): void => {
    const identity = authorizer.identify(credentialOf(request));
    if (typeof identity === 'string') throw new OpenAiHttpError(401, keyError(identity));
  };
  const created = Math.floor(createdMs / 1_000);
  const ids = [...new Set([own, ...OPENAI_MODELS])];
  const describe = (id: string) => ({ id, object: 'model', created, owned_by: 'sotto' });
  return [
    {
      method: 'GET',
      path: '/v1/models',
      handle: openAiHandler(({ request }) => {
        check(request);
        return openAiJson(200, { object: 'list', data: ids.map(describe) });
      }),
    },
    {
      method: 'GET',
      path: '/v1/models/:id',
      handle: openAiHandler(({ request, params }) => {
        check(request);
        const id = params['id'] ?? '';
        if (ids.includes(id)) return openAiJson(200, describe(id));
        throw new OpenAiHttpError(404, invalidRequest('model_not_found', `The model '${id}' does not exist.`, 'model'));
      }),
    },
  ];
}
