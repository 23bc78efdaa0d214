// The public face of @sotto/client.
export * from './connect.js';
export * from './errors.js';
export { QUEUED_EVENTS_MAX } from './event-queue.js';
export type { Auth } from './socket-link.js';
export { joinTexts } from '@sotto/protocol/client';
export type { Pcm } from './pcm-bytes.js';
export { RECONNECT_DEFAULTS, type Clock, type ReconnectOptions } from './reconnect-policy.js';
export type { ReconnectingEvent, RestartedEvent, SessionEvent } from './session-event.js';
export { StreamSession, type SessionEnd } from './stream-session.js';
export * from './transcript-view.js';
export * from './watch.js';
export type { OwnBytes, WebSocketFactory, WebSocketLike } from './web-socket-like.js';
export { JsonClientCodec, MsgpackClientCodec } from '@sotto/protocol/client';
export type {
  AckMessage,
  EndedMessage,
  ErrorMessage,
  FinalMessage,
  PartialMessage,
  PolishedDeltaMessage,
  PolishedMessage,
  PolishMode,
  PolishOffer,
  PolishSettings,
  ReadyMessage,
  RecognitionSettings,
  ResumedMessage,
  ServerMessage,
  StoppedMessage,
  WatchingMessage,
  Word,
} from '@sotto/protocol/client';
