// Server-sent events (the HTML standard, section 9.2): a stream of messages as a response.
import type { HttpResponse } from './exchange.js';
import { within } from '../time/within.js';

export interface ServerSentEvent {
  /** The event's type; without it readers take `message`. */
  readonly event?: string;
  readonly data: string;
  /** What a reader that comes back names in `Last-Event-ID`. */
  readonly id?: string;
}

export interface EventStreamOptions {
  /**
   * Without an event for this long a comment is sent, so that nothing on the way takes the connection for dead,
   * milliseconds. Default 15,000.
   */
  readonly keepAliveMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const KEEP_ALIVE_MS = 15_000;

/** The events as they come. When the reader goes away, the iterator's `return` is called. */
export function eventStream(
  events: AsyncIterable<ServerSentEvent>,
  { keepAliveMs = KEEP_ALIVE_MS, headers = {} }: EventStreamOptions = {},
): HttpResponse {
  return {
    status: 200,
    contentType: 'text/event-stream; charset=utf-8',
    body: write(events, keepAliveMs),
    // nginx holds a response back unless it is told not to.
    headers: { 'cache-control': 'no-cache', 'x-accel-buffering': 'no', ...headers },
  };
}

/**
 * Written out rather than as a generator: one that waits for an event would hear of a reader's leaving only with the
 * next event.
 */
function write(events: AsyncIterable<ServerSentEvent>, keepAliveMs: number): AsyncIterable<string> {
  return {
    [Symbol.asyncIterator]() {
      const source = events[Symbol.asyncIterator]();
      let pending: Promise<IteratorResult<ServerSentEvent, unknown>> | undefined;
      let hasBegun = false;
      return {
        async next(): Promise<IteratorResult<string>> {
          // Readers and proxies see at once that it goes on.
          if (!hasBegun) {
            hasBegun = true;
            return { done: false, value: ': hello\n\n' };
          }
          pending ??= source.next();
          const next = await within(keepAliveMs, pending, undefined);
          if (next === undefined) return { done: false, value: ': still here\n\n' };
          pending = undefined;
          return next.done === true ? { done: true, value: undefined } : { done: false, value: textOf(next.value) };
        },
        async return(): Promise<IteratorResult<string>> {
          // Whoever waits for the last event is not interested in how it goes.
          pending?.catch(() => undefined);
          await source.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function textOf({ event, data, id }: ServerSentEvent): string {
  const lines = [
    ...(event === undefined ? [] : [`event: ${oneLine(event)}`]),
    ...(id === undefined ? [] : [`id: ${oneLine(id)}`]),
    ...data.split(/\r\n|\r|\n/).map((line) => `data: ${line}`),
  ];
  return `${lines.join('\n')}\n\n`;
}

/** A line break would begin another field; a NUL makes readers ignore an id. */
function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]/g, ' ');
}
