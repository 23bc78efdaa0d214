// One fuzzed conversation over a socket of its own: frames until enough were sent or the server had enough.
import { once } from 'node:events';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { Frame } from '@sotto/protocol';
import { WebSocket } from 'ws';
import type { Chance } from './chance.js';
import { deepgramFrame, realtimeFrame } from './dialect-messages.js';
import { rawFrame } from './raw-frames.js';
import { viewerFrame, WireConversation } from './wire-messages.js';

export const KINDS = ['msgpack', 'json', 'realtime', 'deepgram', 'watch', 'raw'] as const;
export type Kind = (typeof KINDS)[number];

export interface Conversed {
  readonly messages: number;
  /** Of the close, where one came. */
  readonly code: number | undefined;
  /** What was waited for in vain. */
  readonly hung: string | undefined;
}

/** Messages of one conversation. */
const MESSAGES_MAX = 2_000;
const PATHS: Readonly<Record<Kind, readonly string[]>> = {
  msgpack: ['/v1/stream'],
  json: ['/v1/stream'],
  realtime: ['/v1/realtime?intent=transcription', '/v1/realtime?model=whisper-1'],
  deepgram: [
    '/v1/listen?encoding=linear16&sample_rate=16000',
    '/v1/listen?encoding=linear16&sample_rate=8000&channels=2&multichannel=true&interim_results=true',
    '/v1/listen',
  ],
  watch: ['/v1/watch?token=TOKEN', '/v1/watch?token=nothing'],
  raw: ['/v1/stream'],
};
const SUBPROTOCOLS: Readonly<Record<Kind, string | undefined>> = {
  msgpack: 'sotto.v1',
  json: 'sotto.v1.json',
  realtime: 'realtime',
  deepgram: undefined,
  watch: 'sotto.v1.json',
  raw: undefined,
};
/** Frames between two looks at what the socket has taken. */
const BATCH = 50;

/** The other end. */
export interface Opponent {
  readonly url: URL;
  /** Opens the honest stream to viewers. */
  readonly watchToken: string;
  /** How long an answer, or the end, may take. */
  readonly timeoutMs: number;
}

export function converse(opponent: Opponent, kind: Kind, chance: Chance): Promise<Conversed> {
  return kind === 'raw' ? converseRaw(opponent, chance) : converseWs(opponent, kind, chance);
}

async function converseWs(
  { url, watchToken, timeoutMs }: Opponent,
  kind: Exclude<Kind, 'raw'>,
  chance: Chance,
): Promise<Conversed> {
  const path = chance.of(PATHS[kind]).replace('TOKEN', watchToken);
  const socket = new WebSocket(`ws://${url.host}${path}`, SUBPROTOCOLS[kind] ?? [], {
    perMessageDeflate: false,
    handshakeTimeout: timeoutMs,
  });
  let code: number | undefined;
  const closed = new Promise<void>((resolve) => {
    socket.once('close', (reason) => {
      code = reason;
      resolve();
    });
  });
  socket.on('error', () => {});
  const answered = new Promise<void>((resolve) => socket.once('message', () => resolve()));
  await Promise.race([once(socket, 'open').catch(() => {}), closed]);
  const next = framesOf(kind, chance);
  const wanted = 1 + chance.below(MESSAGES_MAX);
  let messages = 0;
  while (messages < wanted && socket.readyState === WebSocket.OPEN) {
    for (const frame of next()) socket.send(frame, { binary: typeof frame !== 'string' });
    messages++;
    // Before the server is ready every mistake ends the conversation.
    if (messages === 1 && !(await settles(Promise.race([answered, closed]), timeoutMs))) {
      socket.terminate();
      return { messages, code, hung: `the first answer (${kind})` };
    }
    if (messages % BATCH === 0) while (socket.bufferedAmount > 0 && socket.readyState === WebSocket.OPEN) await turn();
  }
  if (chance.hits(0.3)) socket.terminate();
  else socket.close(chance.of([1000, 1001, 4001, 3000]));
  const isOver = await settles(closed, timeoutMs);
  socket.terminate();
  return { messages, code, hung: isOver ? undefined : `the end (${kind})` };
}

function framesOf(kind: Exclude<Kind, 'raw'>, chance: Chance): () => readonly Frame[] {
  if (kind === 'realtime') return () => [realtimeFrame(chance)];
  if (kind === 'deepgram') return () => [deepgramFrame(chance)];
  if (kind === 'watch') return () => [viewerFrame(chance)];
  const conversation = new WireConversation(chance, kind);
  return () => conversation.next();
}

/** Frames that no library would send, over a socket that was upgraded by hand. */
async function converseRaw({ url, timeoutMs }: Opponent, chance: Chance): Promise<Conversed> {
  const upgraded = await upgrade(url, timeoutMs);
  if (upgraded === undefined) return { messages: 0, code: undefined, hung: 'the upgrade (raw)' };
  const closed = new Promise<void>((resolve) => upgraded.once('close', () => resolve()));
  upgraded.on('error', () => {});
  upgraded.resume();
  const wanted = 1 + chance.below(MESSAGES_MAX);
  let messages = 0;
  while (messages < wanted && !upgraded.destroyed && upgraded.writable) {
    messages++;
    const isTaken = upgraded.write(rawFrame(chance));
    if (!isTaken || messages % BATCH === 0) await Promise.race([turn(), closed]);
    while (upgraded.writableLength > 1_000_000 && !upgraded.destroyed) await turn();
  }
  upgraded.end();
  const isOver = await settles(closed, timeoutMs);
  upgraded.destroy();
  return { messages, code: undefined, hung: isOver ? undefined : 'the end (raw)' };
}

function upgrade({ hostname, port }: URL, timeoutMs: number): Promise<Duplex | undefined> {
  return new Promise((resolve) => {
    const asked = request({
      hostname,
      port,
      path: '/v1/stream',
      timeout: timeoutMs,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'sotto.v1.json',
      },
    });
    asked.once('upgrade', (_response, socket) => resolve(socket));
    asked.once('response', () => resolve(undefined));
    asked.once('error', () => resolve(undefined));
    asked.once('timeout', () => asked.destroy());
    asked.end();
  });
}

/** Whether it settles in time. */
async function settles(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), timeoutMs)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
