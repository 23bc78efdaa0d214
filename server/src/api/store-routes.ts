// What clients hear when the store fails, or when there is none.
import type { HttpResponse } from '../http/exchange.js';
import { HttpError } from '../http/http-error.js';
import type { Route, RouteCall } from '../http/router.js';
import { StoreError } from '../store/store-error.js';

/** A handler whose StoreErrors become answers: 503, which may pass. */
export function answeringStore(handle: (call: RouteCall) => Promise<HttpResponse>): Route['handle'] {
  return async (call) => {
    try {
      return await handle(call);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      // The message names folders and addresses: it is for the log.
      const message =
        error.code === 'store_full'
          ? error.message
          : 'What is kept cannot be reached now; the log of the server says why.';
      throw new HttpError(503, error.code, message, { 'retry-after': '10' }, { cause: error });
    }
  };
}

/** Answers of a server that keeps nothing: below each of the paths, whatever the method. */
export function routesWithoutStore(paths: readonly string[], isOff: boolean): Route[] {
  const [code, message] = isOff
    ? ['store_disabled', 'This server keeps no transcripts and takes no jobs (--store none).']
    : ['store_unavailable', 'What is kept cannot be used; the log of the server says why.'];
  const handle = (): never => {
    throw new HttpError(isOff ? 404 : 503, code, message);
  };
  return paths.flatMap((path) => (['GET', 'POST', 'DELETE'] as const).map((method) => ({ method, path, handle })));
}
