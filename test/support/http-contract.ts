// What every transport must show over plain HTTP: bodies in both directions, their pace, and clients that go away.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { request as httpRequest, Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { RequestAbortedError, type HttpRequest, type HttpResponse } from '../../server/src/http/exchange.js';
import type { Transport, TransportOptions } from '../../server/src/transport/transport.js';
import { deferred } from '../../client-sdk/src/deferred.js';
import { deadline } from './deadline.js';
import { rounds, wholeRunOnly } from './whole-run.js';

const MEBIBYTE = 1_048_576;
/** uWebSockets.js gives an idle connection 10 s, told in steps of 4 s. */
const LIBRARY_CLOCK_MS = 15_000;

type Create = (options: TransportOptions) => Transport;
type Handle = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

export function httpContract(t: Test, create: Create): void {
  t.test('body: whole, in order, of known and of unknown length', async (t) => {
    const { http } = await serve(t, create, async (request) => text(await digest(request.body)));
    const bytes = pattern(3 * MEBIBYTE);
    t.equal(await post(http, bytes), await digest([bytes]));
    t.equal(await post(http, pieces(bytes, 10_007)), await digest([bytes]), 'chunked');
    t.equal(await post(http, new Uint8Array(0)), await digest([]));
    t.equal(await (await fetch(http)).text(), await digest([]), 'GET has none');
  });

  t.test('body: may be read late, after the request was left alone for a while', async (t) => {
    const { http } = await serve(t, create, async (request) => {
      await delay(150);
      return text(await digest(request.body));
    });
    const bytes = pattern(2 * MEBIBYTE);
    t.equal(await post(http, bytes), await digest([bytes]));
  });

  t.test('body: a slow reader slows the client down', async (t) => {
    let read = 0;
    const gate = deferred<void>();
    const { port } = await serve(t, create, async (request) => {
      for await (const piece of request.body) {
        read += piece.length;
        await gate.promise;
      }
      return text(`${read}`);
    });
    const total = 64 * MEBIBYTE;
    const client = await open(t, port);
    client.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${total}\r\n\r\n`);
    const piece = pattern(MEBIBYTE);
    let sent = 0;
    const sending = (async () => {
      for (; sent < total; sent += piece.length) if (!client.write(piece)) await once(client, 'drain');
    })();
    await delay(300);
    t.ok(sent < total / 2, `the client got rid of ${sent} bytes, of which ${read} were read`);
    gate.resolve();
    await sending;
    t.match(await answerOf(client), /200 OK[^]*\b67108864$/);
  });

  const longBody = 'body: reader, answer and client may each take longer than the clock of the library runs';
  t.test(longBody, wholeRunOnly, async (t) => {
    const { http, port } = await serve(t, create, async (request) => {
      const read: Uint8Array[] = [];
      for await (const piece of request.body) {
        // Behind the first piece lie more, out of the same read of the socket.
        if (read.length === 0 && request.path === '/reader') await delay(LIBRARY_CLOCK_MS);
        read.push(piece);
      }
      if (request.path === '/answer') await delay(LIBRARY_CLOCK_MS);
      return text(await digest(read));
    });
    const bytes = pattern(8 * MEBIBYTE);
    const whole = await digest([bytes]);
    const silent = async (): Promise<string> => {
      const client = await open(t, port);
      client.write(`POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${bytes.length}\r\n\r\n`);
      client.write(bytes.subarray(0, 1_000));
      await delay(LIBRARY_CLOCK_MS);
      client.write(bytes.subarray(1_000));
      return answerOf(client);
    };
    const [reader, answer, short, client] = await Promise.all([
      post(`${http}/reader`, pieces(bytes, 10_007)),
      post(`${http}/answer`, pieces(bytes, 10_007)),
      post(`${http}/answer`, bytes.subarray(0, 300_000)),
      silent(),
    ]);
    t.equal(reader, whole);
    t.equal(answer, whole);
    t.equal(
      short,
      await digest([bytes.subarray(0, 300_000)]),
      'a body that is there at once, and is more than may wait',
    );
    t.ok(client.endsWith(whole));
  });

  t.test('body: 100-continue is answered', async (t) => {
    const { port } = await serve(t, create, async (request) => text(await digest(request.body)));
    const client = await open(t, port);
    client.write('POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n');
    const [first] = (await once(client, 'data')) as [Buffer];
    t.match(String(first), /^HTTP\/1.1 100 Continue\r\n/);
    client.write('abc');
    t.match(await answerOf(client), new RegExp(`200 OK[^]*${await digest([Buffer.from('abc')])}$`));
  });

  t.test('body: refused by its length before it is read', async (t) => {
    const { port } = await serve(t, create, (request) =>
      Number(request.header('content-length')) > 1_000 ? { ...text('too large'), status: 413 } : text('taken'),
    );
    const client = await open(t, port);
    client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10737418240\r\n\r\n');
    t.match(await answerOf(client), /413 Payload Too Large[^]*too large/);
  });

  t.test('body: unread, the client still gets the answer, and the connection lives on', async (t) => {
    let requests = 0;
    const { http, port } = await serve(t, create, (request) => {
      requests++;
      return { ...text('no'), status: request.method === 'POST' ? 413 : 200 };
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    const ports = new Set<number | undefined>();
    for (const body of [pattern(5 * MEBIBYTE), undefined, pattern(100), undefined]) {
      const answer = await exchange(port, agent, body);
      ports.add(answer.localPort);
      t.same([answer.status, answer.body], [body === undefined ? 200 : 413, 'no']);
    }
    t.equal(requests, 4);
    t.equal(ports.size, 1, 'one connection');
    t.equal((await fetch(http)).status, 200);
  });

  t.test('body: half read, the rest is passed over', async (t) => {
    const { port } = await serve(t, create, async (request) => {
      for await (const piece of request.body) if (piece.length > 0) break;
      return text('enough');
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    const first = await exchange(port, agent, pattern(5 * MEBIBYTE));
    const second = await exchange(port, agent, pattern(10));
    t.same([first.body, second.body], ['enough', 'enough']);
    t.equal(first.localPort, second.localPort);
  });

  t.test('body: can be read once', async (t) => {
    const { http } = await serve(t, create, async (request) => {
      await digest(request.body);
      return digest(request.body).then(
        () => text('twice'),
        (error: unknown) => text(String(error)),
      );
    });
    t.match(await post(http, pattern(10)), /TypeError: .* once/);
  });

  t.test('an upload that is broken off: reading fails, the signal aborts', async (t) => {
    const seen = deferred<{ error: unknown; isAborted: boolean }>();
    const { port, failures } = await serve(t, create, async (request) => {
      try {
        await digest(request.body);
      } catch (error) {
        seen.resolve({ error, isAborted: request.signal.aborted });
        throw error;
      }
      return text('complete');
    });
    const client = await open(t, port);
    client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc');
    await delay(20);
    client.destroy();
    const { error, isAborted } = await deadline(seen.promise);
    t.ok(error instanceof RequestAbortedError);
    t.equal(isAborted, true);
    t.same(failures, [], 'it is no failure of the server');
  });

  t.test('an upload that stalls is given up', async (t) => {
    const seen = deferred<unknown>();
    const { port, failures } = await serve(
      t,
      create,
      async (request) => {
        try {
          return text(await digest(request.body));
        } catch (error) {
          seen.resolve(error);
          throw error;
        }
      },
      { stallTimeoutMs: 100 },
    );
    const client = await open(t, port);
    client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc');
    await deadline(once(client, 'close'));
    t.match(await seen.promise, { name: 'RequestAbortedError', message: /nothing for 100 ms/ });
    t.same(failures, []);
  });

  t.test('a client that leaves while it waits aborts the signal', async (t) => {
    const aborted = deferred<void>();
    const { port } = await serve(t, create, async (request) => {
      await digest(request.body);
      request.signal.addEventListener('abort', () => aborted.resolve());
      await aborted.promise;
      return text('nobody reads this');
    });
    const client = await open(t, port);
    client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc');
    await delay(50);
    client.destroy();
    await deadline(aborted.promise);
  });

  t.test('the signal stays quiet when all went well', async (t) => {
    let signal: AbortSignal | undefined;
    const { http } = await serve(t, create, (request) => {
      ({ signal } = request);
      return text('fine');
    });
    await (await fetch(http)).text();
    await delay(20);
    t.equal(signal?.aborted, false);
  });

  t.test('response: bytes and streams of text and bytes', async (t) => {
    const bytes = pattern(3 * MEBIBYTE);
    const { http } = await serve(t, create, (request) => ({
      status: 200,
      contentType: 'application/octet-stream',
      body: request.path === '/whole' ? bytes : pieces(bytes, 65_537, request.path === '/slow' ? 1 : 0),
    }));
    for (const path of ['/whole', '/stream', '/slow']) {
      const got = new Uint8Array(await (await fetch(http + path)).arrayBuffer());
      t.equal(await digest([got]), await digest([bytes]), path);
    }
  });

  t.test('response: a stream comes as it is made', async (t) => {
    const gate = deferred<void>();
    const { http } = await serve(t, create, () => ({
      status: 200,
      contentType: 'text/plain',
      body: (async function* () {
        yield 'first ';
        await gate.promise;
        yield '';
        yield Buffer.from('last');
      })(),
    }));
    const response = await fetch(http);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    t.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'first ');
    gate.resolve();
    t.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'last');
    t.equal((await reader.read()).done, true);
  });

  t.test('response: a slow reader slows the source down, and gets everything', async (t) => {
    const piece = pattern(MEBIBYTE);
    let made = 0;
    const { port } = await serve(t, create, () => ({
      status: 200,
      contentType: 'application/octet-stream',
      body: (async function* () {
        for (; made < 64; made++) yield piece;
      })(),
    }));
    const client = await open(t, port);
    client.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    client.pause();
    await delay(300);
    t.ok(made < 40, `${made} of 64 MiB were made for a client that does not read`);
    let bytes = 0;
    client.on('data', (data: Buffer) => (bytes += data.length));
    client.resume();
    await until(() => made === 64 && bytes > 64 * MEBIBYTE);
  });

  t.test('response: a client that leaves ends the source', async (t) => {
    const returned = deferred<void>();
    const { http } = await serve(t, create, () => ({
      status: 200,
      contentType: 'text/plain',
      body: {
        [Symbol.asyncIterator]: () => ({
          next: async () => {
            await delay(5);
            return { done: false, value: 'more ' };
          },
          return: async () => {
            returned.resolve();
            return { done: true, value: undefined };
          },
        }),
      },
    }));
    const leaving = new AbortController();
    const response = await fetch(http, { signal: leaving.signal });
    await (response.body as ReadableStream<Uint8Array>).getReader().read();
    leaving.abort();
    await deadline(returned.promise);
  });

  t.test('response: a client that stops reading is dropped', async (t) => {
    const returned = deferred<void>();
    const { port } = await serve(
      t,
      create,
      () => ({
        status: 200,
        contentType: 'application/octet-stream',
        body: (async function* () {
          try {
            for (;;) yield pattern(MEBIBYTE);
          } finally {
            returned.resolve();
          }
        })(),
      }),
      { stallTimeoutMs: 200 },
    );
    const client = await open(t, port);
    client.pause();
    client.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await deadline(returned.promise);
  });

  t.test(
    'response: a source that fails ends the connection, so that the part is not taken for the whole',
    async (t) => {
      const { http, failures } = await serve(t, create, () => ({
        status: 200,
        contentType: 'text/plain',
        body: (async function* () {
          yield 'some';
          await delay(20);
          throw new Error('source failed');
        })(),
      }));
      await t.rejects(fetch(http).then((response) => response.text()));
      await until(() => failures.length === 1);
      t.match(failures[0], { message: 'source failed' });
    },
  );

  t.test('response: HEAD of a stream gets the headers alone and never begins it', async (t) => {
    let hasBegun = false;
    const { http } = await serve(t, create, () => ({
      status: 200,
      contentType: 'text/plain',
      headers: { 'x-a': 'b' },
      body: (async function* () {
        hasBegun = true;
        yield 'body';
      })(),
    }));
    const response = await fetch(http, { method: 'HEAD' });
    t.same([response.status, response.headers.get('x-a'), await response.text()], [200, 'b', '']);
    t.equal(hasBegun, false);
  });

  t.test('a handler that fails is answered with 500, and told', async (t) => {
    const { http, failures } = await serve(t, create, async (request) => {
      if (request.path === '/now') throw new Error('at once');
      await delay(5);
      throw new Error('later');
    });
    for (const path of ['/now', '/later']) {
      const response = await fetch(http + path, { method: 'POST', body: 'x' });
      t.equal(response.status, 500);
      t.match(await response.json(), { error: { code: 'internal' } });
    }
    t.same(failures.map(String), ['Error: at once', 'Error: later']);
  });

  t.test('headers, query and address are there after a wait', async (t) => {
    const { http } = await serve(t, create, async (request) => {
      await delay(30);
      const { remoteAddress, query } = request;
      return text([request.header('x-a'), request.header('x-none'), query.get('q'), remoteAddress].join('|'));
    });
    const response = await fetch(`${http}/?q=1`, { headers: { 'x-a': 'b' } });
    t.match(await response.text(), /^b\|\|1\|(::ffff:)?127\.0\.0\.1$/);
  });

  t.test('many at once, each with its own answer', async (t) => {
    const { http } = await serve(t, create, async (request) => {
      const sum = await digest(request.body);
      return { status: 200, contentType: 'text/plain', body: pieces(Buffer.from(sum), 7, 1) };
    });
    const sizes = Array.from({ length: rounds(15, 60) }, (_, i) => i * 7_919);
    const answers = await Promise.all(sizes.map((size) => post(http, pattern(size))));
    t.same(answers, await Promise.all(sizes.map((size) => digest([pattern(size)]))));
  });

  t.test('requestsDone waits for answers under way', async (t) => {
    const gate = deferred<void>();
    const begun = deferred<void>();
    const { http, transport } = await serve(t, create, async () => {
      begun.resolve();
      await gate.promise;
      return text('done');
    });
    await transport.requestsDone();
    const answer = fetch(http).then((response) => response.text());
    let isDone = false;
    await begun.promise;
    const done = transport.requestsDone().then(() => (isDone = true));
    await delay(20);
    t.equal(isDone, false);
    gate.resolve();
    await done;
    t.equal(await answer, 'done');
  });
}

function text(body: string): HttpResponse {
  return { status: 200, contentType: 'text/plain', body };
}

/** Length and a checksum. */
async function digest(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  let length = 0;
  let sum = 1;
  for await (const piece of body) {
    length += piece.length;
    for (const byte of piece) sum = (Math.imul(sum, 31) + byte) >>> 0;
  }
  return `${length}:${sum}`;
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

async function* pieces(bytes: Uint8Array, size: number, pauseMs = 0): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    if (pauseMs > 0) await delay(pauseMs);
    yield bytes.subarray(at, at + size);
  }
}

async function post(url: string, body: Uint8Array | AsyncGenerator<Uint8Array>): Promise<string> {
  const isStream = !(body instanceof Uint8Array);
  const init: RequestInit & { duplex?: 'half' } = { method: 'POST', body: isStream ? ReadableStream.from(body) : body };
  const response = await fetch(url, isStream ? { ...init, duplex: 'half' } : init);
  return response.text();
}

/** One request on the agent's connection. */
async function exchange(port: number, agent: Agent, body: Uint8Array | undefined) {
  const request = httpRequest({ port, agent, host: '127.0.0.1', method: body === undefined ? 'GET' : 'POST' });
  request.end(body);
  const [response] = await once(request, 'response');
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part);
  return {
    status: response.statusCode as number,
    body: String(Buffer.concat(parts)),
    localPort: response.socket?.localPort ?? request.socket?.localPort,
  };
}

async function open(t: Test, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** What comes until head and body of known length are complete. */
async function answerOf(socket: Socket): Promise<string> {
  let got = '';
  while (!isWhole(got)) {
    const [data] = (await once(socket, 'data')) as [Buffer];
    got += String(data);
  }
  return got;
}

function isWhole(answer: string): boolean {
  const final = answer.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '');
  const end = final.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(final)?.[1];
  return end >= 0 && length !== undefined && final.length >= end + 4 + Number(length);
}

async function until(condition: () => boolean): Promise<void> {
  const limit = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > limit) throw new Error(`never came true: ${condition.toString()}`);
    await delay(2);
  }
}

async function serve(t: Test, create: Create, request: Handle, options: Partial<TransportOptions> = {}) {
  const failures: unknown[] = [];
  const transport = create({
    handlers: {
      request,
      upgrade: () => ({ accepted: false, response: { status: 404, contentType: 'text/plain', body: '' } }),
      failed: (error) => failures.push(error),
    },
    messageBytesMax: MEBIBYTE,
    closeTimeoutMs: 500,
    ...options,
  });
  const port = await transport.listen(0, '127.0.0.1');
  t.teardown(() => transport.close());
  return { transport, port, http: `http://127.0.0.1:${port}`, failures };
}
