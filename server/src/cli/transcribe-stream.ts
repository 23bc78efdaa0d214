// Streams one source to a server and hands its events on, from the first sample to the end of the session.
import type { RewritingSettings } from '@sotto/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import {
  connect,
  ConnectError,
  ConnectionLostError,
  ServerError,
  type ConnectOptions,
  type SessionEvent,
  type StreamSession,
} from '@sotto/client';
import { WebSocket } from 'ws';
import { CommandError } from './command-error.js';
import { keyOfUser } from './server-request.js';
import type { AudioSource } from './transcribe-audio.js';

export interface StreamOptions {
  /** The server's stream, ws:// or http://. */
  readonly server: string;
  /** As fast as the server takes it, instead of at the pace of the recording. */
  readonly fast: boolean;
  /** How often in a row a lost connection is made again. */
  readonly retries: number;
  readonly settings: Pick<
    ConnectOptions,
    'language' | 'task' | 'prompt' | 'hotwords' | 'words' | 'polish' | 'channels' | keyof RewritingSettings
  >;
  readonly onEvent: (event: SessionEvent) => void;
  /** When it aborts, no more audio is sent: what was heard is still answered. */
  readonly signal: AbortSignal;
}

/**
 * @throws {CommandError} if the server cannot be reached, refuses, or is lost; AudioFileError if the source is no audio
 */
export async function streamToServer(source: AudioSource, options: StreamOptions): Promise<void> {
  const { server, settings, retries, onEvent, signal } = options;
  const token = keyOfUser();
  const session = connect(server, {
    ...settings,
    ...(token !== undefined && { token }),
    audio: source.format,
    reconnect: retries > 0 && { attemptsMax: retries },
    webSocket: (url, subprotocols) => new WebSocket(url, subprotocols),
  });
  const reading = (async () => {
    for await (const event of session) onEvent(event);
  })();
  // Whatever ends the session ends the waiting for audio as well.
  const ended = new AbortController();
  void session.closed.then(() => ended.abort());
  try {
    await Promise.race([session.ready(), aborted(signal)]);
    await sendAudio(session, source, { fast: options.fast, signal: AbortSignal.any([signal, ended.signal]) });
    await Promise.all([session.stop(), reading]);
  } catch (error) {
    throw explain(error, server);
  } finally {
    session.close();
    await reading.catch(() => undefined);
  }
}

async function sendAudio(
  session: StreamSession,
  source: AudioSource,
  { fast, signal }: { fast: boolean; signal: AbortSignal },
): Promise<void> {
  const stop = aborted(signal);
  const chunks = source.chunks[Symbol.asyncIterator]();
  const startedAt = performance.now();
  for (let sent = 1; !signal.aborted; sent++) {
    const next = await Promise.race([chunks.next(), stop]);
    if (next === undefined || next.done === true) return;
    if (!fast && !source.isLive) {
      // A chunk can be sent when its last sample has sounded. Due times count from the start, so that delays do not add
      // up.
      const dueInMs = startedAt + sent * source.chunkMs - performance.now();
      if (dueInMs > 0) await delay(dueInMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
    }
    if (!session.send(next.value)) await Promise.race([session.drained(), stop]);
  }
  // Not waited for: a recorder that says nothing more would keep us.
  void chunks.return?.();
}

/** Resolves when the signal aborts. */
function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}

/** The error as a person wants to read it. */
function explain(error: unknown, server: string): unknown {
  if (error instanceof ConnectError) {
    const { cause } = error;
    const refused = cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
    const message = refused
      ? `No Sotto server is running at ${server}. Start one with "npx sotto serve", or name another with --server URL.`
      : `${error.message} Is a Sotto server running there?`;
    return new CommandError(message, 1, { cause: error });
  }
  if (error instanceof ServerError)
    return new CommandError(`The server says: ${error.message} (${error.code})`, 1, { cause: error });
  if (error instanceof ConnectionLostError) return new CommandError(error.message, 1, { cause: error });
  return error;
}
