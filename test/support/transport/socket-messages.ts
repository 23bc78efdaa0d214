// How messages and pings of a transport travel in both directions, and their pace.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { until } from '../until.js';
import { messages, serve, type Create } from './sockets.js';

export function socketMessages(t: Test, create: Create): void {
  t.test('delivers text and binary messages whole, as bytes that stay', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const accepted = server.only();
    for (let i = 0; i < 20; i++) client.send(Buffer.alloc(1000, i));
    client.send('grüße');
    await messages(accepted, 21);
    for (let i = 0; i < 20; i++) t.ok(accepted.messages[i]?.data.every((byte) => byte === i));
    t.equal(accepted.messages[0]?.isBinary, true);
    t.equal(accepted.messages[20]?.isBinary, false);
    t.equal(Buffer.from(accepted.messages[20]?.data ?? []).toString(), 'grüße');
  });

  t.test('joins fragments to one message', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.send(Buffer.from('one '), { fin: false, binary: true });
    client.send(Buffer.from('two '), { fin: false });
    client.send(Buffer.from('three'), { fin: true });
    await messages(server.only(), 1);
    t.equal(Buffer.from(server.only().messages[0]?.data ?? []).toString(), 'one two three');
  });

  t.test('sends text and binary messages of any size', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const got: [Buffer, boolean][] = [];
    client.on('message', (data: Buffer, isBinary) => got.push([data, isBinary]));
    server.only().socket.send('text', false);
    server.only().socket.send(Buffer.from('bytes as text'), false);
    server.only().socket.send(new Uint8Array(3_000_000).fill(7), true);
    await until(() => got.length === 3);
    t.same([String(got[0]?.[0]), got[0]?.[1]], ['text', false]);
    t.same([String(got[1]?.[0]), got[1]?.[1]], ['bytes as text', false]);
    t.same([got[2]?.[0].length, got[2]?.[0].every((byte) => byte === 7), got[2]?.[1]], [3_000_000, true, true]);
  });

  t.test('shows back-pressure of a slow reader, drops nothing and tells when it drains', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.pause();
    const { socket } = server.only();
    let sent = 0;
    while (socket.bufferedBytes < 2_000_000 && sent < 1_000) socket.send(Buffer.alloc(100_000, sent++ % 251), true);
    t.ok(socket.bufferedBytes >= 2_000_000, 'bytes wait in the process');
    t.equal(server.only().drains, 0);
    const got: number[] = [];
    client.on('message', (data: Buffer) => got.push(data[0] ?? -1));
    client.resume();
    await until(() => got.length === sent);
    t.same(
      got,
      Array.from({ length: sent }, (_, i) => i % 251),
    );
    await until(() => socket.bufferedBytes === 0 && server.only().drains > 0);
  });

  t.test('tells of the last few bytes too', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const accepted = server.only();
    client.pause();
    let sent = 0;
    while (accepted.socket.bufferedBytes === 0 && sent < 100_000)
      accepted.socket.send(Buffer.alloc(4_000, sent++), true);
    t.ok(accepted.socket.bufferedBytes > 0 && accepted.socket.bufferedBytes < 16_000, 'little waits');
    t.equal(accepted.drains, 0);
    client.resume();
    await until(() => accepted.socket.bufferedBytes === 0 && accepted.drains > 0);
  });

  t.test('pause stops reading where the transport can, and does nothing where it cannot', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const accepted = server.only();
    accepted.socket.pause();
    for (let i = 0; i < 400; i++) client.send(Buffer.alloc(100_000));
    if (server.transport.canPause) {
      // That nothing more is read, only time can tell.
      await delay(200);
      t.ok(accepted.messages.length < 200, `${accepted.messages.length} of 400 messages came through`);
      t.ok(client.bufferedAmount > 1_000_000, 'the sender has to wait');
      accepted.socket.resume();
    }
    await messages(accepted, 400);
    t.equal(client.bufferedAmount, 0);
  });

  t.test('tells of pings, which it answers itself', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.ping('a');
    client.ping();
    await once(client, 'pong');
    await until(() => server.only().pings === 2);
  });

  t.test('ping is answered with a pong', async (t) => {
    const server = await serve(t, create);
    await server.connect();
    server.only().socket.ping();
    server.only().socket.ping();
    await until(() => server.only().pongs === 2);
    t.same(server.only().closed, []);
  });
}
