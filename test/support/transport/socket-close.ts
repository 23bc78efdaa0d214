// How sockets of a transport end, by either side.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { until } from '../until.js';
import { allTold, collect, serve, UPGRADE, type Create } from './sockets.js';

export function socketClose(t: Test, create: Create): void {
  t.test('close: what was queued, then code and reason; nothing afterwards', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const accepted = server.only();
    const got: string[] = [];
    client.on('message', (data) => got.push(String(data)));
    accepted.socket.send('last words', false);
    accepted.socket.close(4413, 'slow');
    client.send('too late');
    accepted.socket.send('never sent', false);
    const [code, reason] = await once(client, 'close');
    t.same([code, String(reason)], [4413, 'slow']);
    t.same(got, ['last words']);
    await until(() => accepted.closed.length === 1);
    accepted.socket.close(1000, 'again');
    accepted.socket.terminate();
    accepted.socket.ping();
    accepted.socket.pause();
    accepted.socket.resume();
    await allTold(server);
    t.equal(accepted.closed.length, 1, 'closed is called once');
    t.same(accepted.messages, []);
    t.equal(accepted.socket.bufferedBytes, 0);
  });

  t.test('close: while the socket opens, after its first and last message', async (t) => {
    const closed: number[] = [];
    const server = await serve(t, create, {
      upgrade: () => ({
        accepted: true,
        subprotocol: '',
        open: (socket) => {
          socket.send('no', false);
          socket.close(4404, 'unknown');
          return {
            message: () => {},
            drained: () => {},
            pong: () => {},
            pinged: () => {},
            closed: (code) => closed.push(code),
          };
        },
      }),
    });
    const client = new WebSocket(server.url);
    const got = collect(client);
    const [code] = await once(client, 'close');
    t.equal(code, 4404);
    t.strictSame(got, ['no']);
    await until(() => closed.length > 0);
    t.strictSame(closed, [4404]);
  });

  t.test('close: a long reason is cut to what a frame holds', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    server.only().socket.close(4400, 'é'.repeat(200));
    const [code, reason] = await once(client, 'close');
    t.same([code, String(reason)], [4400, 'é'.repeat(61)]);
  });

  t.test("tells the peer's close code", async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.close(4321, 'bye');
    await until(() => server.only().closed.length > 0);
    t.same(server.only().closed, [4321]);
  });

  t.test('terminate drops the connection', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    server.only().socket.terminate();
    const [code] = await once(client, 'close');
    t.equal(code, 1006);
    await until(() => server.only().closed.length === 1);
  });

  t.test('notices a peer that vanishes', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.terminate();
    await until(() => server.only().closed.length > 0);
    t.same(server.only().closed, [1006]);
  });

  t.test('close: a peer that takes nothing is dropped in time', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const [accepted] = server.accepted;
    client.pause();
    const piece = new Uint8Array(100_000);
    while ((accepted?.socket.bufferedBytes ?? 0) < 1_000_000) {
      accepted?.socket.send(piece, true);
      await turn();
    }
    accepted?.socket.close(4413, 'slow');
    await until(() => accepted?.closed.length === 1);
    client.resume();
    t.equal((await once(client, 'close'))[0], 1006, 'there was no way to tell it');
  });

  t.test('close: told of in time, also where the peer never answers', async (t) => {
    const server = await serve(t, create);
    const peer = connectTcp({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    t.teardown(() => peer.destroy());
    peer.on('error', () => {}).resume();
    peer.write(UPGRADE);
    await until(() => server.accepted.length === 1);
    server.only().socket.close(4400, 'enough');
    await until(() => server.only().closed.length === 1);
  });

  t.test('close: clients that send all the time see the code, also where the server ends right then', async (t) => {
    const server = await serve(t, create);
    const clients = await Promise.all(Array.from({ length: 20 }, () => server.connect()));
    const codes = clients.map(async (client) => Number((await once(client, 'close'))[0]));
    const speaking = setInterval(() => {
      for (const client of clients) {
        for (let i = 0; i < 5 && client.readyState === WebSocket.OPEN; i++) client.send(new Uint8Array(3_200));
      }
    }, 5);
    t.teardown(() => clearInterval(speaking));
    await until(() => server.accepted.every(({ messages }) => messages.length >= 10));
    for (const { socket } of server.accepted) socket.close(1012, 'go on elsewhere');
    await until(() => server.accepted.every(({ closed }) => closed.length === 1));
    await server.transport.close();
    t.same(new Set(await Promise.all(codes)), new Set([1012]));
  });
}
