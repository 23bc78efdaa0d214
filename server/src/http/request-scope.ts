// Which request an error belongs to, also where nobody caught it: an event of a stream, a promise that was left alone.
import { AsyncLocalStorage } from 'node:async_hooks';

/** One request while it is answered. */
export interface RequestScope {
  /** Unique in this process; in the log, and in the header `x-request-id` of a failure. */
  readonly id: string;
  /** Answers the request with status 500, unless it has its answer. */
  fail(error: unknown): void;
}

const scopes = new AsyncLocalStorage<RequestScope>();

/** Runs a handler; what it starts belongs to the request. */
export function inRequest<T>(scope: RequestScope, handle: () => T): T {
  return scopes.run(scope, handle);
}

/** The request that the running code, or the error that is being reported, belongs to. */
export function currentRequest(): RequestScope | undefined {
  return scopes.getStore();
}
