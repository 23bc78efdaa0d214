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
  type StartMessage,
} from '@sotto/protocol';
import { randomBytes } from 'node:crypto';
import { SessionDecorator } from '../../session/session-decorator.js';
import type { Client } from '../../access/principal.js';
import type { SessionFactory, SessionSink } from '../../session/session-port.js';
import { EventJournal } from './event-journal.js';
import { KEPT_VERSION, type KeepableSession, type KeptSession, type SessionKeeper } from './kept-session.js';
import { joinDeltas, polishSubject } from '../coalescing.js';

/** Random bits of a token: 192, in 32 characters. */
const TOKEN_BYTES = 24;
/**
 * Counted messages of a client behind what is kept: beyond, the store has been away for too long, and the session is
 * not kept any more.
 */
const MESSAGES_AT_MAX = 10_000;
/** Audio without a new word after which it is written all the same, milliseconds. */
const SILENCE_NOTED_MS = 5_000;

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
  /** Keeps it for other nodes; absent: it ends with this one. */
  readonly keeper?: SessionKeeper | undefined;
  /** Another node has it. */
  readonly onLost: (session: ResumableSession) => void;
  /** Events beyond the bound have no one to take them. */
  readonly onOverflow: (session: ResumableSession) => void;
}

/**
 * Sits between connection and session: counts what goes through, and keeps what a client that comes back will want
 * (rules RS1 to RS10).
 */
export class ResumableSession extends SessionDecorator implements KeepableSession {
  readonly token: string;
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
  /** Whether its client keeps audio for another node, and this server keeps the rest. */
  #isKept = false;
  /** Audio before this sample need not be kept for another node. */
  #keepFrom = 0;
  /** Samples that had arrived when it was noted last that something is new. */
  #notedAt = 0;
  /** For each counted message behind `keepFrom`, the samples that had arrived before it. */
  readonly #messagesAt: number[] = [];
  /** Utterances without a final. */
  readonly #open = new Set<number>();
  #onQuiet: (() => void)[] = [];
  /** What it goes on from, until its client shows that it knows. */
  #origin: KeptSession | undefined;

  /** @param token of the session that it goes on with; absent: a new one */
  constructor(create: SessionFactory, owner: SessionOwner, options: ResumableSessionOptions, token?: string) {
    super(create, owner);
    this.token = token ?? randomBytes(TOKEN_BYTES).toString('base64url');
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
    this.#origin = undefined;
    if (message.type === 'start' && this.#audio === undefined) {
      this.#audio = message.audio;
      const { keeper, windowMs } = this.#options;
      this.#isKept = message.keepsAudio === true && !isBoundToNode(message) && keeper !== undefined && windowMs > 0;
    }
    if (isCounted(message)) this.#count();
    super.receive(message);
  }

  /** A frame of the client was refused: it counts as a message (rule RS5). */
  refused(): void {
    this.#count();
  }

  #count(): void {
    this.#messages++;
    if (!this.#isKept) return;
    this.#messagesAt.push(this.receivedSamples);
    if (this.#messagesAt.length <= MESSAGES_AT_MAX) return;
    this.#isKept = false;
    this.#options.keeper?.forget(this);
  }

  /** Says something to the client, now or when it comes back. */
  override send(message: ServerMessage): void {
    const { onReady, onOverflow, windowMs, eventBytesMax } = this.#options;
    if (windowMs === 0) return this.#owner?.send(message);
    if (message.type === 'ready') {
      onReady(this);
      if (this.#isKept) this.#note();
      const keepFrom = this.#isKept ? { keepFrom: 0 } : {};
      return this.#owner?.send({ ...message, resumeToken: this.token, resumeWindowMs: windowMs, ...keepFrom });
    }
    if (message.type === 'ack' && this.#isKept) message = { ...message, keepFrom: this.#keepFrom };
    this.#keep(message);
    if (this.#isKept) this.#noteIfNew(message);
    if (this.#owner === undefined) {
      if (this.#journal.bytes > eventBytesMax) onOverflow(this);
      return;
    }
    this.#journal.trim(eventBytesMax);
    this.#owner.send(message);
  }

  /** The client has got the first `count` events. */
  confirm(count: number): void {
    this.#origin = undefined;
    this.#journal.confirm(count);
  }

  /** Its socket is gone. */
  detach(): void {
    this.#owner = undefined;
    this.attend(false);
  }

  /** Whether all events behind the first `events` can still be told. */
  has(events: number): boolean {
    return this.#journal.since(this.#known(events)) !== undefined;
  }

  /** What its client has got may be more than what was kept of it. */
  #known(events: number): number {
    return this.#origin === undefined ? events : Math.min(events, endOf(this.#origin));
  }

  snapshot(): KeptSession | undefined {
    const session = this.#ending === undefined ? this.checkpoint() : undefined;
    if (this.#audio === undefined || (session === undefined && this.#ending === undefined)) return undefined;
    const offset = session?.offset ?? this.receivedSamples;
    return {
      version: KEPT_VERSION,
      keyId: this.client.principal.keyId,
      audio: this.#audio,
      forgotten: this.#journal.forgotten,
      events: this.#journal.since(this.#journal.forgotten) ?? [],
      messages: this.#messages - this.#messagesAt.filter((at) => at > offset).length,
      offset,
      segments: session?.utterances.count ?? 0,
      ...(this.#ending === undefined ? { session } : { ending: this.#ending }),
    };
  }

  kept({ offset }: KeptSession): void {
    while ((this.#messagesAt[0] ?? Infinity) <= offset) this.#messagesAt.shift();
    if (offset <= this.#keepFrom) return;
    this.#keepFrom = offset;
    if (this.#ack?.type !== 'ack') return;
    this.#ack = { ...this.#ack, keepFrom: offset };
    this.#owner?.send(this.#ack);
  }

  lost(): void {
    this.#options.onLost(this);
    this.#owner?.takenOver();
  }

  /** Whether it could be gone on with here and now: what is over is only told. */
  mayResurrect({ session }: KeptSession): boolean {
    return session === undefined || this.mayRestore(session);
  }

  /** Goes on with a session that another node had. */
  async resurrect(kept: KeptSession): Promise<boolean> {
    this.detach();
    if (kept.session !== undefined && !(await this.restore(kept.session))) return false;
    this.#audio = kept.audio;
    this.#messages = kept.messages;
    this.#journal.restore(kept.forgotten, kept.events);
    this.#keepFrom = kept.offset;
    this.#notedAt = kept.offset;
    this.#ending = kept.ending;
    this.#origin = kept;
    this.#isKept = true;
    return true;
  }

  /** Whether another node may go on with it. */
  get mayMove(): boolean {
    return this.#isKept && this.#ending === undefined && this.#audio !== undefined;
  }

  /** Resolves when no utterance is in progress. */
  async quiet(): Promise<void> {
    if (this.#open.size > 0 && this.#ending === undefined) {
      await new Promise<void>((resolve) => this.#onQuiet.push(resolve));
    }
  }

  #note(): void {
    this.#notedAt = this.receivedSamples;
    this.#options.keeper?.changed(this);
  }

  /** Words are kept at once; silence, and a long utterance, now and then. */
  #noteIfNew(message: ServerMessage): void {
    if (message.type === 'speechStarted') this.#open.add(message.segmentId);
    if (message.type === 'final' || message.type === 'error') {
      this.#open.delete(message.segmentId ?? -1);
      if (this.#open.size === 0) for (const resolve of this.#onQuiet.splice(0)) resolve();
    }
    if (message.type === 'speechStarted' || message.type === 'speechEnded') return;
    const rate = this.#audio?.sampleRate ?? 0;
    if (isEvent(message) || this.receivedSamples - this.#notedAt > (SILENCE_NOTED_MS / 1_000) * rate) this.#note();
  }

  /** Goes on through `owner`, whose client has got the first `events` events; a former owner is told. */
  attach(owner: SessionOwner, events: number): void {
    const known = this.#known(events);
    const origin = this.#origin;
    const missed = this.#journal.since(known) ?? [];
    if (this.#audio === undefined) return;
    const former = this.#owner;
    this.#owner = owner;
    this.attend(true);
    former?.takenOver();
    owner.send({
      type: 'resumed',
      sessionId: this.id,
      audio: this.#audio,
      offset: this.#ending === undefined ? this.receivedSamples : Math.max(this.receivedSamples, this.#keepFrom),
      messages: this.#messages,
      ...(origin !== undefined && { events: known }),
      ...(origin?.session !== undefined && { segments: origin.segments }),
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
    for (const resolve of this.#onQuiet.splice(0)) resolve();
    if (this.#isKept) this.#note();
    this.#owner?.end(reason);
  }
}

function endOf({ forgotten, events }: KeptSession): number {
  return forgotten + events.length;
}

/** A session whose channels are separate does not go on at another node. */
function isBoundToNode({ channels }: StartMessage): boolean {
  return channels === 'separate';
}
