// What a transport answers over HTTP, and how it makes a WebSocket of a request.
import { once } from 'node:events';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import type { HttpRequest } from '../../../server/src/http/exchange.js';
import { serve, type Create } from './sockets.js';

export function upgrades(t: Test, create: Create): void {
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
}
