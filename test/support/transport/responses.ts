// Bodies that a transport sends: streams, their pace, and clients that go away.
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { deferred } from '../../../client-sdk/src/deferred.js';
import { deadline } from '../deadline.js';
import { until } from '../until.js';
import { digest, MEBIBYTE, open, pattern, pieces, serve } from './http-server.js';
import type { Create } from './sockets.js';

export function responses(t: Test, create: Create): void {
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
    // That no more goes, only time can tell.
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
            await turn();
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
    const piece = pattern(MEBIBYTE);
    const { port } = await serve(
      t,
      create,
      () => ({
        status: 200,
        contentType: 'application/octet-stream',
        body: (async function* () {
          try {
            for (;;) yield piece;
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
      const arrived = deferred<void>();
      const { http, failures } = await serve(t, create, () => ({
        status: 200,
        contentType: 'text/plain',
        body: (async function* () {
          yield 'some';
          await arrived.promise;
          throw new Error('source failed');
        })(),
      }));
      const reader = ((await fetch(http)).body as ReadableStream<Uint8Array>).getReader();
      t.equal(Buffer.from((await reader.read()).value ?? []).toString(), 'some');
      arrived.resolve();
      await t.rejects(reader.read());
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
}
