// One client of Deepgram's live API: audio and controls in, results out, from one session for each channel.
import { createHash } from 'node:crypto';
import { CLOSE, type AudioFormat, type CloseReason } from '@sotto/protocol';
import type { Conversation, DialectClose, DialectFault, DialectPeer } from '../../../gateway/dialect.js';
import type { SessionFactory } from '../../../session/session-port.js';
import { AudioFileError } from '../../../audio/audio-errors.js';
import { isContained } from '../../../audio/raw-audio.js';
import { SessionFeed } from '../session-feed.js';
import { ChannelStream } from './channel-stream.js';
import { readControl } from './client-messages.js';
import { recognitionOf, type ListenOptions } from './listen-options.js';
import { ChannelSplitter } from './live-audio.js';
import { LiveContainer, type LiveContainerOptions } from './live-container.js';
import type { ModelInfo } from './model-info.js';
import { warningsField } from './warnings.js';
import { seconds } from './words.js';
import { SAMPLE_RATE } from '../../../audio/samples.js';

/** Deepgram ends a stream on which nothing came for so long, milliseconds: clients send KeepAlive. */
export const IDLE_MS = 10_000;

const DONE: DialectClose = { code: 1000, reason: '' };
/** Some clients know this case by the address in it. */
const IDLE: DialectClose = {
  code: 1011,
  reason: 'No audio or text came within the timeout window. See https://dpgr.am/net0001',
};
/** What comes out of a container. */
const DECODED: AudioFormat = { encoding: 'pcm_f32le', sampleRate: SAMPLE_RATE, channels: 1 };
const NO_MESSAGE: DialectClose = { code: 1008, reason: 'DATA-0000: a text message is a JSON object with a "type".' };
const FAULTS: Readonly<Record<DialectFault, DialectClose>> = {
  too_many_messages: { code: 1008, reason: 'Too many messages per second: send larger chunks of audio.' },
  message_too_large: { code: 1009, reason: 'The message is larger than the limit.' },
  audio_too_fast: { code: 1008, reason: 'Audio comes faster than it is processed.' },
  idle: IDLE,
  internal: { code: 1011, reason: 'NET-0000: the server failed on this stream.' },
};

export interface LiveConversationOptions {
  readonly peer: DialectPeer;
  readonly createSession: SessionFactory;
  readonly listen: ListenOptions;
  readonly requestId: string;
  readonly model: ModelInfo;
  /** For audio that comes in a container. */
  readonly decode: LiveContainerOptions['decode'];
}

interface Channel {
  readonly feed: SessionFeed;
  readonly stream: ChannelStream;
}

export class LiveConversation implements Conversation {
  readonly #options: LiveConversationOptions;
  readonly #created = new Date().toISOString();
  readonly #hash = createHash('sha256');
  #channels: readonly Channel[] = [];
  #splitter: ChannelSplitter | undefined;
  #container: LiveContainer | undefined;
  /** Sessions that are not over. */
  #running = 0;
  #isClosing = false;
  #close: DialectClose = DONE;
  #hasHeard = true;
  #hasAudio = false;
  #heardAt = 0;
  #finalizes = 0;

  constructor(options: LiveConversationOptions) {
    this.#options = options;
    if (options.listen.audio !== undefined) this.#open(options.listen.audio);
  }

  get backlogMs(): number {
    if (this.#container?.isBehind === true) return Infinity;
    return Math.max(0, ...this.#channels.map(({ feed }) => feed.backlogMs));
  }

  onceDrained(callback: () => void): void {
    if (this.#container?.isBehind === true) return this.#container.onceCaughtUp(() => this.onceDrained(callback));
    const [slowest] = this.#channels.toSorted((a, b) => b.feed.backlogMs - a.feed.backlogMs);
    if (slowest === undefined) queueMicrotask(callback);
    else slowest.feed.onceDrained(callback);
  }

  receive(frame: string | Uint8Array): void {
    this.#hasHeard = true;
    if (this.#isClosing) return;
    if (typeof frame === 'string') this.#control(frame);
    else if (frame.byteLength === 0) this.#stop();
    else this.#audio(frame);
  }

  check(now: number): void {
    if (this.#hasHeard) {
      this.#hasHeard = false;
      this.#heardAt = now;
    }
    if (this.#isClosing || now - this.#heardAt < IDLE_MS) return;
    this.#tellMetadata('incomplete');
    this.#options.peer.end(IDLE);
  }

  fail(fault: DialectFault): DialectClose {
    this.#tellMetadata('incomplete');
    return FAULTS[fault];
  }

  async drain(): Promise<void> {
    this.#isClosing = true;
    if (this.#running === 0) this.#ended(CLOSE.goingAway);
    await Promise.all(this.#channels.map(({ feed }) => feed.drain()));
  }

  abandon(): void {
    this.#container?.close();
    for (const { feed } of this.#channels) feed.abandon();
  }

  #control(text: string): void {
    const message = readControl(text);
    switch (message?.type) {
      case undefined:
        return this.#options.peer.end(NO_MESSAGE);
      case 'CloseStream':
        return this.#stop();
      case 'Finalize':
        return this.#finalize(message.channel);
      case 'KeepAlive':
      case 'ignored':
        return;
    }
  }

  #audio(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    const isFirst = !this.#hasAudio;
    this.#hasAudio = true;
    // What is called raw may come in a container all the same.
    if (this.#options.listen.audio === undefined || (isFirst && isContained(chunk))) {
      this.#container ??= this.#openContainer();
    }
    if (this.#container !== undefined) return this.#container.push(chunk);
    const parts = this.#splitter?.split(chunk) ?? [chunk];
    for (const [index, part] of parts.entries()) this.#channels[index]?.feed.audio(part);
  }

  #finalize(channel: number | undefined): void {
    const id = `finalize-${this.#finalizes++}`;
    for (const [index, { feed, stream }] of this.#channels.entries()) {
      if (channel !== undefined && channel !== index) continue;
      stream.finalizing(id);
      feed.finalize(id);
    }
  }

  #stop(): void {
    this.#isClosing = true;
    if (this.#running === 0) return this.#ended(CLOSE.done);
    if (this.#container !== undefined) return this.#container.end();
    for (const { feed } of this.#channels) feed.stop();
  }

  #openContainer(): LiveContainer {
    // Sessions for raw audio have heard nothing yet.
    for (const { feed } of this.#channels) feed.abandon();
    this.#open(DECODED);
    return new LiveContainer({
      opusChannels: this.#options.listen.opusChannels,
      decode: this.#options.decode,
      onSamples: ({ buffer, byteOffset, byteLength }) => {
        for (const { feed } of this.#channels) feed.audio(new Uint8Array(buffer, byteOffset, byteLength));
      },
      onceReady: (callback) => {
        const [first] = this.#channels;
        if (first === undefined) callback();
        else first.feed.onceDrained(callback);
      },
      onEnd: () => {
        for (const { feed } of this.#channels) feed.stop();
      },
      onError: (error) => this.#undecodable(error),
    });
  }

  #undecodable(error: unknown): void {
    if (!(error instanceof AudioFileError)) return this.#options.peer.crash(error);
    this.#tellMetadata('incomplete');
    const reason = `DATA-0000: ${error.message} Raw audio needs encoding and sample_rate.`;
    this.#options.peer.end({ code: 1008, reason });
  }

  #open(audio: AudioFormat): void {
    const { listen, requestId, model, peer } = this.#options;
    const count = listen.isMultichannel ? audio.channels : 1;
    if (count > 1) this.#splitter = new ChannelSplitter(audio);
    this.#running = count;
    this.#channels = Array.from({ length: count }, (_, index) => {
      const stream = new ChannelStream({
        index: [index, count],
        listen,
        requestId,
        model,
        send: (event, subject) => peer.send(event, subject),
      });
      const feed: SessionFeed = new SessionFeed({
        createSession: this.#options.createSession,
        start: { audio: { ...audio, channels: count > 1 ? 1 : audio.channels }, ...recognitionOf(listen) },
        onMessage: (message) => stream.take(message, () => feed.receivedMs),
        onEnd: (reason) => this.#ended(reason),
      });
      return { feed, stream };
    });
  }

  /** A session is over. The last one ends the stream. */
  #ended({ code, reason }: CloseReason): void {
    this.#running--;
    if (code !== DONE.code) this.#close = { code: code < 4_000 ? code : 1008, reason };
    if (this.#running > 0 && this.#isClosing) return;
    this.#isClosing = true;
    this.#tellMetadata(this.#hash.digest('hex'));
    this.#options.peer.end(this.#close);
  }

  #tellMetadata(sha256: string): void {
    const { requestId, model, peer, listen } = this.#options;
    const durations = this.#channels.map(({ feed }) => feed.receivedMs);
    const duration = seconds(Math.max(0, ...durations));
    const models = duration > 0 ? { models: [model.uuid], model_info: { [model.uuid]: model.info } } : {};
    peer.send({
      type: 'Metadata',
      transaction_key: 'deprecated',
      request_id: requestId,
      sha256,
      created: this.#created,
      duration,
      channels: listen.isMultichannel ? this.#channels.length : (listen.audio?.channels ?? 1),
      ...models,
      ...warningsField(listen.warnings),
    });
  }
}
