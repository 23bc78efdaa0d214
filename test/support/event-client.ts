// A client of a JSON dialect, as plain as can be: sends what it is told, keeps what comes.
import { once } from 'node:events';
import type { Test } from 'tap';
import { WebSocket, type ClientOptions } from 'ws';
import { until } from './until.js';

/** An event, or a part of one. */
export type Fields = Readonly<Record<string, unknown>>;

export class EventClient {
  /** Everything that came, in order. */
  readonly received: Fields[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on('error', () => {});
    socket.on('message', (data) => this.received.push(JSON.parse(String(data)) as Fields));
  }

  send(...events: (Fields | string | Uint8Array)[]): void {
    for (const event of events)
      this.socket.send(typeof event === 'string' || event instanceof Uint8Array ? event : JSON.stringify(event));
  }

  get types(): string[] {
    return this.received.map((event) => String(event['type']));
  }

  all(type: string): Fields[] {
    return this.received.filter((event) => event['type'] === type);
  }

  /** The next event of a type that has come or comes within ten seconds; `index` 1 is the second one. */
  async next(type: string, index = 0): Promise<Fields> {
    await until(() => this.all(type).length > index, `${type} #${index} (got ${this.types.join(', ')})`);
    return this.all(type)[index] ?? {};
  }
}

export async function connectEvents(
  t: Test,
  url: string,
  protocols: string[] = [],
  options: ClientOptions = {},
): Promise<EventClient> {
  const socket = new WebSocket(url, protocols, options);
  t.teardown(() => socket.terminate());
  const client = new EventClient(socket);
  await once(socket, 'open');
  return client;
}
