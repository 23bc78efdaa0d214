// Whether the server is there, and what it can do: asked before the first word is spoken, and again after it was lost.
import { signal } from '@preact/signals';
import { connect, type PolishOffer, type ReadyMessage } from '@sotto/client';
import { isKeyRefused, keyOptions, useKey } from '../key.js';
import { serverAddress } from '../server-address.js';

/** The stream of the page's own server. */
export const STREAM_URL = serverAddress('v1/stream');

export type ServerView =
  /** `locked`: it wants a key, or another one. */
  | { readonly name: 'connecting' | 'gone' | 'locked' }
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
let onUnlocked = (): void => undefined;
/** What the server said of itself when it was last there. */
let lastReady: ServerView = { name: 'connecting' };

/** Greets the server until it answers. */
export async function findServer(): Promise<void> {
  if (watching) return;
  watching = true;
  for (let state = await greet(); state !== 'ready'; state = await greet()) {
    server.value = { name: state };
    await new Promise<void>((resolve) => {
      if (state === 'locked') onUnlocked = resolve;
      else setTimeout(resolve, RETRY_MS);
    });
  }
  watching = false;
}

/** Tries a key. */
export function unlock(text: string): void {
  useKey(text);
  server.value = { name: 'connecting' };
  onUnlocked();
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
  if (server.value.name === 'locked') return;
  noteTrying();
  void findServer();
}

async function greet(): Promise<'ready' | 'gone' | 'locked'> {
  const session = connect(STREAM_URL, keyOptions());
  try {
    noteReady(await session.ready());
    roundTripMs.value = await session.ping();
    return 'ready';
  } catch (error) {
    return isKeyRefused(error) ? 'locked' : 'gone';
  } finally {
    session.close();
  }
}
