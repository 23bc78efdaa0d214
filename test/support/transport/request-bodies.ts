// Bodies that come to a transport: whole, late, slowly, broken off.
import { once } from 'node:events';
import { request as httpRequest, Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { RequestAbortedError, type HttpResponse } from '../../../server/src/http/exchange.js';
import { createRouter, type RouteCall } from '../../../server/src/http/router.js';
import { deferred } from '../../../client-sdk/src/deferred.js';
import { deadline } from '../deadline.js';
import { wholeRunOnly } from '../whole-run.js';
import { answerOf, digest, MEBIBYTE, open, pattern, pieces, post, serve, text } from './http-server.js';
import type { Create } from './sockets.js';

/** uWebSockets.js gives an idle connection 10 s, told in steps of 4 s. */
const LIBRARY_CLOCK_MS = 15_000;

export function requestBodies(t: Test, create: Create): void {
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
      // The while.
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
    // That no more goes, only time can tell.
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
    const begun = deferred<void>();
    const seen = deferred<{ error: unknown; isAborted: boolean }>();
    const { port, failures } = await serve(t, create, async (request) => {
      try {
        for await (const _ of request.body) begun.resolve();
      } catch (error) {
        seen.resolve({ error, isAborted: request.signal.aborted });
        throw error;
      }
      return text('complete');
    });
    const client = await open(t, port);
    client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc');
    await deadline(begun.promise);
    client.destroy();
    const { error, isAborted } = await deadline(seen.promise);
    t.ok(error instanceof RequestAbortedError);
    t.equal(isAborted, true);
    t.same(failures, [], 'it is no failure of the server');
  });

  for (const isAnswered of [true, false]) {
    t.test(`an upload that stalls is given up, ${isAnswered ? 'with an answer' : 'also without'}`, async (t) => {
      const never = new Promise<never>(() => undefined);
      const read = async ({ request }: RouteCall): Promise<HttpResponse> =>
        text(await digest(request.body).catch((error: unknown) => (isAnswered ? Promise.reject(error) : never)));
      const router = createRouter([{ method: 'POST', path: '/', handle: read }]);
      const { port, failures } = await serve(t, create, (request) => router(request) ?? never, { stallTimeoutMs: 100 });
      const client = await open(t, port);
      let answer = '';
      client.on('data', (piece) => (answer += String(piece)));
      client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nabc');
      await deadline(once(client, 'close'));
      t.match(answer, isAnswered ? /^HTTP\/1.1 408 .*"code":"request_timeout"/s : /^$/);
      t.same(failures, []);
    });
  }
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
