// The front of the server: admits connections, watches over them, answers plain HTTP and drains for a shutdown.
import {
  CLOSE,
  chooseSubprotocol,
  createServerCodec,
  SUBPROTOCOLS,
  type ErrorCode,
  type PolishOffer,
  type Subprotocol,
} from '@sotto/protocol';
import type { Logger } from 'pino';
import { createGatewayMetrics, type GatewayMetrics } from '../metrics/gateway-metrics.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';
import type { SessionFactory } from '../session/session-port.js';
import { Shares, SHARING_DEFAULTS, type SharingSettings } from '../watch/shares.js';
import type { Pages } from '../web/pages.js';
import { systemClock, type Clock } from './clock.js';
import { Connection } from './connection.js';
import { answerCaptions } from './caption-routes.js';
import { answerHttp, jsonError, STREAM_PATHS, WATCH_PATH, type ServerStatus } from './http-routes.js';
import type { GatewayLimits } from './limits.js';
import { SessionKeeper } from './session-keeper.js';
import type {
  HttpResponse,
  SocketHandlers,
  Transport,
  TransportOptions,
  TransportSocket,
  UpgradeDecision,
  UpgradeRequest,
} from './transport.js';
import { Viewer } from './viewer.js';

/** How often connections are looked after, milliseconds. */
const CHECK_INTERVAL_MS = 1_000;
/** Messages up to this many times the limit are read, so that the client can be told; beyond, the transport cuts the connection. */
const READ_SLACK = 2;

export interface GatewayOptions {
  readonly createTransport: (options: TransportOptions) => Transport;
  readonly limits: GatewayLimits;
  readonly log: Logger;
  readonly version: string;
  /** What recognises, for `GET /health`. */
  readonly model: { readonly name: string; readonly device: string };
  /** What the server polishes with, for `GET /ready`. Default: nothing. */
  readonly polish?: () => PolishOffer | undefined;
  /** What browsers see. Default: nothing. */
  readonly pages?: Pages;
  /** Whether and how sessions may be watched. Default: {@link SHARING_DEFAULTS}. */
  readonly sharing?: SharingSettings;
  /** Default: a registry of its own. */
  readonly metrics?: MetricsRegistry;
  /** Default: the system's. */
  readonly clock?: Clock;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #clock: Clock;
  readonly #registry: MetricsRegistry;
  readonly #metrics: GatewayMetrics;
  readonly #transport: Transport;
  readonly #sessions: SessionKeeper;
  readonly #shares: Shares;
  readonly #connections = new Set<Connection | Viewer>();
  readonly #stopChecking: () => void;
  #state: GatewayState = { name: 'starting' };
  #draining: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#registry = options.metrics ?? new MetricsRegistry();
    this.#metrics = createGatewayMetrics(this.#registry, {
      connections: () => this.#connections.size,
      detached: () => this.#sessions.waiting,
    });
    this.#sessions = new SessionKeeper({ limits: options.limits, clock: this.#clock, metrics: this.#metrics });
    this.#transport = options.createTransport({
      handlers: {
        request: (request) =>
          answerHttp(request, {
            status: () => this.status(),
            polish: () => options.polish?.(),
            metrics: () => this.#registry.expose(),
            pages: options.pages,
            captions: (wanted) => answerCaptions(wanted, this.#shares),
          }),
        upgrade: (request) => this.#upgrade(request),
      },
      messageBytesMax: options.limits.messageBytesMax * READ_SLACK,
      closeTimeoutMs: options.limits.closeTimeoutMs,
    });
    this.#shares = new Shares({
      ...(options.sharing ?? SHARING_DEFAULTS),
      publish: (topic, frame) => this.#transport.publish(topic, frame, typeof frame !== 'string'),
      now: this.#clock.now,
      wallNow: () => Date.now(),
    });
    this.#registry.gauge('sotto_viewers', 'Those who watch shared sessions.', () => this.#shares.viewerCount);
    this.#stopChecking = this.#clock.every(CHECK_INTERVAL_MS, () => {
      const now = this.#clock.now();
      for (const connection of this.#connections) connection.check(now);
      this.#sessions.check(now);
      this.#shares.tend(now);
    });
  }

  /** Which WebSocket server it runs on. */
  get transportName(): Transport['name'] {
    return this.#transport.name;
  }

  /** Answers HTTP from now on; sessions only after {@link open}. Resolves with the port. Rejects with ListenError. */
  listen(port: number, host: string): Promise<number> {
    return this.#transport.listen(port, host);
  }

  /** The model is warm: sessions may come. */
  open(createSession: SessionFactory): void {
    if (this.#state.name === 'starting')
      this.#state = { name: 'ready', createSession: this.#shares.sharing(createSession) };
  }

  status(): ServerStatus {
    const { name, device } = this.#options.model;
    return {
      status: this.#state.name,
      version: this.#options.version,
      model: name,
      device,
      connections: this.#connections.size,
      uptimeMs: Math.round(process.uptime() * 1_000),
    };
  }

  /**
   * Takes no new session and lets the running ones finish: their finals are sent, their sockets closed with `goingAway`; those without a socket end. `/ready` says 503
   * meanwhile. Resolves when all sockets are gone; the caller bounds the time.
   */
  drain(): Promise<void> {
    this.#state = { name: 'draining' };
    this.#draining ??= this.#drainConnections();
    return this.#draining;
  }

  /** Drops what is left and stops listening. May be called twice. */
  async close(): Promise<void> {
    this.#state = { name: 'draining' };
    this.#stopChecking();
    this.#metrics.close();
    this.#sessions.close();
    for (const connection of this.#connections) connection.terminate();
    await this.#transport.close();
  }

  async #drainConnections(): Promise<void> {
    this.#sessions.close();
    await Promise.all([...this.#connections].map((connection) => connection.drain()));
  }

  #upgrade(request: UpgradeRequest): UpgradeDecision {
    const admission = this.#admit(request);
    if ('refused' in admission) {
      this.#metrics.connectionsRefused.add(1, admission.refused);
      return { accepted: false, response: admission.response };
    }
    // Read now: the request does not outlive this call.
    const token = request.query.get('token') ?? '';
    const isWatching = request.path === WATCH_PATH;
    return {
      accepted: true,
      // A client that offers none must not be told one.
      subprotocol: request.subprotocols.length === 0 ? '' : admission.subprotocol,
      open: (socket) =>
        isWatching ? this.#watch(socket, admission.subprotocol, token) : this.#accept(socket, admission),
    };
  }

  #watch(socket: TransportSocket, subprotocol: Subprotocol, token: string): SocketHandlers {
    const share = this.#shares.find(token);
    const viewer = new Viewer({
      socket,
      codec: createServerCodec(subprotocol),
      share: share?.hasEnded === true ? undefined : share,
      limits: this.#options.limits,
      clock: this.#clock,
      metrics: this.#metrics,
      onClosed: (gone) => this.#connections.delete(gone),
    });
    this.#connections.add(viewer);
    this.#metrics.connectionsOpened.add();
    return viewer;
  }

  #accept(socket: TransportSocket, { subprotocol, createSession }: Admission): SocketHandlers {
    const { limits, log } = this.#options;
    try {
      const connection = new Connection({
        socket,
        codec: createServerCodec(subprotocol),
        createSession,
        sessions: this.#sessions,
        limits,
        clock: this.#clock,
        metrics: this.#metrics,
        log,
        onClosed: (gone) => this.#connections.delete(gone),
      });
      this.#connections.add(connection);
      this.#metrics.connectionsOpened.add();
      return connection;
    } catch (error) {
      log.error({ err: error }, 'session could not be made');
      socket.close(CLOSE.internal.code, CLOSE.internal.reason);
      return { message: () => {}, drained: () => {}, pong: () => {}, closed: () => {} };
    }
  }

  /** How to serve the client, or why it is not let in. */
  #admit(request: UpgradeRequest): Admission | Refusal {
    if (!STREAM_PATHS.includes(request.path) && request.path !== WATCH_PATH) {
      return { refused: 'path', response: jsonError(404, 'not_found', `Streams are taken at ${STREAM_PATHS[0]}.`) };
    }
    const subprotocol = chooseSubprotocol(request.subprotocols);
    if (subprotocol === undefined) {
      const text = `Known subprotocols: ${SUBPROTOCOLS.join(' and ')}.`;
      return { refused: 'subprotocol', response: jsonError(400, 'unknown_subprotocol', text) };
    }
    switch (this.#state.name) {
      case 'starting':
        return { refused: 'starting', response: unavailable('overloaded', 'The model is still loading.') };
      case 'draining':
        return { refused: 'draining', response: unavailable('shutting_down', 'The server is shutting down.') };
      case 'ready':
        if (this.#connections.size < this.#options.limits.maxConnections) {
          return { subprotocol, createSession: this.#state.createSession };
        }
        return { refused: 'full', response: unavailable('overloaded', 'All connections are taken.') };
    }
  }
}

/** Sessions are made only while the server is ready. */
type GatewayState =
  | { readonly name: 'starting' | 'draining' }
  | { readonly name: 'ready'; readonly createSession: SessionFactory };

interface Admission {
  readonly subprotocol: Subprotocol;
  readonly createSession: SessionFactory;
}

interface Refusal {
  /** Label of the metric. */
  readonly refused: 'path' | 'subprotocol' | 'starting' | 'draining' | 'full';
  readonly response: HttpResponse;
}

function unavailable(code: ErrorCode, message: string): HttpResponse {
  return jsonError(503, code, message, { 'retry-after': '1' });
}
