// Which route answers what, and what the others are told.
import t from 'tap';
import type { HttpResponse } from '../../../server/src/http/exchange.js';
import { HttpError } from '../../../server/src/http/http-error.js';
import { createRouter, type Route } from '../../../server/src/http/router.js';
import { httpRequest, type RequestShape } from '../../support/http-request.js';

const text = (body: string): HttpResponse => ({ status: 200, contentType: 'text/plain', body });
const route = (method: Route['method'], path: string): Route => ({
  method,
  path,
  handle: ({ params }) => text(`${method} ${path} ${JSON.stringify(params)}`),
});
const ROUTES = [
  route('GET', '/v1/jobs'),
  route('POST', '/v1/jobs'),
  route('GET', '/v1/jobs/:id'),
  route('DELETE', '/v1/jobs/:id'),
  route('GET', '/v1/jobs/latest'),
  route('GET', '/v1/jobs/:id/events/:event'),
];

async function failing(error: Error): Promise<HttpResponse | undefined> {
  const handle = async (): Promise<HttpResponse> => {
    throw error;
  };
  return createRouter([{ method: 'GET', path: '/x', handle }])(httpRequest({ path: '/x' }));
}

async function body(method: string, path: string): Promise<unknown> {
  return (await ask({ method, path }))?.body;
}

async function ask(shape: RequestShape, origins: readonly string[] = []): Promise<HttpResponse | undefined> {
  return createRouter(ROUTES, { corsOrigins: origins })(httpRequest(shape));
}

t.test('finds routes by method and path, literal segments first', async (t) => {
  t.equal(await body('GET', '/v1/jobs'), 'GET /v1/jobs {}');
  t.equal(await body('POST', '/v1/jobs'), 'POST /v1/jobs {}');
  t.equal(await body('DELETE', '/v1/jobs/7'), 'DELETE /v1/jobs/:id {"id":"7"}');
  t.equal(await body('GET', '/v1/jobs/latest'), 'GET /v1/jobs/latest {}');
  t.equal(await body('GET', '/v1/jobs/a%2Fb/events/%C3%A9'), 'GET /v1/jobs/:id/events/:event {"id":"a/b","event":"é"}');
  t.equal(await body('HEAD', '/v1/jobs?x=1'), 'GET /v1/jobs {}', 'HEAD is GET');
});

t.test('leaves other paths to others', async (t) => {
  for (const path of ['/', '/v1', '/v1/jobs/', '/v1/jobs/7/', '/v1/jobs/7/events', '/V1/jobs', '//v1/jobs']) {
    t.equal(await ask({ path }), undefined, path);
  }
});

t.test('405 names what is allowed, OPTIONS too', async (t) => {
  t.match(await ask({ method: 'PUT', path: '/v1/jobs' }), {
    status: 405,
    headers: { allow: 'GET, HEAD, POST, OPTIONS' },
    body: /method_not_allowed/,
  });
  t.match(await ask({ method: 'OPTIONS', path: '/v1/jobs/1' }), {
    status: 204,
    headers: { allow: 'GET, HEAD, DELETE, OPTIONS' },
  });
});

t.test('a path that is encoded badly is refused', async (t) => {
  t.match(await ask({ path: '/v1/jobs/%E0%A4' }), { status: 400, body: /invalid_request/ });
});

t.test('errors become answers, failures do not', async (t) => {
  t.match(await failing(new HttpError(429, 'overloaded', 'Later.', { 'retry-after': '3' })), {
    status: 429,
    headers: { 'retry-after': '3' },
    body: '{"error":{"code":"overloaded","message":"Later."}}\n',
  });
  await t.rejects(failing(new TypeError('a bug')), { message: 'a bug' });
});

t.test('two routes for the same address are a mistake', async (t) => {
  t.throws(() => createRouter([route('GET', '/a/:x'), route('GET', '/a/:y')]), /two routes/);
});

t.test('CORS: nothing unless origins are set', async (t) => {
  const response = await ask({ path: '/v1/jobs', headers: { origin: 'https://a.example' } });
  t.notOk(Object.keys(response?.headers ?? {}).some((name) => name.startsWith('access-control')));
});

t.test('CORS: origins that are set may ask before, and read', async (t) => {
  const headers = { origin: 'https://a.example', 'access-control-request-headers': 'authorization, x-stainless-os' };
  t.match(await ask({ method: 'OPTIONS', path: '/v1/jobs', headers }, ['https://a.example']), {
    status: 204,
    headers: {
      'access-control-allow-origin': 'https://a.example',
      'access-control-allow-methods': 'GET, HEAD, POST, OPTIONS',
      'access-control-allow-headers': 'authorization, x-stainless-os',
      vary: 'origin',
    },
  });
  t.match(await ask({ path: '/v1/jobs', headers }, ['*']), { headers: { 'access-control-allow-origin': '*' } });
  const stranger = await ask({ path: '/v1/jobs', headers }, ['https://b.example']);
  t.equal(stranger?.headers?.['access-control-allow-origin'], undefined);
});
