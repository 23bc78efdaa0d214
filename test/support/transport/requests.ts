// One request of a transport from its head to its end: its signal, its failure, many at a time.
import { setImmediate as turn } from 'node:timers/promises';
import type { Test } from 'tap';
import { deferred } from '../../../client-sdk/src/deferred.js';
import { deadline } from '../deadline.js';
import { rounds } from '../whole-run.js';
import { digest, open, pattern, pieces, post, serve, text } from './http-server.js';
import type { Create } from './sockets.js';

export function requests(t: Test, create: Create): void {
  t.test('a client that leaves while it waits aborts the signal', async (t) => {
    const waits = deferred<void>();
    const aborted = deferred<void>();
    const { port } = await serve(t, create, async (request) => {
      await digest(request.body);
      request.signal.addEventListener('abort', () => aborted.resolve());
      waits.resolve();
      await aborted.promise;
      return text('nobody reads this');
    });
    const client = await open(t, port);
    client.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc');
    await deadline(waits.promise);
    client.destroy();
    await deadline(aborted.promise);
  });

  t.test('the signal stays quiet when all went well', async (t) => {
    const signals: AbortSignal[] = [];
    const { http } = await serve(t, create, (request) => {
      signals.push(request.signal);
      return text('fine');
    });
    // The first has long ended when the second has.
    for (let count = 0; count < 2; count++) await (await fetch(http)).text();
    t.same(
      signals.map(({ aborted }) => aborted),
      [false, false],
    );
  });

  t.test('a handler that fails is answered with 500, and told', async (t) => {
    const { http, failures } = await serve(t, create, async (request) => {
      if (request.path === '/now') throw new Error('at once');
      await turn();
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
      await turn();
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
    const { http, transport } = await serve(t, create, async (request) => {
      if (request.path === '/other') return text('another');
      begun.resolve();
      await gate.promise;
      return text('done');
    });
    await transport.requestsDone();
    const answer = fetch(http).then((response) => response.text());
    let isDone = false;
    await begun.promise;
    const done = transport.requestsDone().then(() => (isDone = true));
    await (await fetch(`${http}/other`)).text();
    t.equal(isDone, false);
    gate.resolve();
    await done;
    t.equal(await answer, 'done');
  });
}
