// Where an address that was written otherwise leads.
import type { HttpResponse, RequestHead } from './exchange.js';

/**
 * Sends whoever asked for a page by a variant of its path (`/dashboard/`) to the path: pages name their parts from
 * where they are. The address is relative, since only a proxy knows under which path of its own the server is.
 */
export function movedTo(path: string, { path: asked, query }: RequestHead): HttpResponse {
  const root = '../'.repeat(asked.split('/').length - 2) || './';
  const location = `${root}${path.slice(1)}${query.size > 0 ? `?${query}` : ''}`;
  return { status: 308, contentType: 'text/plain; charset=utf-8', body: '', headers: { location } };
}
