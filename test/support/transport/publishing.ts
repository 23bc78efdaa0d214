// What a transport sends to the subscribers of a topic.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { until } from '../until.js';
import { collect, serve, type Create } from './sockets.js';

export function publishing(t: Test, create: Create): void {
  t.test('publish: reaches the subscribers of its topic, text and bytes, and nobody else', async (t) => {
    const server = await serve(t, create);
    const clients = await Promise.all([server.connect(), server.connect(), server.connect()]);
    const got = clients.map((client) => collect(client));
    server.accepted[0]?.socket.subscribe('news');
    server.accepted[0]?.socket.subscribe('news');
    server.accepted[1]?.socket.subscribe('news');
    server.accepted[1]?.socket.subscribe('sport');
    server.transport.publish('news', 'one', false);
    server.transport.publish('sport', Buffer.from('two'), true);
    server.transport.publish('weather', 'nobody listens', false);
    for (const { socket } of server.accepted) socket.send('end', false);
    await until(() => got.every((texts) => texts.at(-1) === 'end'));
    t.strictSame(
      got.map((texts) => texts.toSorted()).toSorted((a, b) => a.length - b.length),
      [['end'], ['end', 'one'], ['binary two', 'end', 'one']],
    );
  });

  t.test('publish: keeps its order with what is sent, at both ends of a subscription', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const { socket } = server.only();
    const got = collect(client);
    server.transport.publish('a', 'too early', false);
    socket.send('1', false);
    socket.subscribe('a');
    server.transport.publish('a', '2', false);
    socket.send('3', false);
    server.transport.publish('a', '4', false);
    server.transport.publish('a', '5', false);
    socket.unsubscribe('a');
    socket.send('6', false);
    server.transport.publish('a', 'too late', false);
    socket.subscribe('a');
    server.transport.publish('a', '7', false);
    socket.close(1000, 'done');
    server.transport.publish('a', 'to a closed socket', false);
    await once(client, 'close');
    t.strictSame(got, ['1', '2', '3', '4', '5', '6', '7']);
  });

  t.test('publish: comes at once, also out of a timer', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    server.only().socket.subscribe('a');
    const got = collect(client);
    // From here on out of a timer.
    await delay(5);
    const publishedAt = performance.now();
    server.transport.publish('a', 'x', false);
    await once(client, 'message');
    t.ok(performance.now() - publishedAt < 1_000);
    t.strictSame(got, ['x']);
  });

  t.test(
    'publish: a subscriber that vanished costs the others nothing, one that does not read loses nothing',
    async (t) => {
      const server = await serve(t, create);
      const gone = await server.connect();
      const slow = await server.connect();
      for (const { socket } of server.accepted) socket.subscribe('a');
      gone.terminate();
      await until(() => server.accepted.some(({ closed }) => closed.length > 0));
      slow.pause();
      for (let i = 0; i < 300; i++) server.transport.publish('a', `${i} ${'x'.repeat(20_000)}`, false);
      await until(() => server.accepted.some(({ socket }) => socket.bufferedBytes > 0));
      const got = collect(slow);
      slow.resume();
      await until(() => got.length === 300);
      t.strictSame(
        got.map((text) => Number.parseInt(text, 10)),
        Array.from({ length: 300 }, (_, i) => i),
      );
      for (const { socket } of server.accepted) {
        socket.subscribe('b');
        socket.unsubscribe('b');
        socket.unsubscribe('never');
      }
    },
  );
}
