// Opens a session on a Sotto server.
import {
  MsgpackClientCodec,
  type AudioEncoding,
  type ClientCodec,
  type RecognitionSettings,
} from '@sotto/protocol/client';
import type { ReconnectOptions } from './reconnect-policy.js';
import type { Auth } from './socket-link.js';
import { StreamSession } from './stream-session.js';
import { platformWebSocket, type WebSocketFactory } from './web-socket-like.js';

export interface ConnectOptions extends RecognitionSettings {
  /**
   * The audio that will be sent. Encoding: default `pcm_s16le`. Rate: Hz, 8000-48000, default 16000. Channels: default
   * 1.
   */
  readonly audio?: { readonly encoding?: AudioEncoding; readonly sampleRate?: number; readonly channels?: number };
  /**
   * What is done with several channels: `mixed` into one (the default), or heard each by itself (`separate`), whose
   * events then carry `channel`.
   */
  readonly channels?: 'mixed' | 'separate';
  /** Words in the language spoken, or in English. Default `transcribe`. */
  readonly task?: 'transcribe' | 'translate';
  /**
   * Lets others watch: `ready()` then has a `watchToken`, valid until the session ends (see `watch`). Default
   * false.
   */
  readonly share?: boolean;
  /** Makes the WebSocket. Default: that of the platform; Node before 22 has none. */
  readonly webSocket?: WebSocketFactory;
  /**
   * The wire format. Default: MessagePack; `new JsonClientCodec()` is easier to watch in a network panel. One codec
   * serves one session.
   */
  readonly codec?: ClientCodec;
  /**
   * A token, or a function that fetches a short-lived one for each connection (rule HS11). Letters, digits and `-._~`.
   */
  readonly token?: Auth;
  /** How long the server may take until it is ready, milliseconds; of each connection. Default 10000. */
  readonly connectTimeoutMs?: number;
  /**
   * Silence of a server that owes an answer, milliseconds, before the connection counts as lost; it is pinged first.
   * Shorter: a dead network is noticed sooner, but a slow one is taken for dead. Default 10000.
   */
  readonly silenceMsMax?: number;
  /**
   * Audio kept while the server or the network is slower than the audio, milliseconds; beyond it `send` throws. Default
   * 60000.
   */
  readonly bufferedMsMax?: number;
  /** The same bound in bytes, for all audio that is kept here. Default 33554432. */
  readonly bufferedBytesMax?: number;
  /** How it reconnects after a lost connection; false: never. */
  readonly reconnect?: ReconnectOptions | false;
}

export const CONNECT_DEFAULTS = {
  encoding: 'pcm_s16le',
  sampleRate: 16_000,
  channels: 1,
  connectTimeoutMs: 10_000,
  silenceMsMax: 10_000,
  bufferedMsMax: 60_000,
  bufferedBytesMax: 33_554_432,
} as const;

/**
 * Opens a session and returns at once: audio may be sent right away, `ready()` resolves when the server has answered.
 * `url` is the server's stream, such as `ws://127.0.0.1:8080/v1/stream`; http and https are taken as ws and wss.
 *
 * ```ts
 * const session = connect('ws://127.0.0.1:8080/v1/stream', { language: 'en' });
 * session.on('final', ({ text }) => console.log(text));
 * session.send(samples); // Int16Array, 16 kHz
 * await session.stop();
 * ```
 * @throws {TypeError} if the platform has no WebSocket or `token` is not a token, and SyntaxError if `url` is not a URL
 */
export function connect(url: string, options: ConnectOptions = {}): StreamSession {
  const { audio = {}, webSocket = platformWebSocket, codec = new MsgpackClientCodec(), ...rest } = options;
  const { token: auth, connectTimeoutMs, silenceMsMax, bufferedMsMax, bufferedBytesMax, reconnect, ...settings } = rest;
  return new StreamSession({
    url: url.replace(/^http/, 'ws'),
    webSocket,
    codec,
    auth,
    start: {
      type: 'start',
      audio: {
        encoding: audio.encoding ?? CONNECT_DEFAULTS.encoding,
        sampleRate: audio.sampleRate ?? CONNECT_DEFAULTS.sampleRate,
        channels: audio.channels ?? CONNECT_DEFAULTS.channels,
      },
      ...settings,
    },
    connectTimeoutMs: connectTimeoutMs ?? CONNECT_DEFAULTS.connectTimeoutMs,
    silenceMsMax: silenceMsMax ?? CONNECT_DEFAULTS.silenceMsMax,
    bufferedMsMax: bufferedMsMax ?? CONNECT_DEFAULTS.bufferedMsMax,
    bufferedBytesMax: bufferedBytesMax ?? CONNECT_DEFAULTS.bufferedBytesMax,
    reconnect: reconnect ?? {},
  });
}
