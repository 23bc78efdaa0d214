// The outbox alone: whatever a reader does, nothing that counts is lost or put in another order.
import type { Frame, ServerMessage } from '@sotto/protocol';
import * as fc from 'fast-check';
import t from 'tap';
import { SESSION_COALESCING } from '../../../server/src/gateway/coalescing.js';
import { Outbox } from '../../../server/src/gateway/connections/outbox.js';
import { propertyRuns } from '../../support/property.js';

/** A socket whose reader takes bytes when it is told to. */
class ManualReader {
  bufferedBytes = 0;
  readonly taken: ServerMessage[] = [];
  readonly coalesced: number[] = [];
  now = 0;
  readonly outbox: Outbox<ServerMessage>;

  constructor(bytesMax = Infinity) {
    this.outbox = new Outbox({
      socket: this,
      encode: (message) => JSON.stringify(message),
      coalescing: SESSION_COALESCING,
      bytesMax,
      now: () => this.now,
      onSent: () => {},
      onCoalesced: () => void this.coalesced.push(1),
    });
  }

  send(frame: Frame): void {
    this.bufferedBytes += Buffer.byteLength(frame);
    this.taken.push(JSON.parse(String(frame)) as ServerMessage);
  }

  read(bytes: number): void {
    this.bufferedBytes = Math.max(0, this.bufferedBytes - bytes);
    this.outbox.drained();
  }

  readAll(): void {
    while (this.outbox.bytes > 0) this.read(this.bufferedBytes);
  }
}

const partial = (segmentId: number, revision: number, text = ''): ServerMessage => ({
  type: 'partial',
  segmentId,
  revision,
  stable: text,
  tentative: '',
  startMs: 0,
  endMs: 0,
  lagMs: 0,
});
const final = (segmentId: number, text = ''): ServerMessage => ({
  type: 'final',
  segmentId,
  reason: 'endpoint',
  text,
  startMs: 0,
  endMs: 0,
  language: 'en',
  avgLogprob: 0,
  noSpeechProb: 0,
});
const ack = (offset: number): ServerMessage => ({ type: 'ack', offset, lagMs: 0 });
const mark = (id: string): ServerMessage => ({ type: 'mark', id, offset: 0 });

/** Whether a message may never be left out. */
function isKept({ type }: ServerMessage): boolean {
  return type !== 'partial' && type !== 'ack';
}

/** A random stream as a session would send it: counters grow, a segment's final is its last message. */
const streams = fc
  .array(
    fc.record({
      kind: fc.constantFrom('partial', 'ack', 'mark', 'final', 'error', 'read'),
      size: fc.nat(20_000),
      segment: fc.nat(2),
    }),
    { maxLength: 200 },
  )
  .map((steps) => {
    let counter = 0;
    const base = [0, 0, 0];
    return steps.map(({ kind, size, segment }): ServerMessage | number => {
      counter++;
      const segmentId = segment + 3 * (base[segment] ?? 0);
      const text = 'x'.repeat(size);
      switch (kind) {
        case 'partial':
          return partial(segmentId, counter, text);
        case 'final':
          base[segment] = (base[segment] ?? 0) + 1;
          return final(segmentId, text);
        case 'ack':
          return ack(counter);
        case 'mark':
          return mark(String(counter));
        case 'error':
          return {
            type: 'error',
            code: 'odd_byte_count',
            message: `${counter} ${text}`,
            retryable: false,
            fatal: false,
          };
        default:
          return size * 3;
      }
    });
  });

t.test('BP6: any stream and any reader', async (t) => {
  fc.assert(
    fc.property(streams, (steps) => {
      const reader = new ManualReader();
      const sent: ServerMessage[] = [];
      for (const step of steps) {
        if (typeof step === 'number') {
          reader.read(step);
        } else {
          sent.push(step);
          if (!reader.outbox.send(step)) throw new Error('refused below the bound');
        }
      }
      let empty = 0;
      reader.outbox.onceEmpty(() => empty++);
      reader.readAll();
      if (empty !== 1) throw new Error(`said to be empty ${empty} times`);
      if (reader.outbox.bytes !== 0) throw new Error('bytes are left over');

      // No message equals another, so that each can be found again.
      const places = reader.taken.map((message) =>
        sent.findIndex((other) => JSON.stringify(other) === JSON.stringify(message)),
      );
      if (places.some((place, i) => place <= (places[i - 1] ?? -1))) throw new Error('another order, or one twice');
      const kept = sent.filter(isKept);
      if (JSON.stringify(reader.taken.filter(isKept)) !== JSON.stringify(kept)) throw new Error('a message was lost');

      const lastAck = sent.findLast((message) => message.type === 'ack');
      if (
        lastAck !== undefined &&
        !reader.taken.some((message) => JSON.stringify(message) === JSON.stringify(lastAck))
      ) {
        throw new Error('the last ack was lost');
      }
      const finals = new Set(sent.flatMap((message) => (message.type === 'final' ? [message.segmentId] : [])));
      for (const message of sent) {
        if (message.type !== 'partial' || finals.has(message.segmentId)) continue;
        const last = sent.findLast((other) => other.type === 'partial' && other.segmentId === message.segmentId);
        if (!reader.taken.some((other) => JSON.stringify(other) === JSON.stringify(last))) {
          throw new Error('the last partial of an open segment was lost');
        }
      }
    }),
    { numRuns: propertyRuns(300) },
  );
  t.pass('held for 300 streams');
});

t.test('BP6: a fast reader gets everything at once', async (t) => {
  const reader = new ManualReader();
  for (const message of [partial(0, 1), partial(0, 2), ack(1), ack(2), final(0)]) {
    reader.outbox.send(message);
    reader.read(10_000);
  }
  t.equal(reader.taken.length, 5);
  t.same(reader.coalesced, []);
});

t.test('BP6: a final replaces the partial of its segment that waits', async (t) => {
  const reader = new ManualReader();
  reader.outbox.send(mark('x'.repeat(20_000)));
  for (const message of [partial(0, 1), partial(1, 2), final(0), partial(1, 3)]) reader.outbox.send(message);
  reader.readAll();
  t.same(
    reader.taken.slice(1).map((message) => ('revision' in message ? message.revision : message.type)),
    ['final', 3],
  );
});

t.test('BP7: the bound of bytes counts what waits here and in the socket', async (t) => {
  const reader = new ManualReader(100_000);
  t.ok(reader.outbox.send(final(0, 'x'.repeat(90_000))));
  t.ok(reader.outbox.send(partial(1, 1, 'x'.repeat(5_000))));
  t.ok(reader.outbox.send(partial(1, 2, 'x'.repeat(5_000))), 'a newer partial takes the place of the older');
  t.notOk(reader.outbox.send(final(1, 'x'.repeat(10_000))));
});

t.test('BP7: stalled only while something waits and nothing is taken', async (t) => {
  const reader = new ManualReader();
  reader.now = 1_000;
  t.equal(reader.outbox.stalledMs, 0);
  reader.outbox.send(mark('a'));
  reader.now = 3_000;
  t.equal(reader.outbox.stalledMs, 2_000);
  reader.read(1);
  t.equal(reader.outbox.stalledMs, 0, 'the reader took something');
  reader.now = 4_000;
  reader.outbox.send(mark('b'));
  t.equal(reader.outbox.stalledMs, 1_000, 'a new message does not reset it');
  reader.readAll();
  reader.now = 9_000;
  t.equal(reader.outbox.stalledMs, 0);
  reader.outbox.send(mark('c'));
  t.equal(reader.outbox.stalledMs, 0, 'it begins with the first message that waits');
});
