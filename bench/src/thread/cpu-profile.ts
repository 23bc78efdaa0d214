// Where the time of a server's thread goes: Node's own sampling, asked for over its inspector.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { WebSocket, type RawData } from 'ws';
import { BenchError } from '../bench-error.js';

/** Between two samples, microseconds. */
const INTERVAL_US = 500;
const OPEN_TRIES = 50;
const OPEN_POLL_MS = 100;

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

/** As the inspector has it. */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** A function and what it took itself, as a share of all that the thread did. */
export interface SelfTime {
  readonly where: string;
  readonly share: number;
}

/** The inspector of a process. */
export class Inspector implements Disposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: RawData) => {
      const { id, result } = JSON.parse(String(data)) as { id?: number; result?: unknown };
      if (id !== undefined) this.#waiting.get(id)?.(result);
    });
  }

  /** Asks a process of Node that was started with `--inspect-port` to open it. @throws BenchError `server_failed` */
  static async open(pid: number, port: number): Promise<Inspector> {
    process.kill(pid, 'SIGUSR1');
    for (let tried = 0; tried < OPEN_TRIES; tried++) {
      const url = await addressOf(port);
      if (url !== undefined) {
        const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 2 ** 30 });
        await once(socket, 'open');
        return new Inspector(socket);
      }
      await new Promise((resolve) => setTimeout(resolve, OPEN_POLL_MS));
    }
    throw new BenchError('server_failed', `The process ${pid} does not open its inspector on port ${port}.`);
  }

  async profile(lastsMs: number): Promise<CpuProfile> {
    await this.#ask('Profiler.enable');
    await this.#ask('Profiler.setSamplingInterval', { interval: INTERVAL_US });
    await this.#ask('Profiler.start');
    await new Promise((resolve) => setTimeout(resolve, lastsMs));
    const { profile } = (await this.#ask('Profiler.stop')) as { profile: CpuProfile };
    return profile;
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }

  #ask(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = new Promise((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    return answer;
  }
}

async function addressOf(port: number): Promise<string | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/json/list`);
    const [target] = (await response.json()) as { webSocketDebuggerUrl: string }[];
    return target?.webSocketDebuggerUrl;
  } catch {
    return undefined; // Not open yet.
  }
}

/** The functions that took most themselves. Time in which the thread had nothing to do does not count. */
export function selfTimes({ nodes, samples, timeDeltas }: CpuProfile): SelfTime[] {
  const byId = new Map(nodes.map((node) => [node.id, nameOf(node)]));
  const times = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const name = byId.get(id) ?? '?';
    if (name !== '(idle)') times.set(name, (times.get(name) ?? 0) + (timeDeltas[at] ?? 0));
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times].map(([where, time]) => ({ where, share: time / total })).toSorted((a, b) => b.share - a.share);
}

/** For the inspector's own viewers, and for later. */
export async function writeProfile(profile: CpuProfile, file: string): Promise<void> {
  await writeFile(file, JSON.stringify(profile));
}

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  if (functionName.startsWith('(') || url === '') return functionName || '(anonymous)';
  const file = url.split('/').slice(-2).join('/');
  return `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`;
}
