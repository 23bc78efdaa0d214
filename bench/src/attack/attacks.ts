// What strangers do to a server that is busy with honest streams: each runs until it is stopped, from an address of its
// own.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { BAD_FORMS } from './bad-forms.js';

export interface Attack {
  readonly name: string;
  /** Goes on until `signal` aborts. */
  run(server: URL, signal: AbortSignal): Promise<void>;
}

/** Not that of the honest streams: bounds by address must not fall on those. */
const ATTACKER = '127.0.0.2';
/** Between two rounds of an attack, milliseconds. */
const ROUND_MS = 20;
/** How long one connection is kept, milliseconds. */
const CONNECTION_MS = 2_000;
const PIPELINED = 10_000;
const SOCKETS_AT_ONCE = 8;

export const ATTACKS: readonly Attack[] = [
  overTcp('pipelining', () => get('/health').repeat(PIPELINED)),
  overTcp('pipelining of pages that do not exist', () => get('/nowhere').repeat(PIPELINED)),
  overTcp('unread answers', () => get('/openapi.json').repeat(100), { reads: false }),
  overTcp('bad forms', (round) => BAD_FORMS[round % BAD_FORMS.length] ?? '', { ends: true }),
  overTcp('rebinding', () => get('/v1/transcripts', 'host: evil.example')),
  overTcp('cross-origin posts', () => post('/v1/jobs', '{}', 'origin: https://evil.example')),
  overTcp('requests without an end', () => 'GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: '),
  overWebSocket('ping flood', (socket) => {
    for (let i = 0; i < 500; i++) socket.ping('x'.repeat(125));
  }),
  overWebSocket('pings whose answers are not read', (socket) => {
    socket.pause();
    for (let i = 0; i < 500; i++) socket.ping('x'.repeat(125));
  }),
  overWebSocket('frames of nonsense', (socket) => socket.send(Buffer.from([0xc1, 0xff, 0x00]))),
  overWebSocket('cross-origin streams', () => {}, { origin: 'https://evil.example' }),
];

interface TcpOptions {
  /** Whether the answers are read. Default: yes. */
  readonly reads?: boolean;
  /** Whether the sending side is ended behind what is sent. Default: no. */
  readonly ends?: boolean;
}

function overTcp(
  name: string,
  sent: (round: number) => string,
  { reads = true, ends = false }: TcpOptions = {},
): Attack {
  return repeated(name, async (server, round) => {
    const socket = connect({ host: server.hostname, port: Number(server.port), localAddress: ATTACKER });
    socket.on('error', () => {});
    if (reads) socket.resume();
    socket.write(sent(round));
    if (ends) socket.end();
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await Promise.race([closed, sleep(CONNECTION_MS)]);
    socket.destroy();
  });
}

function overWebSocket(name: string, act: (socket: WebSocket) => void, { origin }: { origin?: string } = {}): Attack {
  return repeated(name, async (server) => {
    const options = { localAddress: ATTACKER, ...(origin !== undefined && { origin }) };
    const socket = new WebSocket(`ws://${server.host}/v1/stream`, options);
    socket.on('error', () => {});
    const acting = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.once('open', () => {
        const timer = setInterval(() => socket.readyState === WebSocket.OPEN && act(socket), ROUND_MS);
        socket.once('close', () => clearInterval(timer));
      });
    });
    await Promise.race([acting, sleep(CONNECTION_MS)]);
    socket.terminate();
  });
}

function repeated(name: string, once: (server: URL, round: number) => Promise<void>): Attack {
  return {
    name,
    async run(server, signal) {
      const one = async (first: number): Promise<void> => {
        for (let round = first; !signal.aborted; round += SOCKETS_AT_ONCE) {
          await once(server, round);
          await sleep(ROUND_MS);
        }
      };
      await Promise.all(Array.from({ length: SOCKETS_AT_ONCE }, (_, first) => one(first)));
    },
  };
}

function get(path: string, host = 'host: localhost'): string {
  return `GET ${path} HTTP/1.1\r\n${host}\r\n\r\n`;
}

function post(path: string, body: string, header: string): string {
  return (
    `POST ${path} HTTP/1.1\r\nhost: localhost\r\n${header}\r\ncontent-type: application/json\r\n` +
    `content-length: ${body.length}\r\n\r\n${body}`
  );
}
