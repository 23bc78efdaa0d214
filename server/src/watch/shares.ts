// All shared sessions that this server shows, by their tokens: its own, and those that it follows from other nodes.
import { randomBytes } from 'node:crypto';
import type { AckMessage, EndedMessage, ServerMessage } from '@sotto/protocol';
import type { SharedLines } from '../session/session-checkpoint.js';
import { Share, type ShareOptions } from './share.js';
import type { Following, RelayedMessage, Told, WatchRelay } from './watch-relay.js';

/** What the operator decides about watching. */
export interface SharingSettings {
  /** Whether speakers may share their sessions at all. */
  readonly isEnabled: boolean;
  /** Viewers of one session at a time. Beyond: `overloaded`, closed with `tryAgainLater`. */
  readonly viewersMax: number;
}

export const SHARING_DEFAULTS = { isEnabled: true, viewersMax: 1_000 } as const satisfies SharingSettings;

/** How long captions of a session that is over can still be fetched, milliseconds: players are some segments behind. */
export const CAPTIONS_LINGER_MS = 60_000;
/** Sessions that are over and whose captions are kept; beyond it the oldest are forgotten. */
export const LINGERING_MAX = 256;
/** How long another node may take to tell its lines, milliseconds. */
const FOLLOW_MS_MAX = 1_500;
/** Sessions that are looked for at a time; beyond, who asks is to ask again. */
const SEEKING_MAX = 256;
/** A session of another node of which nothing was heard for so long is over, milliseconds. */
const SILENT_MS_MAX = 120_000;
/** How often others hear that a session is there, and how far its audio has come, milliseconds. */
const ALIVE_MS = 1_000;
/** How often it is written down that it is there, milliseconds. */
const KNOWN_MS = 30_000;

export interface SharesOptions extends SharingSettings, Pick<ShareOptions, 'publish' | 'wallNow'> {
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** To nodes that share the store; absent: there are none. */
  readonly relay?: WatchRelay | undefined;
}

/** A session of this node that others may follow. */
interface Spoken {
  readonly stop: () => void;
  readonly epoch: string;
  count: number;
  ack: AckMessage | undefined;
  aliveAt: number;
  knownAt: number;
}

/** A session of another node. */
interface Followed {
  readonly following: Following;
  /** Up to where it was heard; undefined: nothing yet. */
  heard: Told | undefined;
  heardAt: number;
}

export class Shares {
  readonly #options: SharesOptions;
  readonly #byToken = new Map<string, Share>();
  readonly #spoken = new Map<Share, Spoken>();
  readonly #followed = new Map<Share, Followed>();
  readonly #seeking = new Map<string, Promise<Share | undefined>>();
  /** When the captions of a session that is over are forgotten, in the order of the ends. */
  readonly #lingering = new Map<Share, number>();
  #isDraining = false;

  constructor(options: SharesOptions) {
    this.#options = options;
  }

  get isEnabled(): boolean {
    return this.#options.isEnabled;
  }

  /** Those who watch now. */
  get viewerCount(): number {
    let count = 0;
    for (const share of this.#byToken.values()) count += share.viewerCount;
    return count;
  }

  /** Starts to share a session whose speaker sends so many samples per second. */
  open(sampleRate: number): Share {
    return this.#speak(this.#make(sampleRate));
  }

  /** Goes on with one that another node, or this one, had until now: whoever follows it gets these lines. */
  adopt(lines: SharedLines, sampleRate: number): Share {
    const known = this.#byToken.get(lines.token);
    if (known === undefined || known.hasEnded) return this.#speak(this.#make(sampleRate, lines));
    this.#leave(known);
    known.reset(lines);
    return this.#speak(known);
  }

  /** The session of a token, also for a while after its end; undefined where there is none here. */
  find(token: string): Share | undefined {
    return this.#byToken.get(token);
  }

  /** The same, wherever it is. `later`: it is between two nodes now. */
  async seek(token: string): Promise<Share | 'later' | undefined> {
    const here = this.find(token);
    const { relay } = this.#options;
    if (here !== undefined || relay === undefined) return here;
    if (this.#seeking.size >= SEEKING_MAX) return 'later';
    let seeking = this.#seeking.get(token);
    if (seeking === undefined) {
      seeking = this.#follow(token, relay).finally(() => this.#seeking.delete(token));
      this.#seeking.set(token, seeking);
    }
    const found = (await seeking) ?? this.find(token);
    return found ?? ((await relay.isKnown(token)) ? 'later' : undefined);
  }

  /** Ends a session's share. May be called twice. */
  end(share: Share, reason: EndedMessage['reason']): void {
    if (share.hasEnded) return;
    if (this.#spoken.has(share)) this.#options.relay?.say(share.token, { type: 'over', reason });
    this.#leave(share);
    share.end(reason);
    this.#lingering.set(share, this.#options.now() + CAPTIONS_LINGER_MS);
    for (const oldest of this.#lingering.keys()) {
      if (this.#lingering.size <= LINGERING_MAX) break;
      this.#forget(oldest);
    }
  }

  /** Its session goes on at another node: its viewers here go on too. */
  handOver(share: Share): void {
    const { relay } = this.#options;
    if (share.hasEnded || !this.#spoken.has(share)) return;
    if (relay === undefined) return this.end(share, 'lost');
    this.#leave(share);
    if (this.#isDraining) return this.#moveAway(share);
    const following = relay.follow(share.token, (message) => this.#heard(share, message));
    this.#followed.set(share, { following, heard: undefined, heardAt: this.#options.now() });
  }

  /** This node shuts down: viewers of sessions that go on elsewhere go there. */
  drain(): void {
    this.#isDraining = true;
    for (const share of this.#followed.keys()) {
      this.#leave(share);
      this.#moveAway(share);
    }
  }

  /** Forgets what has lingered long enough, and tells others what is there; called about once a second. */
  tend(now: number): void {
    for (const [share, until] of this.#lingering) {
      if (now < until) break;
      this.#forget(share);
    }
    for (const [share, spoken] of this.#spoken) this.#tell(share, spoken, now);
    for (const [share, { heardAt }] of this.#followed) {
      if (now - heardAt > SILENT_MS_MAX) this.end(share, 'lost');
      else if (share.viewerCount === 0) {
        this.#leave(share);
        this.#byToken.delete(share.token);
      }
    }
  }

  /** Tells nobody. */
  close(): void {
    for (const share of [...this.#spoken.keys(), ...this.#followed.keys()]) this.#leave(share);
  }

  #make(sampleRate: number, lines?: SharedLines): Share {
    const onEvent = (message: ServerMessage): void => this.#shown(share, message);
    const share = new Share({ ...this.#options, sampleRate, onEvent, ...(lines !== undefined && { lines }) });
    this.#byToken.set(share.token, share);
    return share;
  }

  #speak(share: Share): Share {
    const { relay, now } = this.#options;
    if (relay === undefined) return share;
    const stop = relay.speak(share.token, () => this.#tellLines(share));
    const epoch = randomBytes(6).toString('base64url');
    this.#spoken.set(share, { stop, epoch, count: 0, ack: undefined, aliveAt: now(), knownAt: now() });
    this.#tellLines(share);
    return share;
  }

  #tellLines(share: Share): void {
    const { epoch, count } = this.#spoken.get(share) ?? {};
    if (epoch === undefined || count === undefined) return;
    const { token, lines, sampleRate } = share;
    this.#options.relay?.say(token, { type: 'lines', lines, sampleRate, epoch, count });
  }

  /** Acks come often, and are told now and then. */
  #shown(share: Share, message: ServerMessage): void {
    const spoken = this.#spoken.get(share);
    if (spoken === undefined) return;
    if (message.type === 'ack') {
      spoken.ack = message;
      return;
    }
    spoken.count++;
    const { epoch, count } = spoken;
    this.#options.relay?.say(share.token, { type: 'event', message, epoch, count });
  }

  #tell({ token }: Share, spoken: Spoken, now: number): void {
    const { relay } = this.#options;
    const { ack, epoch, count } = spoken;
    if (now - spoken.aliveAt >= ALIVE_MS) {
      spoken.aliveAt = now;
      relay?.say(token, { type: 'alive', ack, epoch, count });
    }
    if (now - spoken.knownAt < KNOWN_MS) return;
    spoken.knownAt = now;
    relay?.keepKnown(token);
  }

  /** Resolves with undefined where no node tells its lines. */
  #follow(token: string, relay: WatchRelay): Promise<Share | undefined> {
    return new Promise((resolve) => {
      let share: Share | undefined;
      const timer = setTimeout(() => {
        following.stop();
        resolve(undefined);
      }, FOLLOW_MS_MAX);
      const following = relay.follow(token, (message) => {
        if (share !== undefined) return this.#heard(share, message);
        if (message.type !== 'lines') return;
        clearTimeout(timer);
        // Its speaker may have come to this node meanwhile.
        if (this.#byToken.has(token) || this.#isDraining) {
          following.stop();
          return resolve(undefined);
        }
        share = this.#make(message.sampleRate, message.lines);
        this.#followed.set(share, { following, heard: message, heardAt: this.#options.now() });
        resolve(share);
      });
    });
  }

  #heard(share: Share, message: RelayedMessage): void {
    const followed = this.#followed.get(share);
    if (followed === undefined) return;
    followed.heardAt = this.#options.now();
    if (message.type === 'over') return this.end(share, message.reason);
    const { epoch, count } = message;
    const { heard, following } = followed;
    const missed = heard?.epoch === epoch ? count - heard.count : Number.POSITIVE_INFINITY;
    if (message.type === 'lines') {
      if (missed === 0) return;
      followed.heard = { epoch, count };
      return share.reset(message.lines);
    }
    if (missed > (message.type === 'event' ? 1 : 0)) return following.ask();
    if (message.type === 'alive') {
      if (message.ack !== undefined) share.observe(message.ack);
    } else if (missed === 1) {
      followed.heard = { epoch, count };
      share.observe(message.message);
    }
  }

  /** Neither speaks for it nor follows it any more. */
  #leave(share: Share): void {
    this.#spoken.get(share)?.stop();
    this.#followed.get(share)?.following.stop();
    this.#spoken.delete(share);
    this.#followed.delete(share);
  }

  #moveAway(share: Share): void {
    this.#byToken.delete(share.token);
    share.move();
  }

  #forget(share: Share): void {
    this.#lingering.delete(share);
    if (this.#byToken.get(share.token) === share) this.#byToken.delete(share.token);
  }
}
