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
import { SessionMeter } from '../metrics/session-meter.js';
import type { SessionFactory } from '../session/session-port.js';
import { createRouter, type Route, type Router } from '../http/router.js';
import type { StoreState } from '../store/store-health.js';
import { Shares, SHARING_DEFAULTS, type SharingSettings } from '../watch/shares.js';
import { SharingSession } from '../watch/sharing-session.js';
import type { Pages } from '../api/status/pages.js';
import { systemClock, type Clock } from './clock.js';
import { Connection } from './connections/connection.js';
import { DialectConnection } from './connections/dialect-connection.js';
import type { OpenPeer } from './connections/peer.js';
import type { Dialect, DialectAdmission } from './dialect.js';
import { answerCaptions } from '../api/captions/caption-routes.js';
import type { EngineState, ServerStatus } from './health.js';
import { answerHttp, jsonError, STREAM_PATHS, WATCH_PATH } from '../api/status/status-routes.js';
import type { GatewayLimits } from './limits.js';
import { SessionKeeper } from './resume/session-registry.js';
import type { HttpRequest, HttpResponse, WholeResponse } from '../http/exchange.js';
import type {
  SocketHandlers,
  Transport,
  TransportOptions,
  TransportSocket,
  UpgradeDecision,
  UpgradeRequest,
} from '../transport/transport.js';
import { Viewer } from './connections/viewer.js';

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
  /** Origins whose pages may use the routes of {@link Gateway.open}; `*`: all. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** The engines, for `GET /health` and `/ready`. Default: not told. */
  readonly engines?: () => readonly EngineState[];
  /** What the server polishes with, for `GET /health` and `/ready`. Default: nothing. */
  readonly polish?: () => PolishOffer | undefined;
  /** What browsers see. Default: nothing. */
  readonly pages?: Pages;
  /** Whether and how sessions may be watched. Default: {@link SHARING_DEFAULTS}. */
  readonly sharing?: SharingSettings;
  /** How what is kept is, for `GET /health` and `/ready`. Default: nothing is kept. */
  readonly storeState?: () => StoreState;
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
  readonly #connections = new Set<OpenPeer>();
  readonly #dialects = new Map<string, Dialect>();
  readonly #stopChecking: () => void;
  #router: Router = () => undefined;
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
        request: (request) => this.#answer(request),
        upgrade: (request) => this.#upgrade(request),
        failed: (error) => options.log.error({ err: error }, 'a request failed'),
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

  /** The model is warm: sessions may come, in Sotto's own wire format and in these dialects, and the routes are answered. @throws TypeError when two routes are the same. */
  open(createSession: SessionFactory, routes: readonly Route[] = [], dialects: readonly Dialect[] = []): void {
    if (this.#state.name !== 'starting') return;
    this.#router = createRouter(routes, { corsOrigins: this.#options.corsOrigins ?? [] });
    for (const dialect of dialects) for (const path of dialect.paths) this.#dialects.set(path, dialect);
    this.#state = { name: 'ready', createSession: (sink) => new SharingSession(createSession, sink, this.#shares) };
  }

  status(): ServerStatus {
    const { name, device } = this.#options.model;
    return {
      status: this.#state.name,
      version: this.#options.version,
      model: name,
      device,
      store: this.#options.storeState?.() ?? 'off',
      connections: this.#connections.size,
      uptimeMs: Math.round(process.uptime() * 1_000),
    };
  }

  /**
   * Takes no new session or request and lets the running ones finish: their finals are sent, their sockets closed with `goingAway`; those without a socket end. `/ready` says 503
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
    await Promise.all([
      ...[...this.#connections].map((connection) => connection.drain()),
      this.#transport.requestsDone(),
    ]);
  }

  #answer(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    if (this.#state.name === 'ready') return this.#router(request) ?? this.#builtIn(request);
    const answer = this.#builtIn(request);
    // What it does not know is a route, perhaps.
    return answer.status === 404 || answer.status === 405 ? REFUSALS[this.#state.name] : answer;
  }

  /** What the gateway answers by itself, whatever its state. */
  #builtIn(request: HttpRequest): HttpResponse {
    return answerHttp(request, {
      status: () => this.status(),
      isStream: (path) => this.#dialects.has(path),
      ...(this.#options.engines && { engines: this.#options.engines }),
      polish: () => this.#options.polish?.(),
      metrics: () => this.#registry.expose(),
      pages: this.#options.pages,
      captions: (wanted) => answerCaptions(wanted, this.#shares),
    });
  }

  #upgrade(request: UpgradeRequest): UpgradeDecision {
    const dialect = this.#dialects.get(request.path);
    if (dialect !== undefined) return this.#upgradeTo(dialect, request);
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

  #upgradeTo(dialect: Dialect, request: UpgradeRequest): UpgradeDecision {
    const room = this.#room();
    if (typeof room === 'string') {
      this.#metrics.connectionsRefused.add(1, room);
      return { accepted: false, response: dialect.unavailable(room === 'full' ? 'full' : 'draining') };
    }
    const admission = dialect.admit(request);
    if (!admission.accepted) {
      this.#metrics.connectionsRefused.add(1, dialect.name);
      return admission;
    }
    const { subprotocol, headers } = admission;
    return {
      accepted: true,
      subprotocol,
      headers,
      open: (socket) => this.#converse(socket, dialect, admission, room),
    };
  }

  #converse(
    socket: TransportSocket,
    dialect: Dialect,
    admission: Extract<DialectAdmission, { accepted: true }>,
    createSession: SessionFactory,
  ): SocketHandlers {
    const { limits, log } = this.#options;
    return this.#keep(
      new DialectConnection({
        socket,
        dialect: dialect.name,
        admission,
        createSession: this.#measured(createSession),
        limits,
        clock: this.#clock,
        metrics: this.#metrics,
        log,
        onClosed: (gone) => this.#connections.delete(gone),
      }),
    );
  }

  #measured(create: SessionFactory): SessionFactory {
    return (sink) => {
      const meter = new SessionMeter(this.#metrics);
      return create({
        send: (message) => {
          meter.observe(message, this.#clock.now());
          sink.send(message);
        },
        end: (reason) => sink.end(reason),
      });
    };
  }

  #watch(socket: TransportSocket, subprotocol: Subprotocol, token: string): SocketHandlers {
    const share = this.#shares.find(token);
    return this.#keep(
      new Viewer({
        socket,
        codec: createServerCodec(subprotocol),
        share: share?.hasEnded === true ? undefined : share,
        limits: this.#options.limits,
        clock: this.#clock,
        metrics: this.#metrics,
        onClosed: (gone) => this.#connections.delete(gone),
      }),
    );
  }

  #accept(socket: TransportSocket, { subprotocol, createSession }: Admission): SocketHandlers {
    const { limits, log } = this.#options;
    try {
      return this.#keep(
        new Connection({
          socket,
          codec: createServerCodec(subprotocol),
          createSession,
          sessions: this.#sessions,
          limits,
          clock: this.#clock,
          metrics: this.#metrics,
          log,
          onClosed: (gone) => this.#connections.delete(gone),
        }),
      );
    } catch (error) {
      log.error({ err: error }, 'session could not be made');
      socket.close(CLOSE.internal.code, CLOSE.internal.reason);
      return { message: () => {}, drained: () => {}, pong: () => {}, closed: () => {} };
    }
  }

  /** How to serve the client, or why it is not let in. */
  #admit(request: UpgradeRequest): Admission | Refusal {
    if (!STREAM_PATHS.includes(request.path) && request.path !== WATCH_PATH) {
      // Other paths are known once the dialects are.
      if (this.#state.name === 'starting') return { refused: 'starting', response: REFUSALS.starting };
      return { refused: 'path', response: jsonError(404, 'not_found', `Streams are taken at ${STREAM_PATHS[0]}.`) };
    }
    const subprotocol = chooseSubprotocol(request.subprotocols);
    if (subprotocol === undefined) {
      const text = `Known subprotocols: ${SUBPROTOCOLS.join(' and ')}.`;
      return { refused: 'subprotocol', response: jsonError(400, 'unknown_subprotocol', text) };
    }
    const room = this.#room();
    return typeof room === 'string'
      ? { refused: room, response: REFUSALS[room] }
      : { subprotocol, createSession: room };
  }

  /** What makes the session of one connection more, or why there is none. */
  #room(): SessionFactory | keyof typeof REFUSALS {
    if (this.#state.name !== 'ready') return this.#state.name;
    return this.#connections.size < this.#options.limits.maxConnections ? this.#state.createSession : 'full';
  }

  /** Counts a connection among those that are open, and looks after it. */
  #keep<C extends OpenPeer>(connection: C): C {
    this.#connections.add(connection);
    this.#metrics.connectionsOpened.add();
    return connection;
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
  readonly refused: 'path' | 'subprotocol' | keyof typeof REFUSALS;
  readonly response: WholeResponse;
}

const REFUSALS = {
  starting: unavailable('overloaded', 'The model is still loading.'),
  draining: unavailable('shutting_down', 'The server is shutting down.'),
  full: unavailable('overloaded', 'All connections are taken.'),
} as const;

function unavailable(code: ErrorCode, message: string): WholeResponse {
  return jsonError(503, code, message, { 'retry-after': '1' });
}
