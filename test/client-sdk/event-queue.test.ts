// The queue behind an iterator: bounded, and a slow reader loses nothing but what was outdated.
import { QUEUED_EVENTS_MAX, type SessionEvent } from '@sotto/client';
import t from 'tap';
import { EventQueue } from '../../client-sdk/src/event-queue.js';

const partial = (segmentId: number, revision: number): SessionEvent => ({
  type: 'partial',
  segmentId,
  revision,
  stable: '',
  tentative: 'x',
  startMs: 0,
  endMs: 1,
  lagMs: 0,
});
const ack = (offset: number): SessionEvent => ({ type: 'ack', offset, lagMs: 0 });
const started = (segmentId: number): SessionEvent => ({ type: 'speechStarted', segmentId, startMs: 0 });

t.test('BP6: unread partials of an utterance and unread acks are replaced by newer ones', async (t) => {
  const queue = new EventQueue(() => undefined);
  const events = [started(0), partial(0, 1), ack(1), partial(1, 1), partial(0, 2), ack(2)];
  for (const event of events) queue.push(event);
  queue.end();
  const read: SessionEvent[] = [];
  for await (const event of queue) read.push(event);
  t.strictSame(read, [started(0), partial(1, 1), partial(0, 2), ack(2)]);
});

t.test('what waits for an event gets it, also when several wait', async (t) => {
  const queue = new EventQueue(() => undefined);
  const waiting = [queue.next(), queue.next(), queue.next()];
  queue.push(started(0));
  queue.push(started(1));
  queue.end();
  t.strictSame(await Promise.all(waiting), [
    { done: false, value: started(0) },
    { done: false, value: started(1) },
    { done: true, value: undefined },
  ]);
});

t.test('an error comes after the events, once', async (t) => {
  const queue = new EventQueue(() => undefined);
  queue.push(started(0));
  queue.end(new Error('lost'));
  t.match(await queue.next(), { value: started(0) });
  await t.rejects(queue.next(), /lost/);
  t.match(await queue.next(), { done: true });
});

t.test('a reader who never reads is told so; one who leaves is forgotten', async (t) => {
  let left = 0;
  const queue = new EventQueue(() => left++);
  for (let index = 0; index <= QUEUED_EVENTS_MAX + 5; index++) queue.push(started(index));
  let read = 0;
  await t.rejects(
    (async () => {
      for await (const _ of queue) read++;
    })(),
    { name: 'EventsUnreadError', code: 'events_unread' },
  );
  t.equal(read, QUEUED_EVENTS_MAX + 1);

  const other = new EventQueue(() => left++);
  other.push(started(0));
  for await (const _ of other) break;
  t.equal(left, 1);
  t.match(await other.next(), { done: true });
});
