// One speaker and a crowd of viewers (a thousand in the whole run) on this machine: everybody sees everything, and the
// speaker notices nothing.
import { once } from 'node:events';
import { MsgpackClientCodec } from '@sotto/protocol';
import t from 'tap';
import { WebSocket } from 'ws';
import { openSharedGateway, TRANSPORTS } from '../../support/shared-gateway.js';
import { rounds } from '../../support/whole-run.js';
import { until } from '../../support/until.js';

const VIEWERS = rounds(250, 1_000);
/** How many of them never read again. */
const DEAD = 20;
const PARTIALS = rounds(10, 25);
/** Five a second: more than twice as often as they come by default. */
const PARTIAL_MS = 200;

/** Counts what comes, decoding only enough to know when it was said. */
class Viewer {
  finals = 0;
  partials = 0;
  readonly delays: number[] = [];
  readonly #codec = new MsgpackClientCodec();
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => {
      const message = this.#codec.decode(data);
      if (message?.type === 'final') this.finals++;
      if (message?.type === 'partial') {
        this.partials++;
        this.delays.push(performance.now() - message.startMs);
      }
    });
  }
}

for (const [name, create] of TRANSPORTS) {
  const skip = create === undefined && 'no binary for this Node';
  t.test(`WA7: a crowd of viewers on ${name}`, { skip, timeout: 120_000 }, async (t) => {
    if (create === undefined) return;
    const patient = { outboxStallMs: 3_600_000, pingIntervalMs: 3_600_000, idleTimeoutMs: 3_600_000 };
    const server = await openSharedGateway(t, create, { limits: patient, sharing: { viewersMax: VIEWERS } });
    const { session, speaker, token } = await server.speak();
    const viewers: Viewer[] = [];
    const openedAt = performance.now();
    while (viewers.length < VIEWERS) {
      const batch = Array.from(
        { length: 50 },
        () => new Viewer(new WebSocket(`${server.url}/v1/watch?token=${token}`, ['sotto.v1.msgpack'])),
      );
      viewers.push(...batch);
      await Promise.all(batch.map(({ socket }) => once(socket, 'open')));
    }
    t.teardown(() => viewers.forEach(({ socket }) => socket.terminate()));
    await until(() => server.metric('sotto_viewers') === VIEWERS, 'all viewers');
    const openMs = performance.now() - openedAt;
    for (const { socket } of viewers.slice(0, DEAD)) socket.pause();
    const living = viewers.slice(DEAD);

    const publishMs: number[] = [];
    const startedAt = performance.now();
    for (let revision = 1; revision <= PARTIALS; revision++) {
      const dueMs = startedAt + revision * PARTIAL_MS - performance.now();
      if (dueMs > 0) await new Promise((resolve) => setTimeout(resolve, dueMs));
      const saidAt = performance.now();
      const partial = { stable: 'and so my fellow Americans ', tentative: 'ask not what your', endMs: 0, lagMs: 0 };
      session.sink.send({ type: 'partial', segmentId: 0, revision, startMs: saidAt, ...partial });
      publishMs.push(performance.now() - saidAt);
      if (revision % 5 === 0) server.clock.advance(1_000);
    }
    session.final(0, 'And so, my fellow Americans, ask not what your country can do for you.');
    await until(() => living.every(({ finals }) => finals === 1), 'the final at every viewer that reads');

    t.ok(
      living.every(({ partials }) => partials === PARTIALS),
      'who reads gets every partial',
    );
    t.equal(speaker.all('partial').length, PARTIALS, 'and so does the speaker');
    const roundTripAt = performance.now();
    speaker.send({ type: 'ping' });
    await speaker.next('pong');
    const delays = living.flatMap((viewer) => viewer.delays);
    t.comment(
      `${VIEWERS} viewers joined in ${openMs.toFixed(0)} ms; a partial reaches a viewer in ${quantile(delays, 0.5)} ms (p50), ` +
        `${quantile(delays, 0.95)} ms (p95), ${quantile(delays, 0.99)} ms (p99); publishing takes the speaker's turn ` +
        `${quantile(publishMs, 0.5)} ms (p50), ${quantile(publishMs, 0.99)} ms (p99); ping ${(performance.now() - roundTripAt).toFixed(1)} ms; ` +
        'viewers and server in one process',
    );
    speaker.send({ type: 'stop' });
    await Promise.all(living.map(({ socket }) => socket.readyState === WebSocket.CLOSED || once(socket, 'close')));
    t.equal((await speaker.closed).code, 1000);
  });
}

function quantile(values: readonly number[], share: number): string {
  return (values.toSorted((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? Number.NaN).toFixed(2);
}
