// Every bound of the gateway, with what happens when it is reached; the defaults stand in config/settings.ts.

export interface GatewayLimits {
  /**
   * HTTP requests and upgrades of one address (IPv6: one /64) per second, on average over two seconds. Beyond: HTTP
   * 429, and the connection ends.
   */
  readonly requestsPerSecondMax: number;
  /** Open sockets. Beyond: the upgrade is answered with HTTP 503. */
  readonly maxConnections: number;
  /** Bytes of one message. Beyond: `message_too_large`, closed with `messageTooLarge`. */
  readonly messageBytesMax: number;
  /**
   * Messages that one client may send per second, on average over two seconds. Beyond: `too_many_messages`, closed with
   * `tooFast`.
   */
  readonly messagesPerSecondMax: number;
  /**
   * Audio that a session may have unprocessed, milliseconds. Beyond: its messages wait in the inbox, and reading stops
   * where the transport can. As much again may wait in the inbox. Beyond: `audio_too_fast`, closed with `tooFast`.
   */
  readonly bufferedAudioMsMax: number;
  /** Bytes that may wait in one inbox, whatever the audio format. Beyond: as above. */
  readonly inboxBytesMax: number;
  /** Bytes that may wait for one reader, after coalescing. Beyond: closed with `slowReader`. */
  readonly outboxBytesMax: number;
  /**
   * How long a reader may take nothing while something waits for it, milliseconds. Beyond: closed with `slowReader`.
   */
  readonly outboxStallMs: number;
  /** How long a client may wait before it sends `start`, milliseconds. Beyond: `not_started`, closed with `idle`. */
  readonly startTimeoutMs: number;
  /** How long a client may send no message, milliseconds; `ping` counts. Beyond: closed with `idle`. */
  readonly idleTimeoutMs: number;
  /**
   * How long a session waits for its client after its socket is lost, milliseconds. Beyond: it ends. 0: it ends with
   * its socket.
   */
  readonly resumeGraceMs: number;
  /**
   * Sessions that wait for their clients. Beyond: one that has said everything ends, else one without audio, else the
   * oldest of the address that has most.
   */
  readonly detachedSessionsMax: number;
  /** Those of one key, and of one address on another machine. Beyond: one of its own ends. Absent or 0: no bound. */
  readonly detachedSessionsPerKeyMax?: number;
  readonly detachedSessionsPerAddressMax?: number;
  /**
   * Bytes (roughly) of the events that one session keeps for a client that comes back. Beyond: the oldest are
   * forgotten; without a socket: it ends.
   */
  readonly resumeBytesMax: number;
  /** Time between two WebSocket pings, milliseconds. */
  readonly pingIntervalMs: number;
  /**
   * Unanswered pings in a row after which a peer that sends nothing either is gone: its connection is dropped. One that
   * goes on sending but does not answer twice as many does not read: closed with `slowReader`.
   */
  readonly missedPingsMax: number;
  /** How long a peer may take to answer a close frame, milliseconds. Beyond: the connection is dropped. */
  readonly closeTimeoutMs: number;
}
