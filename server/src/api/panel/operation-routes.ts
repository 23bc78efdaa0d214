// What an operator does to a running server: no further streams, another model, its end.
import * as v from 'valibot';
import type { ModelChoice, SwapErrorCode } from '../../asr/model-swap.js';
import { SwapError } from '../../asr/model-swap.js';
import type { RequestHead } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse, readJson } from '../../http/json.js';
import type { Route } from '../../http/router.js';

export interface OperationOptions {
  /** @throws HttpError where the request may not do this */
  readonly check: (request: RequestHead) => void;
  /** Whether further streams may begin. */
  readonly pausing: { isPaused: boolean };
  /** Undefined: the server runs without a model. */
  readonly swap: ModelChoice | undefined;
  readonly connections: () => number;
  /** The server ends as on SIGTERM. */
  readonly stop: () => void;
}

export const ModelRequest = v.object({
  model: v.pipe(v.string('the name of an installed model'), v.minLength(1), v.maxLength(200)),
});

const STATUS: Readonly<Record<SwapErrorCode, number>> = {
  swap_under_way: 409,
  model_unknown: 404,
  model_too_large: 422,
  model_not_loaded: 422,
  swap_unavailable: 409,
  model_knows_less: 409,
};

const BODY_BYTES_MAX = 4_096;

export function operationRoutes({ check, pausing, swap, connections, stop }: OperationOptions): Route[] {
  const models = (): NonNullable<typeof swap> => {
    if (swap !== undefined) return swap;
    throw new HttpError(409, 'no_model', 'This server runs without a model (--engine).');
  };
  const told = async () => ({
    model: models().current.installed.name,
    installed: await models().installed(),
    ...models().state,
  });
  return [
    {
      method: 'POST',
      path: '/v1/drain',
      handle: ({ request }) => {
        check(request);
        pausing.isPaused = true;
        // The answer first.
        if (request.query.get('stay') !== 'true') setImmediate(stop);
        return jsonResponse(202, { connections: connections() });
      },
    },
    {
      method: 'DELETE',
      path: '/v1/drain',
      handle: ({ request }) => {
        check(request);
        pausing.isPaused = false;
        return jsonResponse(200, { connections: connections() });
      },
    },
    {
      method: 'GET',
      path: '/v1/model',
      handle: async ({ request }) => {
        check(request);
        return jsonResponse(200, await told());
      },
    },
    {
      method: 'PUT',
      path: '/v1/model',
      handle: async ({ request }) => {
        check(request);
        const { model } = await readJson(request, ModelRequest, { bytesMax: BODY_BYTES_MAX });
        try {
          await models().to(model);
        } catch (error) {
          if (!(error instanceof SwapError)) throw error;
          throw new HttpError(STATUS[error.code], error.code, error.message, {}, { cause: error });
        }
        return jsonResponse(200, await told());
      },
    },
  ];
}
