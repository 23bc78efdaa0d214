// Polished text on its way to clients: slow readers, clients that come back, viewers.
import type { Frame, PolishedDeltaMessage, PolishedMessage, ServerMessage } from '@sotto/protocol';
import * as fc from 'fast-check';
import t from 'tap';
import { SESSION_COALESCING } from '../../../server/src/gateway/coalescing.js';
import { Outbox } from '../../../server/src/gateway/connections/outbox.js';
import { createWsTransport } from '../../../server/src/transport/ws-transport.js';
import { WATCHED_FINALS_MAX } from '../../../server/src/watch/share.js';
import { holds } from '../../support/property.js';
import { openSharedGateway } from '../../support/shared-gateway.js';
import { connectWire } from '../../support/wire-client.js';

const delta = (segmentId: number, from: number, text: string): PolishedDeltaMessage => ({
  type: 'polishedDelta',
  scope: 'segment',
  segmentId,
  from,
  text,
});
const polished = (segmentId: number, text: string): PolishedMessage => ({
  type: 'polished',
  scope: 'segment',
  segmentId,
  text,
  mode: 'standard',
  model: 'scripted',
  latencyMs: 5,
});

/** What a client has of a text: PO6. */
function follow(text: string, { from, text: more }: PolishedDeltaMessage): string {
  return text.slice(0, from) + more;
}

t.test('PO6, BP6: whatever a slow reader gets of the deltas, it has the same text in the end', async (t) => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ size: fc.integer({ min: 1, max: 9_000 }), back: fc.constantFrom(0, 0, 0, 1, 5, 100_000) }),
      fc.record({ read: fc.nat(60_000) }),
    ),
    { maxLength: 60 },
  );
  holds(
    t,
    fc.property(steps, fc.boolean(), (script, isDone) => {
      const reader = { bufferedBytes: 0, taken: [] as ServerMessage[] };
      const outbox = new Outbox({
        socket: {
          get bufferedBytes() {
            return reader.bufferedBytes;
          },
          send(frame: Frame) {
            reader.bufferedBytes += Buffer.byteLength(frame);
            reader.taken.push(JSON.parse(String(frame)) as ServerMessage);
          },
        },
        encode: (message) => JSON.stringify(message),
        coalescing: SESSION_COALESCING,
        bytesMax: Infinity,
        now: () => 0,
        onSent: () => {},
        onCoalesced: () => {},
      });
      let written = '';
      for (const [index, step] of script.entries()) {
        if ('read' in step) {
          reader.bufferedBytes = Math.max(0, reader.bufferedBytes - step.read);
          outbox.drained();
          continue;
        }
        const next = delta(0, Math.max(0, written.length - step.back), String(index % 10).repeat(step.size));
        written = follow(written, next);
        outbox.send(next);
      }
      if (isDone) outbox.send(polished(0, written));
      while (outbox.bytes > 0) {
        reader.bufferedBytes = 0;
        outbox.drained();
      }
      const seen = reader.taken.reduce((text, it) => (it.type === 'polishedDelta' ? follow(text, it) : text), '');
      const last = reader.taken.at(-1);
      return isDone ? last?.type === 'polished' && last.text === written : seen === written;
    }),
  );
});

t.test(
  'PO8: a client that comes back gets the polished it missed, and what is being written from its beginning',
  async (t) => {
    const server = await openSharedGateway(t, createWsTransport, { limits: { resumeGraceMs: 30_000 } });
    const { session, speaker, ready } = await server.speak();
    session.final(0, 'one');
    session.sink.send(delta(0, 0, 'On'));
    await speaker.next('polishedDelta');
    speaker.socket.terminate();
    await speaker.closed;
    session.sink.send(delta(0, 2, 'e.'));
    session.sink.send(polished(0, 'One.'));
    session.final(1, 'two and three');
    session.sink.send(delta(1, 0, 'Two and'));
    session.sink.send(delta(1, 4, '& three'));

    const again = await connectWire(t, `${server.url}/v1/stream`, 'json');
    // One event: the delta is none.
    again.send({ type: 'resume', token: ready.resumeToken ?? '', events: 1 });
    t.strictSame(await again.next('polishedDelta'), delta(1, 0, 'Two & three'));
    t.strictSame(
      again.received.map(({ type }) => type),
      ['resumed', 'polished', 'final', 'polishedDelta'],
    );
    session.sink.send(polished(1, 'Two & three.'));
    t.match(await again.next('polished', 1), { segmentId: 1, text: 'Two & three.' });
  },
);

t.test('PO9: viewers get polished and no deltas; late ones what there is of the lines they see', async (t) => {
  const server = await openSharedGateway(t, createWsTransport);
  const { session, token } = await server.speak();
  const viewer = await server.watch(token, 'json');
  t.notOk('polished' in (await viewer.next('watching')));
  for (let id = 0; id < WATCHED_FINALS_MAX + 2; id++) {
    session.final(id, `line ${id}`);
    session.sink.send(delta(id, 0, 'Line'));
    if (id % 2 === 1) session.sink.send(polished(id, `Line ${id}.`));
  }
  // The session's scope belongs to no line.
  const { segmentId: _, ...whole } = polished(0, 'All of it.');
  session.sink.send({ ...whole, scope: 'session', firstSegmentId: 0, lastSegmentId: 11 });
  const late = await server.watch(token);
  const { finals, polished: known } = await late.next('watching');
  t.equal(finals.length, WATCHED_FINALS_MAX);
  t.strictSame(
    known?.map(({ text }) => text),
    ['Line 3.', 'Line 5.', 'Line 7.', 'Line 9.', 'Line 11.'],
  );
  t.match(await viewer.next('polished', 6), { scope: 'session', text: 'All of it.' });
  t.equal(viewer.all('polishedDelta').length, 0);
});
