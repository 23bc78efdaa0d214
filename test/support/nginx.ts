// A real nginx of its own for a test, with the project's configuration; where nginx is not installed, a reason to skip.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

export const HAS_NGINX = spawnSync('nginx', ['-v']).status === 0;
export const WITHOUT_NGINX = HAS_NGINX ? false : 'nginx is not installed';

const CONFIGURATION = fileURLToPath(new URL('../../deploy/nginx/', import.meta.url));
const NODE = /^ *server sotto-\d+:8080 (?<rest>.*)$/gm;

/**
 * Starts nginx with `deploy/nginx`, before nodes on this machine. It ends with the test.
 * @param nodes `HOST:PORT` of each
 * @returns `HOST:PORT` of nginx
 */
export async function startNginx(t: Test, nodes: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-nginx-'));
  await mkdir(join(folder, 'temp'));
  const address = `127.0.0.1:${await freePort()}`;
  const upstream = await readFile(join(CONFIGURATION, 'upstream.conf'), 'utf8');
  const rest = NODE.exec(upstream)?.groups?.['rest'] ?? '';
  NODE.lastIndex = 0;
  let isFirst = true;
  const own = upstream.replaceAll(NODE, () => {
    const lines = isFirst ? nodes.map((node) => `    server ${node} ${rest}`).join('\n') : '';
    isFirst = false;
    return lines;
  });
  const site = await readFile(join(CONFIGURATION, 'sotto.conf'), 'utf8');
  await writeFile(join(folder, 'upstream.conf'), own);
  await writeFile(join(folder, 'sotto.conf'), site.replace('listen 80;', `listen ${address};`));
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(folder, 'temp', kind)};`,
  );
  await writeFile(
    join(folder, 'nginx.conf'),
    `daemon off; pid ${folder}/nginx.pid; error_log ${folder}/error.log warn; worker_processes 1;
     events { worker_connections 4096; }
     http { access_log off; ${temporary.join(' ')} include ${folder}/upstream.conf; include ${folder}/sotto.conf; }`,
  );
  const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  const checked = spawnSync('nginx', [...args, '-t'], { encoding: 'utf8' });
  if (checked.status !== 0) throw new Error(`nginx -t: ${checked.stderr}`);
  const child = spawn('nginx', args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true });
  });
  await answers(`http://${address}/balancer-health`);
  return address;
}

async function answers(url: string): Promise<void> {
  const deadline = AbortSignal.timeout(20_000);
  while (!deadline.aborted) {
    const isUp = await fetch(url, { signal: deadline }).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${url} does not answer`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
