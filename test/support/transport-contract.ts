// The behaviour that every transport must show: one suite, run against each implementation over real sockets.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { WebSocket, type ClientOptions } from 'ws';
import type { HttpRequest } from '../../server/src/http/exchange.js';
import {
  ListenError,
  type SocketHandlers,
  type Transport,
  type TransportHandlers,
  type TransportOptions,
  type TransportSocket,
  type UpgradeRequest,
} from '../../server/src/transport/transport.js';

const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** A server-side socket with what its handlers were told. */
interface Accepted {
  readonly socket: TransportSocket;
  readonly request: UpgradeRequest;
  readonly messages: { data: Uint8Array; isBinary: boolean }[];
  readonly closed: number[];
  pongs: number;
  pings: number;
  drains: number;
  onMessage: (() => void) | undefined;
}

export function transportContract(t: Test, create: (options: TransportOptions) => Transport): void {
  t.test('answers HTTP with status, type, headers and body', async (t) => {
    const seen: HttpRequest[] = [];
    const { http } = await serve(t, create, {
      request: (request) => {
        seen.push({ ...request, header: () => request.header('x-test') });
        return {
          status: 418,
          contentType: 'text/plain',
          body: `tea for ${request.header('x-test')}`,
          headers: { 'x-a': 'b' },
        };
      },
    });
    const response = await fetch(`${http}/some/path?q=1&r=a%20b`, { headers: { 'X-Test': 'two' } });
    t.equal(response.status, 418);
    t.equal(response.headers.get('content-type'), 'text/plain');
    t.equal(response.headers.get('x-a'), 'b');
    t.equal(await response.text(), 'tea for two');
    t.match(seen[0], { method: 'GET', path: '/some/path' });
    t.same([seen[0]?.query.get('q'), seen[0]?.query.get('r')], ['1', 'a b']);
  });

  t.test('answers HEAD with the headers alone', async (t) => {
    const { http } = await serve(t, create, {
      request: () => ({ status: 200, contentType: 'text/plain', body: 'four' }),
    });
    const response = await fetch(http, { method: 'HEAD' });
    t.equal(response.status, 200);
    t.equal(response.headers.get('content-length'), '4');
    t.equal(await response.text(), '');
  });

  t.test('upgrades with the chosen subprotocol, and shows path, query, headers and offers', async (t) => {
    const server = await serve(t, create, {}, 'second');
    const client = await server.connect({
      path: '/v1/stream?x=1',
      protocols: ['first', 'second'],
      headers: { 'x-k': 'v' },
    });
    t.equal(client.protocol, 'second');
    const { request, socket } = server.only();
    t.same(request.subprotocols, ['first', 'second']);
    t.match(socket.remoteAddress, '127.0.0.1');
    t.equal(request.path, '/v1/stream');
    t.equal(request.query.get('x'), '1');
  });

  t.test('upgrades with headers of the decision', async (t) => {
    const server = await serve(t, create, {
      upgrade: () => ({
        accepted: true,
        subprotocol: 'b',
        headers: { 'x-request-id': '7', 'x-other': 'o' },
        open: () => ({ message: () => {}, drained: () => {}, pong: () => {}, pinged: () => {}, closed: () => {} }),
      }),
    });
    const client = new WebSocket(server.url, ['a', 'b']);
    t.teardown(() => client.terminate());
    const [[response]] = await Promise.all([once(client, 'upgrade'), once(client, 'open')]);
    t.match(response, { statusCode: 101, headers: { 'x-request-id': '7', 'x-other': 'o' } });
    t.equal(client.protocol, 'b');
  });

  t.test('upgrades a client that offers no subprotocol', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    t.equal(client.protocol, '');
    t.same(server.only().request.subprotocols, []);
  });

  t.test('refuses an upgrade with an HTTP response', async (t) => {
    const server = await serve(t, create, {
      upgrade: () => ({ accepted: false, response: { status: 503, contentType: 'text/plain', body: 'full' } }),
    });
    const client = new WebSocket(server.url);
    const [, response] = await once(client, 'unexpected-response');
    t.equal(response.statusCode, 503);
    const [body] = await once(response, 'data');
    t.equal(String(body), 'full');
    client.on('error', () => {});
    client.terminate();
  });

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
    await delay(50);
    const before = accepted.drains;
    client.resume();
    await until(() => accepted.socket.bufferedBytes === 0 && accepted.drains > before);
  });

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
    await delay(20);
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
      await delay(1);
    }
    accepted?.socket.close(4413, 'slow');
    await until(() => accepted?.closed.length === 1);
    client.resume();
    t.equal((await once(client, 'close'))[0], 1006, 'there was no way to tell it');
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

  t.test('a message beyond the bound ends the connection unread', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.on('error', () => {});
    client.send(Buffer.alloc(MESSAGE_BYTES_MAX + 1));
    await once(client, 'close');
    await until(() => server.only().closed.length === 1);
    t.same(server.only().messages, []);
  });

  t.test('text that is not UTF-8 ends the connection unread', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    client.on('error', () => {});
    client.send(Buffer.from([0x61, 0xff, 0xfe]), { binary: false });
    await once(client, 'close');
    await until(() => server.only().closed.length === 1);
    t.same(server.only().messages, []);
  });

  t.test('CL5: what breaks WebSocket ends the connection unread, as the library does it', async (t) => {
    const breaks = {
      'reserved bits': { first: 0xf1, text: Buffer.from('hi'), code: 1002 },
      'a control frame in fragments': { first: 0x09, text: Buffer.from('hi'), code: 1002 },
      'text that is no UTF-8': { first: 0x81, text: Buffer.from([0x61, 0xff]), code: 1007 },
      'a message beyond the bound': { first: 0x82, text: Buffer.alloc(1), length: 2 ** 31, code: 1009 },
    };
    for (const [what, { code, ...frame }] of Object.entries(breaks)) {
      const server = await serve(t, create);
      const closedWith = await rawFrame(server.port, rawBytes(frame));
      t.equal(closedWith, server.transport.name === 'ws' ? code : undefined, what);
      await until(() => server.only().closed.length === 1);
      t.same([server.only().closed, server.only().messages], [[1006], []], what);
    }
  });

  t.test('CL5: an unmasked frame is never heard as what it says', async (t) => {
    const server = await serve(t, create);
    const text = Buffer.from('hello, this is a text');
    const bytes = Buffer.concat([Buffer.from([0x81, text.length]), text, Buffer.from('more')]);
    const closing = rawFrame(server.port, bytes);
    await until(() => server.accepted.some(({ closed, messages }) => closed.length + messages.length > 0));
    const said = server.only().messages.map(({ data }) => Buffer.from(data).toString());
    t.notOk(said.some((one) => one.includes('hello')));
    server.only().socket.terminate();
    t.equal(await closing, server.transport.name === 'ws' ? 1002 : undefined);
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

  t.test('pause stops reading where the transport can, and does nothing where it cannot', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    const accepted = server.only();
    accepted.socket.pause();
    for (let i = 0; i < 400; i++) client.send(Buffer.alloc(100_000));
    if (server.transport.canPause) {
      await delay(200);
      t.ok(accepted.messages.length < 200, `${accepted.messages.length} of 400 messages came through`);
      t.ok(client.bufferedAmount > 1_000_000, 'the sender has to wait');
      accepted.socket.resume();
    }
    await messages(accepted, 400);
    t.equal(client.bufferedAmount, 0);
  });

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

  t.test('a port in use is refused by name', async (t) => {
    const server = await serve(t, create);
    const second = create({ handlers: handlersWith({}), messageBytesMax: 1, closeTimeoutMs: 100 });
    const error = await second.listen(server.port, '127.0.0.1').then(
      () => undefined,
      (error: unknown) => error,
    );
    t.ok(error instanceof ListenError);
    t.match(error, { code: 'EADDRINUSE', port: server.port, host: '127.0.0.1' });
    t.match(error, { message: /Port \d+ on 127.0.0.1 is in use/ });
    await second.close();
  });

  t.test('an address of another machine is refused by name', async (t) => {
    const transport = create({ handlers: handlersWith({}), messageBytesMax: 1, closeTimeoutMs: 100 });
    await t.rejects(transport.listen(0, '192.0.2.1'), { name: 'ListenError', code: 'EADDRNOTAVAIL' });
    await transport.close();
  });

  t.test('stopListening: open sockets live on, new ones are refused', async (t) => {
    const server = await serve(t, create);
    const client = await server.connect();
    server.transport.stopListening();
    server.transport.stopListening();
    await t.rejects(fetch(server.http));
    client.send('still here');
    await messages(server.only(), 1);
  });

  t.test('close drops every connection and may be called twice', async (t) => {
    const server = await serve(t, create);
    const clients = await Promise.all([server.connect(), server.connect()]);
    const gone = Promise.all(clients.map((client) => once(client, 'close')));
    await server.transport.close();
    await server.transport.close();
    await gone;
    t.same(
      server.accepted.map((one) => one.closed.length),
      [1, 1],
    );
    await t.rejects(fetch(server.http));
  });
}

const UPGRADE =
  'GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n' +
  'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n';

/** A masked frame, with a mask of zeros; `length`: what it claims where that is not true. */
function rawBytes({ first, text, length }: { first: number; text: Buffer; length?: number }): Buffer {
  const head = Buffer.from([first, 0x80 | (length === undefined ? text.length : 127)]);
  const claim = Buffer.alloc(length === undefined ? 0 : 8);
  if (length !== undefined) claim.writeBigUInt64BE(BigInt(length));
  return Buffer.concat([head, claim, Buffer.alloc(4), text]);
}

/** Sends bytes behind an upgrade; the code of the close frame that came before the end, undefined without one. */
async function rawFrame(port: number, bytes: Buffer): Promise<number | undefined> {
  const socket = connectTcp(port, '127.0.0.1');
  let got = Buffer.alloc(0);
  let isUpgraded = false;
  socket.on('error', () => {});
  socket.on('data', (data) => {
    got = Buffer.concat([got, data]);
    const end = got.indexOf('\r\n\r\n');
    if (isUpgraded || end < 0) return;
    isUpgraded = true;
    got = got.subarray(end + 4);
    socket.write(bytes);
  });
  socket.write(UPGRADE);
  await once(socket, 'close');
  return got[0] === 0x88 && got.length >= 4 ? got.readUInt16BE(2) : undefined;
}

/** What a client gets, as text; bytes are marked. */
function collect(client: WebSocket): string[] {
  const got: string[] = [];
  client.on('message', (data, isBinary) => got.push(isBinary ? `binary ${String(data)}` : String(data)));
  return got;
}

function handlersWith(overrides: Partial<TransportHandlers>): TransportHandlers {
  return {
    request: () => ({ status: 200, contentType: 'text/plain', body: 'ok' }),
    upgrade: () => ({ accepted: false, response: { status: 404, contentType: 'text/plain', body: '' } }),
    failed: () => {},
    ...overrides,
  };
}

async function serve(
  t: Test,
  create: (options: TransportOptions) => Transport,
  overrides: Partial<TransportHandlers> = {},
  subprotocol = '',
) {
  const accepted: Accepted[] = [];
  const handlers = handlersWith({
    upgrade: (request) => {
      // Everything of the request is read now: it may not outlive the call.
      const kept: UpgradeRequest = { ...request };
      return { accepted: true, subprotocol, open: (socket) => accept(socket, kept, accepted) };
    },
    ...overrides,
  });
  const transport = create({ handlers, messageBytesMax: MESSAGE_BYTES_MAX, closeTimeoutMs: 500 });
  const port = await transport.listen(0, '127.0.0.1');
  t.teardown(() => transport.close());
  const url = `ws://127.0.0.1:${port}`;
  return {
    transport,
    port,
    url,
    http: `http://127.0.0.1:${port}`,
    accepted,
    only(): Accepted {
      const [first, ...rest] = accepted;
      if (first === undefined || rest.length > 0) throw new Error(`expected one socket, found ${accepted.length}`);
      return first;
    },
    async connect(options: { path?: string; protocols?: string[] } & ClientOptions = {}): Promise<WebSocket> {
      const { path = '/', protocols = [], ...rest } = options;
      const client = new WebSocket(url + path, protocols, rest);
      t.teardown(() => client.terminate());
      const before = accepted.length;
      await once(client, 'open');
      await until(() => accepted.length > before);
      return client;
    },
  };
}

function accept(socket: TransportSocket, request: UpgradeRequest, accepted: Accepted[]): SocketHandlers {
  const one: Accepted = {
    socket,
    request,
    messages: [],
    closed: [],
    pongs: 0,
    pings: 0,
    drains: 0,
    onMessage: undefined,
  };
  accepted.push(one);
  return {
    message: (data, isBinary) => {
      one.messages.push({ data, isBinary });
      one.onMessage?.();
    },
    drained: () => void one.drains++,
    pong: () => void one.pongs++,
    pinged: () => void one.pings++,
    closed: (code) => void one.closed.push(code),
  };
}

const messages = (accepted: Accepted, count: number): Promise<void> => until(() => accepted.messages.length >= count);

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never came true: ${condition.toString()}`);
    await delay(2);
  }
}
