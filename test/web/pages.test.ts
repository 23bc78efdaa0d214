// How the built pages are served: types, caching, policy, and what is told where nothing was built.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { HttpResponse } from '../../server/src/http/exchange.js';
import { createRouter } from '../../server/src/http/router.js';
import { statusRoutes } from '../../server/src/api/status/status-routes.js';
import { httpRequest } from '../support/http-request.js';
import { Pages } from '../../server/src/api/status/pages.js';

async function builtFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-pages-'));
  await mkdir(join(folder, 'assets'));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Sotto</title>');
  await writeFile(join(folder, 'overlay.html'), '<!doctype html><title>Captions</title>');
  await writeFile(join(folder, 'assets/index-abc.js'), 'start();');
  await writeFile(join(folder, 'assets/index-abc.css'), 'body {}');
  await writeFile(join(folder, 'favicon.svg'), '<svg/>');
  await writeFile(join(folder, 'notes.secret'), 'not a page');
  return folder;
}

async function get(
  pages: Pages,
  path: string,
  headers: Readonly<Record<string, string>> = { accept: 'text/html' },
): Promise<HttpResponse> {
  const gateway = { status: () => ({ status: 'ready', connections: 0 }) as const };
  const model = { name: 'm', device: 'cpu' };
  const router = createRouter(statusRoutes({ version: '1', model, gateway, metrics: () => '', pages }));
  const answer = await router(httpRequest({ path, headers }));
  return answer ?? { status: 404, contentType: '', body: '' };
}

t.test('pages and their parts come with type and policy', async (t) => {
  const pages = Pages.load(await builtFolder());
  t.equal(pages.isBuilt, true);
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/overlay', 'text/html'],
    ['/assets/index-abc.js', 'text/javascript'],
    ['/assets/index-abc.css', 'text/css'],
    ['/favicon.svg', 'image/svg+xml'],
  ] as const) {
    const { status, contentType, headers } = await get(pages, path);
    t.equal(status, 200, path);
    t.equal(contentType, `${type}; charset=utf-8`);
    t.match(headers?.['content-security-policy'], /^default-src 'self';/);
    t.equal(headers?.['x-content-type-options'], 'nosniff');
  }
});

t.test('nothing else is served', async (t) => {
  const pages = Pages.load(await builtFolder());
  for (const path of ['/notes.secret', '/assets', '/assets/', '/assets/../../etc/passwd', '/index.html/', '/nothing']) {
    t.equal((await get(pages, path)).status, 404, path);
  }
});

t.test('assets never expire, pages are asked for again and not sent twice', async (t) => {
  const pages = Pages.load(await builtFolder());
  t.match((await get(pages, '/assets/index-abc.js')).headers?.['cache-control'], /immutable/);
  const first = await get(pages, '/');
  t.equal(first.headers?.['cache-control'], 'no-cache');
  const again = await get(pages, '/', { accept: 'text/html', 'if-none-match': first.headers?.['etag'] ?? '' });
  t.match(again, { status: 304, body: '' });
  t.equal((await get(pages, '/', { accept: 'text/html', 'if-none-match': '"other"' })).status, 200);
});

t.test('a browser gets the Studio at /, everybody else the few lines of text', async (t) => {
  const pages = Pages.load(await builtFolder());
  t.match((await get(pages, '/')).body, /<title>Sotto/);
  const plain = await get(pages, '/', { accept: '*/*' });
  t.match(plain, { contentType: /^text\/plain/, body: /\/v1\/stream/, headers: { vary: 'accept' } });
  t.notMatch(plain.body, /not built/);
});

t.test('a full server is not ready, and stays healthy', async (t) => {
  let connections = 1;
  const gateway = { status: () => ({ status: 'ready', connections }) as const };
  const model = { name: 'm', device: 'cpu' };
  const router = createRouter(statusRoutes({ version: '1', model, gateway, connectionsMax: 2, metrics: () => '' }));
  t.match(await router(httpRequest({ path: '/ready' })), { status: 200, body: /"ready"/ });
  connections = 2;
  t.match(await router(httpRequest({ path: '/ready' })), {
    status: 503,
    body: /"full"/,
    headers: { 'retry-after': '1' },
  });
  t.match(await router(httpRequest({ path: '/health' })), { status: 200, body: /"ready"/ });
});

t.test('where nothing was built, / says how to', async (t) => {
  const pages = Pages.load(join(tmpdir(), 'sotto-no-such-folder'));
  t.equal(pages.isBuilt, false);
  t.match(await get(pages, '/'), { status: 200, contentType: /^text\/plain/, body: /not built: npm run build:pages/ });
  t.equal((await get(pages, '/assets/index-abc.js')).status, 404);
});
