// A session within the quotas of its client: audio, bytes, length, and what its token allows.
import { CLOSE, errorMessage, type ClientMessage, type StartMessage } from '@sotto/protocol';
import type { Client } from '../access/principal.js';
import type { SessionCheckpoint } from '../session/session-checkpoint.js';
import { SessionDecorator } from '../session/session-decorator.js';
import type { SessionFactory, SessionSink } from '../session/session-port.js';
import type { Admission } from './admission.js';
import { QuotaError } from './quota.js';

export class BoundedSession extends SessionDecorator {
  readonly #admission: Admission;
  readonly #client: Client;
  readonly #openedAt: number;
  #start: StartMessage | undefined;
  #isOver = false;

  constructor(create: SessionFactory, sink: SessionSink, client: Client, admission: Admission) {
    super(create, sink);
    this.#client = client;
    this.#admission = admission;
    this.#openedAt = admission.now();
  }

  override receive(message: ClientMessage): void {
    if (this.#isOver) return;
    const refusal = this.#refusalOf(message);
    if (refusal !== undefined) return this.#refuse(refusal);
    if (message.type === 'start') this.#start ??= message;
    const before = this.receivedSamples;
    super.receive(message);
    if (message.type === 'audio') this.#spend(message.data.byteLength, this.receivedSamples - before);
  }

  override restore(checkpoint: SessionCheckpoint): Promise<boolean> {
    this.#start ??= checkpoint.start;
    return super.restore(checkpoint);
  }

  /** What a token does not allow, and what its key may not. */
  #refusalOf(message: ClientMessage): string | undefined {
    if (message.type !== 'start' && message.type !== 'configure') return undefined;
    const { token, scopes, keyId } = this.#client.principal;
    const wantsPolish = message.polish?.mode !== undefined && message.polish.mode !== 'off';
    if (token?.polish === false && wantsPolish) return 'The token does not allow polish.';
    const mayShare = keyId === undefined || scopes.has('watch') || scopes.has('admin');
    if (message.type === 'start' && message.share === true && !mayShare) {
      return 'The key or token does not have the scope "watch", which sharing needs.';
    }
    return undefined;
  }

  #refuse(text: string): void {
    this.#isOver = true;
    this.send(errorMessage('forbidden', text));
    super.abandon();
    this.end(CLOSE.forbidden);
  }

  /** Samples that came before are not spent again. */
  #spend(bytes: number, samples: number): void {
    const rate = this.#start?.audio.sampleRate;
    if (rate === undefined || this.#isOver) return;
    try {
      this.#admission.bytes.spend(this.#client, bytes);
      this.#admission.spendAudio(this.#client, (Math.max(0, samples) * this.#channelsHeard * 1_000) / rate);
      this.#checkLength();
    } catch (error) {
      if (!(error instanceof QuotaError)) throw error;
      this.#stop(error);
    }
  }

  /** Each channel that is heard alone counts. */
  get #channelsHeard(): number {
    return this.#start?.channels === 'separate' ? this.#start.audio.channels : 1;
  }

  #checkLength(): void {
    const { sessionMsMax, now } = this.#admission;
    if (sessionMsMax === 0 || now() - this.#openedAt <= sessionMsMax) return;
    throw new QuotaError(`${sessionMsMax} milliseconds of one session`, 'perKey', 1);
  }

  #stop({ message, retryAfterMs }: QuotaError): void {
    this.#isOver = true;
    this.send(errorMessage('quota_exceeded', message, { retryAfterMs }));
    super.abandon();
    this.end(CLOSE.quotaExceeded);
  }
}
