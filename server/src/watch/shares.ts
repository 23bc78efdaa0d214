// All shared sessions of this server, by their tokens.
import { Share, type ShareOptions } from './share.js';

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

export interface SharesOptions extends SharingSettings, Pick<ShareOptions, 'publish' | 'wallNow'> {
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

export class Shares {
  readonly #options: SharesOptions;
  readonly #byToken = new Map<string, Share>();
  /** When the captions of a session that is over are forgotten, in the order of the ends. */
  readonly #lingering = new Map<Share, number>();

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
    const share = new Share({ ...this.#options, sampleRate });
    this.#byToken.set(share.token, share);
    return share;
  }

  /** The session of a token, also for a while after its end; undefined where there is none. */
  find(token: string): Share | undefined {
    return this.#byToken.get(token);
  }

  /** Ends a session's share. May be called twice. */
  end(share: Share, reason: Parameters<Share['end']>[0]): void {
    if (share.hasEnded) return;
    share.end(reason);
    this.#lingering.set(share, this.#options.now() + CAPTIONS_LINGER_MS);
    for (const oldest of this.#lingering.keys()) {
      if (this.#lingering.size <= LINGERING_MAX) break;
      this.#forget(oldest);
    }
  }

  /** Forgets what has lingered long enough; called about once a second. */
  tend(now: number): void {
    for (const [share, until] of this.#lingering) {
      if (now < until) return;
      this.#forget(share);
    }
  }

  #forget(share: Share): void {
    this.#lingering.delete(share);
    this.#byToken.delete(share.token);
  }
}
