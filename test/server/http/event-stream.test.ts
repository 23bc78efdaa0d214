// Server-sent events as readers get them.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { eventStream, type ServerSentEvent } from '../../../server/src/http/event-stream.js';
import { bodyText } from '../../support/http-request.js';

async function* events(...list: ServerSentEvent[]): AsyncGenerator<ServerSentEvent> {
  yield* list;
}

t.test('events are fields and an empty line; data keeps its lines, names lose theirs', async (t) => {
  const response = eventStream(
    events({ data: 'one' }, { event: 'tick', id: '7', data: 'two\nlines' }, { event: 'a\nb', data: '' }),
  );
  t.equal(response.contentType, 'text/event-stream; charset=utf-8');
  t.equal(
    await bodyText(response.body),
    ': hello\n\ndata: one\n\nevent: tick\nid: 7\ndata: two\ndata: lines\n\nevent: a b\ndata: \n\n',
  );
});

t.test('silence is filled with comments, and no event is lost for it', async (t) => {
  const slow = (async function* () {
    await delay(60);
    yield { data: 'late' };
  })();
  const text = await bodyText(eventStream(slow, { keepAliveMs: 10 }).body);
  t.match(text, /^: hello\n\n(: still here\n\n)+data: late\n\n$/);
});

t.test('a reader that leaves ends the source at once', async (t) => {
  let hasReturned = false;
  const source: AsyncIterable<ServerSentEvent> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        hasReturned = true;
        return { done: true, value: undefined };
      },
    }),
  };
  const body = eventStream(source, { keepAliveMs: 5 }).body as AsyncIterable<string>;
  const reader = body[Symbol.asyncIterator]();
  await reader.next();
  await reader.next();
  await reader.return?.();
  t.equal(hasReturned, true);
});
