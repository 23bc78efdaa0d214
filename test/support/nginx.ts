// A real nginx of its own for a test, with the project's configuration; where nginx is not installed, a reason to skip.
import type { Test } from 'tap';
import { hasNginx, Nginx } from '../../bench/src/nodes/nginx.js';

export const WITHOUT_NGINX = hasNginx() ? false : 'nginx is not installed';

/**
 * Starts nginx with `deploy/nginx`, before nodes on this machine. It ends with the test.
 * @param nodes `HOST:PORT` of each
 * @returns `HOST:PORT` of nginx
 */
export async function startNginx(t: Test, nodes: readonly string[]): Promise<string> {
  const nginx = await Nginx.start(nodes);
  t.teardown(() => nginx[Symbol.asyncDispose]());
  return nginx.address;
}
