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
/** Requests whose handlers have not answered yet. */
let open = 0;

/**
 * Runs a handler; what it starts belongs to the request until the handler has answered. While no request is open, Node
 * need not follow every promise and every frame of a socket to whom they belong, which live streams would pay
 * for with every chunk.
 */
export function inRequest<T>(scope: RequestScope, handle: () => T): T {
  open += 1;
  let answer: T;
  try {
    answer = scopes.run(scope, handle);
  } catch (error) {
    ended();
    throw error;
  }
  if (answer instanceof Promise) void answer.then(ended, ended);
  else ended();
  return answer;
}

function ended(): void {
  open -= 1;
  if (open === 0) scopes.disable();
}

/** The request that the running code, or the error that is being reported, belongs to. */
export function currentRequest(): RequestScope | undefined {
  return scopes.getStore();
}
