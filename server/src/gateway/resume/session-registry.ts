// The sessions of a server by their tokens; those without a socket wait here for their clients, bounded in number and
// time.
import type { ResumeMessage } from '@sotto/protocol';
import type { Client } from '../../access/principal.js';
import { isLoopback } from '../../http/hosts.js';
import type { GatewayMetrics } from '../../metrics/gateway-metrics.js';
import type { SessionFactory } from '../../session/session-port.js';
import type { Clock } from '../../time/clock.js';
import type { GatewayLimits } from '../limits.js';
import type { SessionKeeper } from './kept-session.js';
import { ResumableSession, type SessionOwner } from './resumable-session.js';

export interface SessionRegistryOptions {
  readonly limits: Pick<
    GatewayLimits,
    | 'resumeGraceMs'
    | 'detachedSessionsMax'
    | 'detachedSessionsPerKeyMax'
    | 'detachedSessionsPerAddressMax'
    | 'resumeBytesMax'
  >;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  /** Keeps sessions for other nodes, or the next start. */
  readonly keeper?: SessionKeeper | undefined;
}

/**
 * Why a client does not go on with its session: there is none, or not for it; or this node cannot serve it now, and
 * another one may.
 */
export type ResumeRefusal = 'unknown' | 'noRoom';

/** Why a session that waited ended: a label of the metric. */
type Ending = 'expired' | 'full' | 'bytes' | 'shutdown';

export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #byToken = new Map<string, ResumableSession>();
  /** Sessions without a socket and when they lost it, the oldest first. */
  readonly #waiting = new Map<ResumableSession, number>();
  #isClosed = false;

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  /** Sessions that wait for their clients. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Makes a session that speaks through `owner`; only the same key goes on with it. */
  open(createSession: SessionFactory, owner: SessionOwner, client: Client): ResumableSession {
    return this.#make(createSession, owner, client);
  }

  #make(createSession: SessionFactory, owner: SessionOwner, client: Client, token?: string): ResumableSession {
    const { limits, keeper } = this.#options;
    const options = {
      client,
      keeper,
      windowMs: limits.resumeGraceMs,
      eventBytesMax: limits.resumeBytesMax,
      onReady: (session: ResumableSession) => void this.#byToken.set(session.token, session),
      onOverflow: (session: ResumableSession) => this.#giveUp(session, 'bytes'),
      onLost: (session: ResumableSession) => this.#drop(session, true),
    };
    return new ResumableSession(createSession, owner, options, token);
  }

  /**
   * The session of `token`, which waits no longer: the caller attaches to it. Undefined: there is none, or events
   * behind the first `events` are lost (rule RS7).
   */
  claim(token: string, events: number, { principal }: Client): ResumableSession | undefined {
    const session = this.#byToken.get(token);
    const isTheirs = session?.client.principal.keyId === principal.keyId;
    const claimed = isTheirs && session?.has(events) === true ? session : undefined;
    if (claimed === undefined) return undefined;
    this.#options.metrics.resumes.add(1, 'resumed');
    this.#waiting.delete(claimed);
    return claimed;
  }

  /**
   * The session of a client that is not here, as another node, or this one before its start, has kept it (rule RS12):
   * the caller attaches to it. Where this node has no room it is left to another.
   */
  async recall(
    { token, events, keptFrom }: ResumeMessage,
    createSession: SessionFactory,
    owner: SessionOwner,
    client: Client,
  ): Promise<ResumableSession | ResumeRefusal> {
    const session = await this.#recall(token, events, keptFrom, createSession, owner, client);
    this.#options.metrics.resumes.add(1, typeof session === 'string' ? session : 'recalled');
    return session;
  }

  async #recall(
    token: string,
    events: number,
    keptFrom: number | undefined,
    createSession: SessionFactory,
    owner: SessionOwner,
    client: Client,
  ): Promise<ResumableSession | ResumeRefusal> {
    const { keeper } = this.#options;
    const here = this.#byToken.get(token);
    if (here !== undefined && this.isDoubtful(here) && here.client.principal.keyId === client.principal.keyId) {
      if (await keeper?.owns(here)) return this.claim(token, events, client) ?? 'unknown';
      this.#lose(here);
    }
    // Here, but not theirs, or with events lost.
    if (keeper === undefined || keptFrom === undefined || this.#byToken.has(token)) return 'unknown';
    if (this.#isClosed) return 'noRoom';
    const session = this.#make(createSession, owner, client, token);
    let hasRoom = true;
    const recalled = await keeper.recall(token, (kept) => {
      const isTheirs =
        kept.keyId === client.principal.keyId &&
        kept.forgotten <= events &&
        // Audio between what was kept and what the client has would be lost.
        (kept.session === undefined || keptFrom <= kept.offset);
      // Asked before it is taken from whoever has it.
      hasRoom = !isTheirs || session.mayResurrect(kept);
      return isTheirs && hasRoom;
    });
    const isServed = recalled !== undefined && (await session.resurrect(recalled.kept).catch(() => false));
    if (!isServed || this.#isClosed) {
      session.abandon();
      return recalled === undefined && hasRoom ? 'unknown' : 'noRoom';
    }
    recalled.adopt(session);
    const other = this.#byToken.get(token);
    if (other !== undefined) this.#lose(other);
    this.#byToken.set(token, session);
    return session;
  }

  /** Lets another node go on with a session. Resolves with whether it may. */
  async handOver(session: ResumableSession): Promise<boolean> {
    const isKept = session.mayMove && (await this.#options.keeper?.handOver(session)) === true;
    if (isKept) this.#drop(session, true);
    return isKept;
  }

  /** Whether sessions move to other nodes when this one shuts down. */
  get movesSessions(): boolean {
    return this.#options.keeper?.isShared === true;
  }

  /**
   * The connection of `owner` is over. The session waits if its client may come back, or if it has ended and the client
   * may not have heard the end of it; else it is forgotten. Nothing happens where another connection has the session by
   * now.
   */
  release(session: ResumableSession, owner: SessionOwner, mayReturn: boolean): void {
    if (!session.isOwnedBy(owner)) return;
    session.detach();
    if (this.#isClosed || !this.#byToken.has(session.token) || !(mayReturn || session.isOver)) {
      return this.forget(session);
    }
    if (session.isOver) session.abandon();
    this.#waiting.set(session, this.#options.clock.now());
    this.#makeRoom(session.client);
  }

  /** The client that a session was recalled for is gone already: it waits here. */
  leave(session: ResumableSession): void {
    if (this.#isClosed) return this.#drop(session);
    this.#waiting.set(session, this.#options.clock.now());
    this.#makeRoom(session.client);
  }

  /** Ends a session that nobody may resume. */
  forget(session: ResumableSession): void {
    this.#options.keeper?.forget(session);
    this.#drop(session);
  }

  /** Another node may have gone on with it, and this one not have heard of it yet. */
  isDoubtful(session: ResumableSession): boolean {
    return this.movesSessions && session.mayMove;
  }

  /** Somebody else has it: its client is told. */
  #lose(session: ResumableSession): void {
    this.#options.keeper?.forget(session);
    session.lost();
  }

  /** It ends here; what is kept of it stays. */
  #drop(session: ResumableSession, goesOn = false): void {
    if (this.#byToken.get(session.token) === session) this.#byToken.delete(session.token);
    this.#waiting.delete(session);
    session.abandon(goesOn);
  }

  /** Ends the sessions whose time is over; called about once a second. */
  check(now: number): void {
    for (const [session, since] of this.#waiting) {
      if (now - since < this.#options.limits.resumeGraceMs) return;
      this.#giveUp(session, 'expired');
    }
  }

  /**
   * The server shuts down: ends what waits, and keeps nothing from now on; what another process may go on with is kept
   * for it. May be called twice.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(
      [...this.#waiting.keys()].map(async (session) => {
        if (!(await this.handOver(session))) this.#giveUp(session, 'shutdown');
      }),
    );
  }

  /** Nobody's sessions push out those of others: first the bounds of the one that came last, then that of all. */
  #makeRoom({ principal, address }: Client): void {
    const {
      detachedSessionsMax,
      detachedSessionsPerKeyMax = 0,
      detachedSessionsPerAddressMax = 0,
    } = this.#options.limits;
    const { keyId } = principal;
    if (keyId !== undefined) this.#keep(detachedSessionsPerKeyMax, ({ client }) => client.principal.keyId === keyId);
    if (!isLoopback(address)) this.#keep(detachedSessionsPerAddressMax, ({ client }) => client.address === address);
    while (this.#waiting.size > detachedSessionsMax) this.#giveUpOne([...this.#waiting.keys()]);
  }

  /** At most `most` of these sessions go on waiting; 0: all. */
  #keep(most: number, isOne: (session: ResumableSession) => boolean): void {
    if (most === 0 || this.#waiting.size <= most) return;
    const these = [...this.#waiting.keys()].filter(isOne);
    if (these.length > most) this.#giveUpOne(these);
  }

  /** One that has said everything, else one that has heard nothing, else the oldest of the address that has most. */
  #giveUpOne(sessions: readonly ResumableSession[]): void {
    const one =
      sessions.find(({ isOver }) => isOver) ??
      sessions.find(({ receivedSamples }) => receivedSamples === 0) ??
      oldestOfTheMost(sessions);
    if (one !== undefined) this.#giveUp(one, 'full');
  }

  #giveUp(session: ResumableSession, why: Ending): void {
    if (!this.#waiting.has(session)) return;
    if (!session.isOver) this.#options.metrics.detachedEnded.add(1, why);
    this.forget(session);
  }
}

function oldestOfTheMost(sessions: readonly ResumableSession[]): ResumableSession | undefined {
  const counts = new Map<string, number>();
  for (const { client } of sessions) counts.set(client.address, (counts.get(client.address) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return sessions.find(({ client }) => counts.get(client.address) === most);
}
