// Who may begin and spend how much: the quotas of a server in one place.
import type { TokenLimits } from '../access/principal.js';
import { Allowance, QuotaError, Shares } from './quota.js';

/** Each with its bound and what happens beyond: see config/groups/admission.ts. 0: no bound. */
export interface AdmissionSettings {
  readonly streamsPerKeyMax: number;
  readonly streamsPerAddressMax: number;
  readonly audioMsPerDayPerKeyMax: number;
  readonly audioMsPerDayPerAddressMax: number;
  readonly audioMsPerDayMax: number;
  readonly streamBytesPerSecondPerKeyMax: number;
  readonly streamBytesPerSecondPerAddressMax: number;
  readonly requestsPerMinutePerKeyMax: number;
  readonly requestsPerMinutePerAddressMax: number;
  readonly uploadsPerKeyMax: number;
  readonly uploadsPerAddressMax: number;
  readonly uploadsMax: number;
  readonly sessionMsMax: number;
}

/** What of a client its audio counts by. */
export interface AudioSpender {
  readonly principal: { readonly keyId: string | undefined; readonly token?: AudioToken | undefined };
  readonly address: string;
}

type AudioToken = Pick<TokenLimits, 'id' | 'audioMsMax'>;

const DAY_MS = 24 * 3_600_000;
/** Audio spent under tokens is remembered for so many; tokens live an hour at most, their sessions may go on. */
const TOKENS_MAX = 100_000;

export class Admission {
  /** Open live sockets. */
  readonly streams: Shares;
  /** Bodies of requests that are being read and answered. */
  readonly uploads: Shares;
  /** Requests over HTTP. */
  readonly requests: Allowance;
  /** What live sockets send. */
  readonly bytes: Allowance;
  readonly sessionMsMax: number;
  readonly now: () => number;
  readonly #audio: Allowance;
  /** Audio of each token, milliseconds. */
  readonly #byToken = new Map<string, number>();

  /** @param now milliseconds that only grow */
  constructor(settings: AdmissionSettings, now: () => number = () => performance.now()) {
    this.now = now;
    this.sessionMsMax = settings.sessionMsMax;
    const { streamsPerKeyMax, streamsPerAddressMax, uploadsPerKeyMax, uploadsPerAddressMax, uploadsMax } = settings;
    this.streams = new Shares('streams at a time', {
      perKey: streamsPerKeyMax,
      perAddress: streamsPerAddressMax,
      // The sockets of all are bounded by `maxConnections`.
      total: 0,
    });
    this.uploads = new Shares('uploads at a time', {
      perKey: uploadsPerKeyMax,
      perAddress: uploadsPerAddressMax,
      total: uploadsMax,
    });
    const requests = {
      perKey: settings.requestsPerMinutePerKeyMax,
      perAddress: settings.requestsPerMinutePerAddressMax,
      total: 0,
    };
    this.requests = new Allowance('requests a minute', 60_000, requests, now);
    const bytes = {
      perKey: settings.streamBytesPerSecondPerKeyMax,
      perAddress: settings.streamBytesPerSecondPerAddressMax,
      total: 0,
    };
    this.bytes = new Allowance('bytes a second', 1_000, bytes, now);
    const audio = {
      perKey: settings.audioMsPerDayPerKeyMax,
      perAddress: settings.audioMsPerDayPerAddressMax,
      total: settings.audioMsPerDayMax,
    };
    this.#audio = new Allowance('milliseconds of audio a day', DAY_MS, audio, now);
  }

  /** @throws QuotaError, and nothing is spent */
  spendAudio(client: AudioSpender, ms: number): void {
    const { token } = client.principal;
    const spent = token === undefined ? 0 : (this.#byToken.get(token.id) ?? 0) + ms;
    if (token?.audioMsMax !== undefined && spent > token.audioMsMax) {
      throw new QuotaError(`${token.audioMsMax} milliseconds of audio of its token`, 'perKey', DAY_MS);
    }
    this.#audio.spend(client, ms);
    if (token?.audioMsMax === undefined) return;
    this.#byToken.set(token.id, spent);
    const [oldest] = this.#byToken.keys();
    if (this.#byToken.size > TOKENS_MAX && oldest !== undefined) this.#byToken.delete(oldest);
  }
}
