// The real nginx with the project's configuration, before nodes on this machine.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchError } from '../bench-error.js';
import { repositoryRoot } from '../measure/machine.js';
import { freePort } from '../server/free-port.js';

const CONFIGURATION = join(repositoryRoot, 'deploy/nginx');
const NODE = /^ *server sotto-\d+:8080 (?<rest>.*)$/gm;
const START_TIMEOUT_MS = 20_000;

export const hasNginx = (): boolean => spawnSync('nginx', ['-v']).status === 0;

export class Nginx implements AsyncDisposable {
  /** `HOST:PORT` */
  readonly address: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(address: string, child: ChildProcess, folder: string) {
    this.address = address;
    this.#child = child;
    this.#folder = folder;
  }

  /**
   * Starts nginx with `deploy/nginx`. @param nodes `HOST:PORT` of each. @throws BenchError `server_failed`
   */
  static async start(nodes: readonly string[]): Promise<Nginx> {
    const folder = await mkdtemp(join(tmpdir(), 'sotto-nginx-'));
    const address = `127.0.0.1:${await freePort()}`;
    await writeConfiguration(folder, address, nodes);
    const args = ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
    const checked = spawnSync('nginx', [...args, '-t'], { encoding: 'utf8' });
    if (checked.status !== 0) throw new BenchError('server_failed', `nginx -t: ${checked.stderr}`);
    const nginx = new Nginx(address, spawn('nginx', args, { stdio: 'ignore' }), folder);
    try {
      await answers(`http://${address}/balancer-health`);
    } catch (error) {
      await nginx[Symbol.asyncDispose]();
      throw error;
    }
    return nginx;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function writeConfiguration(folder: string, address: string, nodes: readonly string[]): Promise<void> {
  await mkdir(join(folder, 'temp'));
  const upstream = await readFile(join(CONFIGURATION, 'upstream.conf'), 'utf8');
  const rest = upstream.matchAll(NODE).next().value?.groups?.['rest'] ?? '';
  const lines = nodes.map((node) => `    server ${node} ${rest}`);
  // The nodes of the file are replaced where the first of them stands.
  const own = upstream.replaceAll(NODE, () => lines.splice(0).join('\n'));
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
}

async function answers(url: string): Promise<void> {
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  while (!deadline.aborted) {
    const isUp = await fetch(url, { signal: deadline }).then(
      (response) => response.ok,
      () => false,
    );
    if (isUp) return;
    await delay(20);
  }
  throw new BenchError('server_failed', `${url} does not answer`);
}
