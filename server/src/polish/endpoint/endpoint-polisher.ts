// Polish by any server that speaks OpenAI's chat completions: vLLM, SGLang, llama-server, Ollama, and the cloud.
import { setTimeout as delay } from 'node:timers/promises';
import { POLISH_MODES, type PolishMode } from '@sotto/protocol';
import { onAbort } from '../../time/on-abort.js';
import { PolisherError, TimeUpError, type Polisher, type PolishRequest, type PolishRun } from '../polisher.js';
import { answerTokensMax, chatMessages, STOP_TEXTS } from '../prompt/build-prompt.js';
import { readCompletion } from './chat-completion.js';
import { CircuitBreaker, type BreakerOptions } from './circuit-breaker.js';

export interface EndpointOptions {
  /** Of the API, such as `http://127.0.0.1:11434/v1`; `/v1` may be left out. */
  readonly url: string;
  /** As the endpoint names it. */
  readonly model: string;
  /** Sent as a bearer token; empty: none. */
  readonly key: string;
  readonly concurrency: number;
  /**
   * How long the endpoint may say nothing, milliseconds, at the beginning and between two pieces of text. Beyond: the
   * try has failed.
   */
  readonly silenceMs: number;
  /** Tries beyond the first, while no text has come. */
  readonly retriesMax: number;
  /**
   * Wait before the second try, milliseconds; with some chance in it, so that many sessions do not come back at once.
   */
  readonly retryDelayMs: number;
  readonly breaker?: Partial<BreakerOptions>;
  /** Called when the endpoint counts as down, with the last failure, and when it is back. */
  readonly onEvent?: (event: { readonly type: 'down'; readonly reason: string } | { readonly type: 'back' }) => void;
}

export const ENDPOINT_DEFAULTS = { concurrency: 16, silenceMs: 10_000, retriesMax: 1, retryDelayMs: 150 } as const;

/** A failed try. */
class TryError extends Error {
  override readonly name = 'TryError';
  /** Whether another try may do better. */
  readonly retryable: boolean;

  constructor(message: string, retryable: boolean, options?: ErrorOptions) {
    super(message, options);
    this.retryable = retryable;
  }
}

export class EndpointPolisher implements Polisher {
  readonly name: string;
  readonly modes: readonly PolishMode[] = POLISH_MODES;
  readonly languages = undefined;
  readonly concurrency: number;
  readonly #options: EndpointOptions;
  readonly #url: string;
  readonly #breaker: CircuitBreaker;
  readonly #closing = new AbortController();
  #isDown = false;

  constructor(options: Pick<EndpointOptions, 'url' | 'model'> & Partial<EndpointOptions>) {
    this.#options = { key: '', ...ENDPOINT_DEFAULTS, ...options };
    this.name = options.model;
    this.concurrency = this.#options.concurrency;
    this.#url = completionsUrl(options.url);
    this.#breaker = new CircuitBreaker(options.breaker);
  }

  get isAvailable(): boolean {
    return !this.#closing.signal.aborted && this.#breaker.allows;
  }

  async polish(request: PolishRequest, run: PolishRun): Promise<string> {
    run.signal.throwIfAborted();
    let hasText = false;
    const onText = (piece: string): void => {
      hasText = true;
      run.onText?.(piece);
    };
    if (!this.isAvailable) throw new PolisherError('unavailable', `${this.name} does not answer at ${this.#url}`);
    this.#breaker.begin();
    for (let tries = 0; ; tries++) {
      try {
        const text = await this.#try(request, { signal: run.signal, onText });
        this.#succeeded();
        return text;
      } catch (error) {
        if (run.signal.aborted) {
          // Who waits in vain until the time is over learns as much of the endpoint as from an error.
          if (run.signal.reason instanceof TimeUpError && !hasText) this.#failed('it did not answer in time');
          else this.#breaker.gaveUp();
          throw run.signal.reason;
        }
        if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
        const failure = error instanceof TryError ? error : new TryError(messageOf(error), !hasText, { cause: error });
        if (hasText || !failure.retryable || tries >= this.#options.retriesMax) {
          this.#failed(failure.message);
          throw new PolisherError('failed', failure.message, { cause: failure });
        }
        await delay(this.#options.retryDelayMs * (1 + Math.random()), undefined, { signal: run.signal }).catch(() => {
          this.#breaker.gaveUp();
          throw run.signal.reason;
        });
      }
    }
  }

  /** An endpoint is its own master: there is nothing to load here. */
  async warmUp(): Promise<void> {}

  async close(): Promise<void> {
    this.#closing.abort(new PolisherError('unavailable', 'closed'));
  }

  async #try(
    request: PolishRequest,
    { signal, onText }: { signal: AbortSignal; onText: (piece: string) => void },
  ): Promise<string> {
    const { model, key, silenceMs } = this.#options;
    const silence = new AbortController();
    const watch = setTimeout(
      () => silence.abort(new TryError(`${model} said nothing for ${silenceMs} ms`, true)),
      silenceMs,
    );
    const stop = new AbortController();
    const links = [signal, this.#closing.signal, silence.signal].map((source) =>
      onAbort(source, () => stop.abort(source.reason)),
    );
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
        },
        body: JSON.stringify({
          model,
          messages: chatMessages(request),
          stream: true,
          temperature: 0,
          max_tokens: answerTokensMax(request),
          stop: STOP_TEXTS,
        }),
        redirect: 'error',
        signal: stop.signal,
      });
      if (!response.ok) throw await refusal(response);
      return await readCompletion(response, { onText, onAlive: () => watch.refresh() });
    } catch (error) {
      // Whatever the abort made fetch throw, its reason tells more.
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      clearTimeout(watch);
      for (const unlink of links) unlink();
    }
  }

  #succeeded(): void {
    this.#breaker.succeeded();
    if (this.#isDown) this.#options.onEvent?.({ type: 'back' });
    this.#isDown = false;
  }

  #failed(reason: string): void {
    if (!this.#breaker.failed() || this.#isDown) return;
    this.#isDown = true;
    this.#options.onEvent?.({ type: 'down', reason });
  }
}

/** The address of chat completions, whatever part of it is given. Throws TypeError for what is not an http URL. */
export function completionsUrl(given: string): string {
  const url = new URL(given);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`${given} is not an http URL`);
  const path = url.pathname.replace(/\/+$/, '');
  if (path.endsWith('/chat/completions')) url.pathname = path;
  else url.pathname = `${path === '' ? '/v1' : path}/chat/completions`;
  return url.href;
}

/** Too many requests and failures of the server may pass; a wrong key, model or request will not. */
async function refusal(response: Response): Promise<TryError> {
  const { status } = response;
  const retryable = status === 408 || status === 429 || status >= 500;
  // Other answers may quote the text, which no log may hold.
  const saysWhy = status === 401 || status === 403 || status === 404;
  const why = saysWhy ? `: ${await beginningOf(response)}` : '';
  await response.body?.cancel().catch(() => undefined);
  return new TryError(`HTTP ${status}${why}`, retryable);
}

/** The first piece of a body, on one line. */
async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const piece = await reader?.read().catch(() => undefined);
  reader?.releaseLock();
  return new TextDecoder().decode(piece?.value).replaceAll(/\s+/g, ' ').slice(0, 200);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
