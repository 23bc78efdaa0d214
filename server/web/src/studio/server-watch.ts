// Whether the server is there, and what it can do: asked before the first word is spoken, and again after it was lost.
import { signal } from '@preact/signals';
import { connect, type PolishOffer, type ReadyMessage } from '@sotto/client';

/** The server's stream, at the page's own address. */
export const STREAM_URL = new URL('/v1/stream', location.href).href;

export type ServerView =
  | { readonly name: 'connecting' | 'gone' }
  | {
      readonly name: 'ready';
      readonly model: string;
      readonly languages: readonly string[];
      readonly polish: PolishOffer | undefined;
    };

/** Between two tries to reach a server that is not there, milliseconds. */
const RETRY_MS = 3_000;

export const server = signal<ServerView>({ name: 'connecting' });
/** Milliseconds. */
export const roundTripMs = signal<number | undefined>(undefined);

let watching = false;
/** What the server said of itself when it was last there. */
let lastReady: ServerView = { name: 'connecting' };

/** Greets the server until it answers. */
export async function findServer(): Promise<void> {
  if (watching) return;
  watching = true;
  while (!(await greet())) {
    server.value = { name: 'gone' };
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  watching = false;
}

export function noteReady({ model, languages, polish }: ReadyMessage): void {
  lastReady = { name: 'ready', model, languages, polish };
  server.value = lastReady;
}

/** A session has lost its connection and tries to make it again. */
export function noteTrying(): void {
  server.value = { name: 'gone' };
  roundTripMs.value = undefined;
}

/** It has succeeded. */
export function noteBack(): void {
  server.value = lastReady;
}

/** The connection was lost for good: looks for the server until it is back. */
export function noteLost(): void {
  noteTrying();
  void findServer();
}

async function greet(): Promise<boolean> {
  const session = connect(STREAM_URL);
  try {
    noteReady(await session.ready());
    roundTripMs.value = await session.ping();
    return true;
  } catch {
    return false;
  } finally {
    session.close();
  }
}
