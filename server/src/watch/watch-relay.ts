// What nodes that share a store tell each other of sessions that are watched, so that viewers may be at any of them.
import { Packr } from 'msgpackr';
import { createHash } from 'node:crypto';
import type { AckMessage, EndedMessage, ServerMessage } from '@sotto/protocol';
import type { SharedLines } from '../session/session-checkpoint.js';

/** How long a session is known of whose node has gone, seconds: its speaker may come back at another one. */
const KNOWN_SECONDS = 120;

/** How far a session has been told: events since a node began to speak for it. */
export interface Told {
  /** Another one for each node, and each time. */
  readonly epoch: string;
  readonly count: number;
}

/**
 * - `lines`: those of the moment, for who has just begun to follow, has missed something, or since the session has
 *   moved.
 * - `event`: what viewers see, `count` with it.
 * - `alive`: how far the audio has come, now and then.
 * - `over`: nothing more comes.
 */
export type RelayedMessage =
  | ({ readonly type: 'lines'; readonly lines: SharedLines; readonly sampleRate: number } & Told)
  | ({ readonly type: 'event'; readonly message: ServerMessage } & Told)
  | ({ readonly type: 'alive'; readonly ack: AckMessage | undefined } & Told)
  | { readonly type: 'over'; readonly reason: EndedMessage['reason'] };

export interface Following {
  /** Wants the lines again. */
  ask(): void;
  stop(): void;
}

/** Channels that all nodes hear, and marks that they see. What fails is lost, and told to nobody. */
export interface Channels {
  publish(channel: string, data: Uint8Array): void;
  /** Returns what ends it. `onData` hears nothing of before. */
  subscribe(channel: string, onData: (data: Uint8Array) => void, onceHeard: () => void): () => void;
  mark(name: string, seconds: number): void;
  unmark(name: string): void;
  isMarked(name: string): Promise<boolean>;
}

const packr = new Packr({ useRecords: false, variableMapSize: true });

/** Channels have the names of tokens' hashes: the store never sees a token by its name. */
export class WatchRelay {
  readonly #channels: Channels;

  constructor(channels: Channels) {
    this.#channels = channels;
  }

  /** This node speaks for a session. `onAsked`: another one wants its lines. Returns what ends it. */
  speak(token: string, onAsked: () => void): () => void {
    this.keepKnown(token);
    return this.#channels.subscribe(`${nameOf(token)}:ask`, onAsked, () => undefined);
  }

  /** It is there still; to be called well within two minutes. */
  keepKnown(token: string): void {
    this.#channels.mark(nameOf(token), KNOWN_SECONDS);
  }

  say(token: string, message: RelayedMessage): void {
    this.#channels.publish(nameOf(token), packr.pack(message));
    if (message.type === 'over') this.#channels.unmark(nameOf(token));
  }

  /** Asks for the lines of a session at another node, and hears what follows. */
  follow(token: string, onMessage: (message: RelayedMessage) => void): Following {
    const name = nameOf(token);
    const ask = (): void => this.#channels.publish(`${name}:ask`, new Uint8Array());
    const hear = (data: Uint8Array): void => onMessage(packr.unpack(data) as RelayedMessage);
    return { ask, stop: this.#channels.subscribe(name, hear, ask) };
  }

  /** Whether there is a session with this token, at whatever node, or between two of them. */
  isKnown(token: string): Promise<boolean> {
    return this.#channels.isMarked(nameOf(token));
  }
}

function nameOf(token: string): string {
  return `watch:${createHash('sha256').update(token).digest('base64url')}`;
}
