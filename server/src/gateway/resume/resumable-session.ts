// A session and the socket that it speaks through, which it may lose and find again.
import {
  isCounted,
  isEvent,
  type AudioFormat,
  type ClientMessage,
  type CloseReason,
  type PartialMessage,
  type PolishedDeltaMessage,
  type ServerMessage,
} from '@sotto/protocol';
import { randomBytes } from 'node:crypto';
import { SessionDecorator } from '../../session/session-decorator.js';
import type { Client } from '../../access/principal.js';
import type { SessionFactory, SessionSink } from '../../session/session-port.js';
import { EventJournal } from './event-journal.js';
import { joinDeltas, polishSubject } from '../coalescing.js';

/** Random bits of a token: 192, in 32 characters. */
const TOKEN_BYTES = 24;

/** The connection that a session speaks through. */
export interface SessionOwner extends SessionSink {
  /** Another connection has the session now: this one gets nothing more. */
  takenOver(): void;
}

export interface ResumableSessionOptions {
  /** Whose it is: only the same key goes on with it. */
  readonly client: Client;
  /** How long it waits without a socket, milliseconds; 0: it is told no token and never waits. */
  readonly windowMs: number;
  /** Bytes of events that it keeps. Beyond: the oldest are forgotten; without a socket: `onOverflow`. */
  readonly eventBytesMax: number;
  /** It has a token now, and may be resumed. */
  readonly onReady: (session: ResumableSession) => void;
  /** Events beyond the bound have no one to take them. */
  readonly onOverflow: (session: ResumableSession) => void;
}

/**
 * Sits between connection and session: counts what goes through, and keeps what a client that comes back will want
 * (rules RS1 to RS10).
 */
export class ResumableSession extends SessionDecorator {
  readonly token = randomBytes(TOKEN_BYTES).toString('base64url');
  readonly #options: ResumableSessionOptions;
  readonly #journal = new EventJournal();
  /** The latest partial of each utterance without a final. */
  readonly #partials = new Map<number, PartialMessage>();
  /** All that is written of each text that is being polished, as one delta. */
  readonly #deltas = new Map<string, PolishedDeltaMessage>();
  #ack: ServerMessage | undefined;
  #owner: SessionOwner | undefined;
  #audio: AudioFormat | undefined;
  /** Messages of the client that count (rule RS5). */
  #messages = 0;
  #ending: CloseReason | undefined;

  constructor(create: SessionFactory, owner: SessionOwner, options: ResumableSessionOptions) {
    super(create, owner);
    this.#options = options;
    this.#owner = owner;
  }

  get client(): Client {
    return this.#options.client;
  }

  /** The audio of its `start`; undefined before. */
  get audio(): AudioFormat | undefined {
    return this.#audio;
  }

  /** Events that it has sent so far. */
  get events(): number {
    return this.#journal.count;
  }

  /** Whether the session has said all that it will say. */
  get isOver(): boolean {
    return this.#ending !== undefined;
  }

  isOwnedBy(owner: SessionOwner): boolean {
    return this.#owner === owner;
  }

  override receive(message: ClientMessage): void {
    if (message.type === 'start') this.#audio ??= message.audio;
    if (isCounted(message)) this.#messages++;
    super.receive(message);
  }

  /** A frame of the client was refused: it counts as a message (rule RS5). */
  refused(): void {
    this.#messages++;
  }

  /** Says something to the client, now or when it comes back. */
  override send(message: ServerMessage): void {
    const { onReady, onOverflow, windowMs, eventBytesMax } = this.#options;
    if (windowMs === 0) return this.#owner?.send(message);
    if (message.type === 'ready') {
      onReady(this);
      return this.#owner?.send({ ...message, resumeToken: this.token, resumeWindowMs: windowMs });
    }
    this.#keep(message);
    if (this.#owner === undefined) {
      if (this.#journal.bytes > eventBytesMax) onOverflow(this);
      return;
    }
    this.#journal.trim(eventBytesMax);
    this.#owner.send(message);
  }

  /** The client has got the first `count` events. */
  confirm(count: number): void {
    this.#journal.confirm(count);
  }

  /** Its socket is gone. */
  detach(): void {
    this.#owner = undefined;
    this.attend(false);
  }

  /** Whether all events behind the first `events` can still be told. */
  has(events: number): boolean {
    return this.#journal.since(events) !== undefined;
  }

  /** Goes on through `owner`, whose client has got the first `events` events; a former owner is told. */
  attach(owner: SessionOwner, events: number): void {
    const missed = this.#journal.since(events) ?? [];
    if (this.#audio === undefined) return;
    const former = this.#owner;
    this.#owner = owner;
    this.attend(true);
    former?.takenOver();
    owner.send({
      type: 'resumed',
      sessionId: this.id,
      audio: this.#audio,
      offset: this.receivedSamples,
      messages: this.#messages,
    });
    for (const message of [...missed, ...this.#partials.values(), ...this.#deltas.values()]) owner.send(message);
    if (this.#ack !== undefined) owner.send(this.#ack);
    if (this.#ending !== undefined) owner.end(this.#ending);
  }

  #keep(message: ServerMessage): void {
    if (isEvent(message)) this.#journal.add(message);
    if (message.type === 'ack') this.#ack = message;
    else if (message.type === 'partial') this.#partials.set(message.segmentId, message);
    else if (message.type === 'polishedDelta') {
      const subject = polishSubject(message);
      this.#deltas.set(subject, joinDeltas(this.#deltas.get(subject), message));
    } else if (message.type === 'polished') this.#deltas.delete(polishSubject(message));
    else if ('segmentId' in message && message.type !== 'speechStarted' && message.type !== 'speechEnded') {
      if (message.segmentId !== undefined) this.#partials.delete(message.segmentId);
    }
  }

  protected override end(reason: CloseReason): void {
    this.#ending = reason;
    this.#owner?.end(reason);
  }
}
