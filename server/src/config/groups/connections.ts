// What one client may take: sizes, rates, waits.
import { LIMITS } from '@sotto/protocol';
import { SESSION_DEFAULTS } from '../../session/session-settings.js';
import { integer } from '../setting.js';
import { GIB, HOUR_MS } from '../units.js';

export const CONNECTIONS_SETTINGS = {
  maxConnections: integer(4_000, {
    min: 1,
    max: 1_000_000,
    meaning: 'Open sockets. Beyond: HTTP 503. Each needs a file descriptor (`ulimit -n`).',
  }),
  requestsPerSecondMax: integer(500, {
    unit: 'requests per second',
    min: 1,
    max: 1_000_000,
    meaning:
      'HTTP requests and upgrades of one address (IPv6: one /64), averaged over two seconds; many people may share an address. Beyond: HTTP 429 with retry-after.',
  }),
  messageBytesMax: integer(SESSION_DEFAULTS.messageBytesMax, {
    unit: 'bytes',
    min: 1_024,
    max: LIMITS.messageBytesMax,
    meaning: 'One message of a client. Beyond: closed with 1009.',
  }),
  messagesPerSecondMax: integer(2_000, {
    unit: 'messages per second',
    min: 10,
    max: 1_000_000,
    meaning: 'Messages and WebSocket pings of one client, averaged over two seconds. Beyond: closed with 4429.',
  }),
  bufferedAudioMsMax: integer(SESSION_DEFAULTS.bufferedAudioMsMax, {
    unit: 'milliseconds',
    min: 1_000,
    max: 600_000,
    meaning:
      'Audio of one client that may wait to be processed. Beyond: its sends wait; beyond twice as much: closed with 4429.',
  }),
  inboxBytesMax: integer(8_388_608, {
    unit: 'bytes',
    min: 65_536,
    max: GIB,
    meaning: 'The same bound in bytes for what waits unread, whatever the audio format.',
  }),
  outboxBytesMax: integer(1_048_576, {
    unit: 'bytes',
    min: 65_536,
    max: GIB,
    meaning: 'Messages that may wait for one slow reader. Beyond: closed with 4413.',
  }),
  outboxStallMs: integer(20_000, {
    unit: 'milliseconds',
    min: 1_000,
    max: HOUR_MS,
    meaning: 'How long a reader may take nothing while messages wait for it. Beyond: closed with 4413.',
  }),
  startTimeoutMs: integer(10_000, {
    unit: 'milliseconds',
    min: 100,
    max: HOUR_MS,
    meaning: 'How long a client may take to send `start`. Beyond: closed with 4408.',
  }),
  idleTimeoutMs: integer(300_000, {
    unit: 'milliseconds',
    min: 1_000,
    max: 24 * HOUR_MS,
    meaning: 'How long a client may send no message (`ping` counts). Beyond: closed with 4408.',
  }),
  resumeGraceMs: integer(30_000, {
    unit: 'milliseconds',
    min: 0,
    max: HOUR_MS,
    meaning:
      'How long a session waits for its client after its connection was lost; recognition continues. 0: it ends at once.',
  }),
  detachedSessionsMax: integer(1_000, {
    unit: 'sessions',
    min: 1,
    max: 1_000_000,
    meaning: 'Sessions that may wait like this. Beyond: the one that waits longest ends.',
  }),
  resumeBytesMax: integer(262_144, {
    unit: 'bytes',
    min: 4_096,
    max: GIB,
    meaning: 'Events of one session kept for its client to come back. Beyond, without a connection: it ends.',
  }),
  pingIntervalMs: integer(15_000, {
    unit: 'milliseconds',
    min: 1_000,
    max: 60_000,
    meaning: 'Time between two WebSocket pings.',
  }),
  missedPingsMax: integer(3, {
    unit: 'pings',
    min: 1,
    max: 100,
    meaning:
      'Unanswered pings after which a silent peer is dropped; one that still sends is closed with 4413 after twice as many.',
  }),
  closeTimeoutMs: integer(5_000, {
    unit: 'milliseconds',
    min: 100,
    max: HOUR_MS,
    meaning:
      'How long a peer may take to answer a close. Beyond: the connection is dropped. On uWebSockets.js it is how long a peer may take to read what comes before the close; one that reads it and keeps its end open is dropped after about 16 s.',
  }),
} as const;
