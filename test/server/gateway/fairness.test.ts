// What one client may take of the server: connections full of requests, answers that nobody reads, floods of pings.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { jsonResponse } from '../../../server/src/http/json-response.js';
import { AddressRate } from '../../../server/src/gateway/address-rate.js';
import { PIPELINED_MAX } from '../../../server/src/transport/node-exchange.js';
import { type CreateTransport, openSharedGateway, TRANSPORTS } from '../../support/shared-gateway.js';
import { connectWire } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

const REQUESTS_PER_SECOND = 20;
/** Of one answer: many of them are more than the kernel takes. */
const BODY = 'x'.repeat(1_000_000);

async function tcp(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`;

async function serve(t: Test, create: CreateTransport, isAnsweredAtOnce: boolean) {
  let asked = 0;
  const transport = create({
    handlers: {
      request: () => {
        asked++;
        const answer = jsonResponse(200, { body: BODY });
        return isAnsweredAtOnce ? answer : delay(1, answer);
      },
      upgrade: () => ({ accepted: false, response: { status: 404, contentType: '', body: '' } }),
      failed: (error) => t.fail(String(error)),
    },
    messageBytesMax: 1_000,
    closeTimeoutMs: 1_000,
    stallTimeoutMs: 300,
  });
  t.teardown(() => transport.close());
  return { port: await transport.listen(0, '127.0.0.1'), asked: () => asked };
}

for (const [name, create] of TRANSPORTS) {
  t.test(`fairness on ${name}`, { skip: create === undefined && 'no binary for this Node' }, async (t) => {
    if (create === undefined) return;

    t.test('pipelined requests: no more than a few are begun before their answers', async (t) => {
      const { port, asked } = await serve(t, create, false);
      const socket = await tcp(t, port);
      socket.write(get('/').repeat(10_000));
      socket.resume();
      await closed(socket);
      t.ok(asked() <= PIPELINED_MAX, `${asked()} were begun`);
      t.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200, 'others are served');
    });

    for (const isAnsweredAtOnce of [true, false]) {
      const how = isAnsweredAtOnce ? 'at once' : 'later';
      t.test(`answers that are never read, given ${how}: the connection is dropped`, async (t) => {
        const { port, asked } = await serve(t, create, isAnsweredAtOnce);
        const socket = await tcp(t, port);
        socket.pause();
        // Nothing is read, so that only a failed write tells of the end.
        const refused = closed(socket);
        for (let sent = 0; !socket.destroyed && sent < 2_000; sent++) {
          socket.write(get('/'));
          await Promise.race([delay(2), refused]);
        }
        t.ok(socket.destroyed);
        t.ok(asked() < 40, `${asked()} megabytes were asked for`);
      });
    }

    t.test('too many requests of one address: 429, and the connection ends', async (t) => {
      const { http, clock, metric } = await openSharedGateway(t, create, {
        limits: { requestsPerSecondMax: REQUESTS_PER_SECOND },
      });
      const { port } = new URL(http);
      for (let i = 0; i < 2 * REQUESTS_PER_SECOND; i++) t.equal((await fetch(`${http}/health`)).status, 200);
      const refused = await fetch(`${http}/health`);
      t.equal(refused.status, 429);
      t.equal(refused.headers.get('retry-after'), '1');
      t.match(await refused.json(), { error: { code: 'too_many_requests' } });
      const socket = await tcp(t, Number(port));
      let answers = '';
      socket.on('data', (piece) => (answers += String(piece)));
      socket.write(get('/nowhere').repeat(1_000));
      await closed(socket);
      t.ok(answers.split('HTTP/1.1 ').length - 1 <= PIPELINED_MAX, 'not each of them is refused in turn');
      await t.rejects(connectWire(t, `${http.replace('http', 'ws')}/v1/stream`), 'upgrades count too');
      clock.advance(1_000);
      t.equal((await fetch(`${http}/health`)).status, 200);
      t.ok(metric('sotto_requests_refused_total') >= 2);
    });

    t.test('pings count as messages', async (t) => {
      const { url } = await openSharedGateway(t, create);
      const client = await connectWire(t, `${url}/v1/stream`);
      for (let i = 0; i < 500; i++) client.socket.ping();
      t.match(await client.next('error'), { code: 'too_many_messages', fatal: true });
      t.match(await client.closed, { code: 4429 });
    });

    t.test('pings whose answers are never read: the connection is dropped', async (t) => {
      const { url, gateway } = await openSharedGateway(t, create, { limits: { messagesPerSecondMax: 1_000_000 } });
      const client = await connectWire(t, `${url}/v1/stream`);
      client.socket.pause();
      const payload = Buffer.alloc(125);
      for (let i = 0; i < 2_000 && gateway.status().connections === 1; i++) {
        for (let j = 0; j < 200; j++) client.socket.ping(payload);
        await delay(1);
      }
      await until(() => gateway.status().connections === 0, 'dropped');
    });
  });
}

t.test('addresses: a /64 of IPv6 is one, and those that are quiet are forgotten', async (t) => {
  const rate = new AddressRate(1);
  t.ok(rate.take('2001:db8::1', 0));
  t.ok(rate.take('2001:0db8:0000:0000:ffff:0000:0000:0002', 0));
  t.notOk(rate.take('2001:db8::3', 0));
  t.ok(rate.take('2001:db8:0:1::3', 0));
  t.ok(rate.take('::ffff:192.0.2.1', 0));
  t.ok(rate.take('192.0.2.1', 0));
  t.notOk(rate.take('192.0.2.1', 0));
  rate.check(1_000);
  t.equal(rate.size, 2);
  rate.check(2_000);
  t.equal(rate.size, 0);
  for (let i = 0; i < 60_000; i++) rate.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
  t.equal(rate.size, 50_000);
});
