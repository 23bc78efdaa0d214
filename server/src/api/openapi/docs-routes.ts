// The OpenAPI document and a page to read and try it.
import { createHash } from 'node:crypto';
import { movedTo } from '../../http/moved.js';
import { jsonResponse } from '../../http/json.js';
import type { HttpResponse } from '../../http/exchange.js';
import type { Route } from '../../http/router.js';
import { DOCS_PAGE, DOCS_SCRIPT } from './docs-page.js';
import { openApiDocument } from './document.js';

/** `/openapi.json` and `/docs` for these routes and themselves. */
export function docsRoutes(routes: readonly Route[], version: string): Route[] {
  const script = createHash('sha256').update(DOCS_SCRIPT).digest('base64');
  const page: HttpResponse = {
    status: 200,
    contentType: 'text/html; charset=utf-8',
    body: DOCS_PAGE,
    headers: {
      'cache-control': 'no-cache',
      'content-security-policy': `default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'sha256-${script}'; frame-ancestors 'none'; base-uri 'none'`,
      'x-content-type-options': 'nosniff',
    },
  };
  const own: Route[] = [
    {
      method: 'GET',
      path: '/openapi.json',
      handle: () => jsonResponse(200, document, { 'cache-control': 'no-cache' }),
    },
    {
      method: 'GET',
      path: '/docs',
      handle: ({ request }) => (request.path === '/docs' ? page : movedTo('/docs', request)),
    },
  ];
  const document = openApiDocument([...routes, ...own], version);
  return own;
}
