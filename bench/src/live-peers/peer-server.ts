// A streaming peer's server: one process, or as many as there are streams where each takes only one.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchError } from '../bench-error.js';
import { repositoryRoot } from '../measure/machine.js';
import { processTree, type TreeUsage } from '../measure/process-tree.js';
import { freePort } from '../server/free-port.js';
import type { LivePeer, PeerFolders } from './live-peers.js';

const READY_TIMEOUT_MS = 180_000;
const READY_POLL_MS = 100;
const STOP_TIMEOUT_MS = 10_000;
/** What a server says is kept so far for a message, characters. */
const LAST_WORDS_MAX = 2_000;

interface Running {
  readonly port: number;
  readonly child: ChildProcess;
  lastWords: string;
}

export class PeerServer implements AsyncDisposable {
  readonly #running: readonly Running[];

  private constructor(running: readonly Running[]) {
    this.#running = running;
  }

  /** Starts it and waits until it listens. @throws BenchError `peer_failed` with its last words */
  static async start(peer: LivePeer, streams: number, folders: PeerFolders): Promise<PeerServer> {
    const running: Running[] = [];
    const server = new PeerServer(running);
    try {
      for (let i = 0; i < (peer.takes === 'one' ? streams : 1); i++) {
        const one = launch(peer, await freePort(), folders);
        running.push(one);
        await ready(peer, one);
      }
    } catch (cause) {
      await server[Symbol.asyncDispose]();
      throw cause;
    }
    return server;
  }

  /** Where the stream of this number goes. */
  portOf(stream: number): number {
    return this.#running[stream % this.#running.length]?.port ?? 0;
  }

  /** Memory and processor time of all its processes. Memory that they share is counted once. */
  async usage(): Promise<TreeUsage | undefined> {
    const trees = await Promise.all(this.#running.map(({ child }) => processTree(child.pid ?? 0)));
    const found = trees.filter((tree) => tree !== undefined);
    if (found.length === 0) return undefined;
    const sum = (key: 'rssBytes' | 'pssBytes' | 'cpuMs'): number => found.reduce((total, tree) => total + tree[key], 0);
    return {
      processes: found.flatMap(({ processes }) => processes),
      rssBytes: sum('rssBytes'),
      pssBytes: sum('pssBytes'),
      cpuMs: sum('cpuMs'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map(({ child }) => end(child)));
  }
}

function launch(peer: LivePeer, port: number, folders: PeerFolders): Running {
  const { program, args, env } = peer.command(port, folders);
  const child = spawn(program, [...args], {
    cwd: repositoryRoot,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const running: Running = { port, child, lastWords: '' };
  const killWithBench = (): void => killGroup(child);
  process.once('exit', killWithBench);
  child.once('exit', () => process.off('exit', killWithBench));
  child.once('error', (cause) => (running.lastWords += cause.message));
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding('utf8').on('data', (text: string) => {
      running.lastWords = (running.lastWords + text).slice(-LAST_WORDS_MAX);
    });
  }
  return running;
}

async function ready({ name, readyPath }: LivePeer, running: Running): Promise<void> {
  const { child, port } = running;
  const until = performance.now() + READY_TIMEOUT_MS;
  while (!(readyPath === undefined ? await accepts(port) : await answers(`http://127.0.0.1:${port}${readyPath}`))) {
    const hasEnded = child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
    if (hasEnded || performance.now() > until) {
      const why = hasEnded ? 'ended before it was ready' : `was not ready after ${READY_TIMEOUT_MS} ms`;
      throw new BenchError('peer_failed', `${name} ${why}:\n${running.lastWords.trim()}`);
    }
    await sleep(READY_POLL_MS);
  }
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.ok ?? false;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const answer = (yes: boolean) => (): void => {
      socket.destroy();
      resolve(yes);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => killGroup(child), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
