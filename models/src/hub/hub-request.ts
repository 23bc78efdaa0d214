// One request to the hub: tried again while that can help, and ended when nothing comes.
import { setTimeout as delay } from 'node:timers/promises';
import { HubError } from './hub-error.js';
import type { HubSettings } from './hub-settings.js';

/** How patient a pull is. */
export interface Patience {
  /** Tries in a row that bring nothing before it gives up. */
  readonly triesMax: number;
  /** Wait after the first of them, milliseconds; doubled each time. */
  readonly firstWaitMs: number;
  /** The longest wait, also where the hub asks for a longer one, milliseconds. */
  readonly waitMsMax: number;
  /** A connection on which nothing comes for so long is given up, milliseconds. */
  readonly silenceMsMax: number;
}

export const PATIENCE = {
  triesMax: 6,
  firstWaitMs: 500,
  waitMsMax: 60_000,
  silenceMsMax: 30_000,
} as const satisfies Patience;

/** A failure that another try may cure: the connection broke, the hub is busy or failing. */
class TransientFailure extends Error {
  /** What the hub asked for, milliseconds. */
  readonly waitMs: number;

  constructor(message: string, waitMs = 0, options?: ErrorOptions) {
    super(message, options);
    this.waitMs = waitMs;
  }
}

export interface HubRequest {
  readonly url: string;
  readonly settings: HubSettings;
  readonly patience: Patience;
  readonly signal?: AbortSignal | undefined;
  /** Headers of this try: a download that goes on asks for what is missing now. */
  readonly headers?: () => Record<string, string>;
}

/**
 * Asks until `read` has taken the whole answer. `read` calls `alive` whenever something came, which also starts the
 * count of tries anew.
 * @throws HubError `unreachable`, `access_denied`, `repository_unknown`, or what `read` throws as such
 */
export async function request<T>(
  { url, settings, patience, signal, headers = () => ({}) }: HubRequest,
  read: (response: Response, alive: () => void) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), patience.silenceMsMax);
    const alive = (): void => {
      tries = 1;
      timer.refresh();
    };
    try {
      const response = await fetch(url, {
        headers: {
          'user-agent': 'sotto',
          ...(settings.token === '' ? {} : { authorization: `Bearer ${settings.token}` }),
          ...headers(),
        },
        signal: signal === undefined ? silence.signal : AbortSignal.any([silence.signal, signal]),
      });
      if (!response.ok) await refuse(response, url);
      return await read(response, alive);
    } catch (error) {
      signal?.throwIfAborted();
      const failure = asPassing(error, silence.signal.aborted, url);
      if (tries >= patience.triesMax) {
        throw new HubError('unreachable', `${failure.message}, ${tries} times in a row`, { cause: error });
      }
      const backoff = patience.firstWaitMs * 2 ** (tries - 1) * (0.75 + Math.random() / 2);
      await delay(Math.min(Math.max(backoff, failure.waitMs), patience.waitMsMax), undefined, { signal });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Throws what an answer that is no success means. */
async function refuse(response: Response, url: string): Promise<never> {
  await response.body?.cancel();
  const { status } = response;
  const said = response.headers.get('x-error-message') ?? '';
  if (status === 429 || status >= 500 || status === 408) {
    throw new TransientFailure(`${url} answered ${status}`, 1_000 * (Number(response.headers.get('retry-after')) || 0));
  }
  if (status === 401 || status === 403) {
    throw new HubError(
      'access_denied',
      `${url} answered ${status}${said && ` (${said})`}: there is no such model, or it requires a token (HF_TOKEN) whose owner has accepted its terms`,
    );
  }
  throw new HubError('repository_unknown', `${url} answered ${status}${said && ` (${said})`}`);
}

/** What another try may cure; anything else is thrown on. */
function asPassing(error: unknown, isSilence: boolean, url: string): TransientFailure {
  if (error instanceof TransientFailure) return error;
  if (isSilence) return new TransientFailure(`${url} stopped answering`, 0, { cause: error });
  // fetch tells every failure of the network as a TypeError, and a body that breaks off too.
  if (error instanceof TypeError) {
    const { cause } = error;
    const why = cause instanceof Error && cause.message !== '' ? cause.message : error.message;
    return new TransientFailure(`${url} cannot be reached (${why})`, 0, { cause: error });
  }
  throw error;
}
