// What one session came to, for the one line that the log has of it.
import { displayedWords, type ClientMessage, type ServerMessage } from '@sotto/protocol';
import { LatencySpread, spreadQuantile } from './latency-spread.js';

/** Fields of the line. */
export interface SessionTotalsView {
  /** Audio that came, whether speech or not. */
  readonly audioMs: number;
  readonly utterances: number;
  readonly words: number;
  /** Within 2.5 %; absent where no audio was acknowledged. */
  readonly lagP95Ms?: number;
  readonly audioBytes: number;
  /** Error messages that its client got, by code; absent: none. */
  readonly errors?: Readonly<Record<string, number>>;
}

export class SessionTotals {
  readonly #lag = new LatencySpread();
  readonly #errors = new Map<string, number>();
  #samplesPerMs = 0;
  #audioBytes = 0;
  #utterances = 0;
  #words = 0;

  received(message: ClientMessage): void {
    if (message.type === 'start') this.#samplesPerMs = message.audio.sampleRate / 1_000;
    if (message.type === 'audio') this.#audioBytes += message.data.byteLength;
  }

  sent(message: ServerMessage): void {
    if (message.type === 'ack') this.#lag.observe(message.lagMs / 1_000);
    if (message.type === 'speechStarted') this.#utterances++;
    if (message.type === 'final') this.#words += displayedWords(message.text).length;
    if (message.type === 'error') this.#errors.set(message.code, (this.#errors.get(message.code) ?? 0) + 1);
  }

  /** @param samples that came here, at the client's rate */
  view(samples: number): SessionTotalsView {
    const lag = spreadQuantile(this.#lag.counts, 0.95);
    return {
      audioMs: this.#samplesPerMs === 0 ? 0 : Math.round(samples / this.#samplesPerMs),
      utterances: this.#utterances,
      words: this.#words,
      ...(lag !== undefined && { lagP95Ms: Math.round(1_000 * lag) }),
      audioBytes: this.#audioBytes,
      ...(this.#errors.size > 0 && { errors: Object.fromEntries(this.#errors) }),
    };
  }
}
