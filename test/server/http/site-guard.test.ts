// Names that the server answers to, and pages that may make it do something.
import { request } from 'node:http';
import t from 'tap';
import { WebSocket } from 'ws';
import { SiteGuard, type SiteRules } from '../../../server/src/http/site-guard.js';
import { httpRequest } from '../../support/http-request.js';
import { openSharedGateway, TRANSPORTS } from '../../support/shared-gateway.js';
import { NO_WORDS, ServerProcess } from '../../support/server-process.js';

const HERE: SiteRules = { host: '127.0.0.1', allowedHosts: ['stt.internal'], corsOrigins: ['https://app.example'] };

function verdict(method: string, headers: Record<string, string>, rules: SiteRules = HERE, isUpgrade = false): string {
  return new SiteGuard(rules).refusal(httpRequest({ method, headers }), isUpgrade)?.code ?? 'fine';
}

t.test('a server on this machine answers to the names of this machine, and to those of its operator', async (t) => {
  const names = [
    'localhost',
    'localhost:8080',
    'LOCALHOST',
    '127.0.0.1:8080',
    '127.1.2.3',
    '[::1]:8080',
    '',
    'STT.internal:80',
  ];
  for (const host of names) t.equal(verdict('GET', { host }), 'fine', host);
  for (const host of [
    'evil.example',
    'evil.example:8080',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '@',
    '[::2]',
  ])
    t.equal(verdict('GET', { host }), 'host_not_allowed', host);
  t.equal(
    verdict('GET', { host: 'anything.example' }, { ...HERE, host: '0.0.0.0' }),
    'fine',
    'from the network: by any name',
  );
});

t.test('what does something is taken from own pages, allowed pages and programs', async (t) => {
  const host = 'localhost:8080';
  const fine: Record<string, string>[] = [
    { host },
    { host, origin: 'http://localhost:8080' },
    { host: 'localhost', origin: 'https://localhost' },
    { host, origin: 'https://app.example' },
    { host, 'sec-fetch-site': 'same-origin', origin: 'https://behind.a.proxy.example' },
    { host, 'sec-fetch-site': 'none' },
  ];
  const foreign: Record<string, string>[] = [
    { host, origin: 'https://evil.example' },
    { host, origin: 'null' },
    { host, origin: 'http://localhost:3000' },
    { host, origin: 'file://' },
    { host, 'sec-fetch-site': 'cross-site' },
    { host, 'sec-fetch-site': 'same-site' },
    { host, origin: 'https://evil.example', 'x-forwarded-host': 'evil.example' },
  ];
  for (const method of ['POST', 'DELETE', 'PATCH', 'PUT']) {
    for (const headers of fine) t.equal(verdict(method, headers), 'fine', `${method} ${JSON.stringify(headers)}`);
    for (const headers of foreign)
      t.equal(verdict(method, headers), 'origin_not_allowed', `${method} ${JSON.stringify(headers)}`);
  }
  for (const headers of foreign) {
    t.equal(verdict('GET', headers), 'fine', 'CORS guards what is read');
    t.equal(verdict('GET', headers, HERE, true), 'origin_not_allowed', 'but nothing guards a WebSocket');
  }
  t.equal(verdict('POST', { host, origin: 'https://evil.example' }, { ...HERE, corsOrigins: ['*'] }), 'fine');
});

t.test('what a proxy says of the name is believed of a trusted one', async (t) => {
  const headers = { host: '127.0.0.1:8080', origin: 'https://stt.example', 'x-forwarded-host': 'stt.example' };
  t.equal(verdict('POST', headers), 'origin_not_allowed');
  t.equal(verdict('POST', headers, { ...HERE, isTrustedProxy: (address) => address === '127.0.0.1' }), 'fine');
});

for (const [name, create] of TRANSPORTS) {
  t.test(`over ${name}`, { skip: create === undefined && 'no binary for this Node' }, async (t) => {
    if (create === undefined) return;
    const { http, url } = await openSharedGateway(t, create);
    const { port } = new URL(http);
    t.match(await ask('GET', port, { host: 'evil.example' }), { status: 403, body: /"host_not_allowed"/ });
    t.match(await ask('POST', port, { origin: 'https://evil.example' }), { status: 403, body: /"origin_not_allowed"/ });
    t.match(await ask('GET', port, {}), { status: 200 });
    t.equal(await upgrade(`${url}/v1/stream`, { origin: 'https://evil.example' }), 403);
    t.equal(await upgrade(`${url}/v1/stream`, { headers: { host: 'evil.example' } }), 403);
    t.equal(await upgrade(`${url}/v1/stream`, { origin: http }), 101);
    t.equal(await upgrade(`${url}/v1/stream`, {}), 101);
  });
}

t.test('the network is served with a key, or knowingly without', async (t) => {
  const flags = [...NO_WORDS, '--vad', 'null', '--polish', 'off', '--host', '0.0.0.0'];
  const refused = ServerProcess.launch(t, flags);
  t.equal((await refused.exit()).code, 1);
  t.match(refused.stderr, /would let\s+anybody[^]*sotto\s+keys\s+create[^]*--allow-anonymous/);
});

function ask(
  method: string,
  port: string,
  headers: Record<string, string>,
): Promise<{ status?: number; body: string }> {
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', method, path: '/health', headers }, (response) => {
      let body = '';
      response.on('data', (piece) => (body += String(piece)));
      response.on('end', () => resolve({ ...(response.statusCode && { status: response.statusCode }), body }));
    })
      .on('error', reject)
      .end();
  });
}

/** The status of the answer. */
function upgrade(url: string, options: { origin?: string; headers?: Record<string, string> }): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, options);
    socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
    socket.on('open', () => {
      resolve(101);
      socket.terminate();
    });
    socket.on('error', () => {});
  });
}
