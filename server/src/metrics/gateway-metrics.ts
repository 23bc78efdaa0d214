// The numbers that the gateway keeps: connections, messages, and the latencies that a client sees.
import type { Counter, Histogram, MetricsRegistry } from './metrics-registry.js';
import { registerProcessMetrics } from './process-metrics.js';

/** Bounds in seconds around what live captions need: words within half a second, finals within one and a half. */
const LATENCY_BOUNDS_S = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10];

export interface GatewayMetrics {
  readonly connectionsOpened: Counter;
  /** By reason: path, subprotocol, starting, draining, full. */
  readonly connectionsRefused: Counter;
  readonly requests: Counter;
  readonly requestsRefused: Counter;
  /** By outcome: resumed, recalled, noRoom, unknown. */
  readonly resumes: Counter;
  /** Sessions that ended while they waited for their client, by reason: expired, full, bytes, shutdown. */
  readonly detachedEnded: Counter;
  /** By close code. */
  readonly connectionsClosed: Counter;
  /** By message type. */
  readonly messagesReceived: Counter;
  readonly bytesReceived: Counter;
  /** By message type. */
  readonly messagesSent: Counter;
  readonly bytesSent: Counter;
  /** Partials and acks that a newer one replaced before a slow reader took them. */
  readonly messagesCoalesced: Counter;
  /** By error code. */
  readonly errors: Counter;
  /** From `speechStarted` to the first `partial` with text, seconds. */
  readonly firstPartialLatency: Histogram;
  /** From a word's end to when it was first shown, stable or not, seconds: of clients that want words with times. */
  readonly wordLatency: Histogram;
  /** From `speechEnded` to its `final`, seconds. */
  readonly finalLatency: Histogram;
  /** Audio received and not yet decoded, as `ack` tells it, seconds. */
  readonly lag: Histogram;
  /** Stops measuring the event loop. */
  close(): void;
}

/** What is counted at the moment of asking. */
export interface GatewayGauges {
  /** Open sockets. */
  readonly connections: () => number;
  /** Sessions that wait for their clients. */
  readonly detached: () => number;
}

/** Registers the gateway's metrics. */
export function createGatewayMetrics(registry: MetricsRegistry, gauges: GatewayGauges): GatewayMetrics {
  const process = registerProcessMetrics(registry);
  registry.gauge('sotto_connections', 'Open WebSocket connections.', gauges.connections);
  registry.gauge('sotto_sessions_detached', 'Sessions without a socket that wait for their clients.', gauges.detached);
  return {
    connectionsOpened: registry.counter('sotto_connections_opened_total', 'WebSocket connections opened.'),
    requests: registry.counter('sotto_requests_total', 'HTTP requests that came.'),
    requestsRefused: registry.counter('sotto_requests_refused_total', 'HTTP requests answered with 429.'),
    connectionsRefused: registry.counter('sotto_connections_refused_total', 'Upgrades refused.', 'reason'),
    resumes: registry.counter('sotto_resumes_total', 'Requests to resume a session.', 'outcome'),
    detachedEnded: registry.counter(
      'sotto_detached_sessions_ended_total',
      'Sessions that ended while they waited for their client.',
      'reason',
    ),
    connectionsClosed: registry.counter('sotto_connections_closed_total', 'WebSocket connections closed.', 'code'),
    messagesReceived: registry.counter('sotto_messages_received_total', 'Messages received.', 'type'),
    bytesReceived: registry.counter('sotto_received_bytes_total', 'Bytes of the messages received.'),
    messagesSent: registry.counter('sotto_messages_sent_total', 'Messages sent.', 'type'),
    bytesSent: registry.counter('sotto_sent_bytes_total', 'Bytes of the messages sent.'),
    messagesCoalesced: registry.counter(
      'sotto_messages_coalesced_total',
      'Partials and acks replaced by a newer one before a slow reader took them.',
    ),
    errors: registry.counter('sotto_errors_total', 'Error messages sent.', 'code'),
    firstPartialLatency: registry.histogram(
      'sotto_first_partial_latency_seconds',
      'From speechStarted to the first partial with text.',
      LATENCY_BOUNDS_S,
    ),
    wordLatency: registry.histogram(
      'sotto_word_latency_seconds',
      "From a word's end to when it was first shown, of clients that want words with times.",
      LATENCY_BOUNDS_S,
    ),
    finalLatency: registry.histogram('sotto_final_latency_seconds', 'From speechEnded to its final.', LATENCY_BOUNDS_S),
    lag: registry.histogram('sotto_lag_seconds', 'Audio received and not yet decoded, at every ack.', LATENCY_BOUNDS_S),
    close: () => process.close(),
  };
}
