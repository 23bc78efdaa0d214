// The front of the server: admits connections, watches over them, answers plain HTTP and drains for a shutdown.
import {
  CLOSE,
  chooseSubprotocol,
  createServerCodec,
  errorMessage,
  SUBPROTOCOLS,
  type CloseReason,
  type ErrorCode,
  type ErrorMessage,
  type Frame,
  type Subprotocol,
} from '@sotto/protocol';
import type { Logger } from 'pino';
import { ALLOW_ALL, type Authorizer } from '../access/access.js';
import { credentialOf } from '../access/credentials.js';
import { ANYBODY, permitted, type Client, type Refusal as KeyRefusal } from '../access/principal.js';
import type { Admission } from '../admission/admission.js';
import { admitRequest } from '../admission/admit-request.js';
import { QuotaError } from '../admission/quota.js';
import { createGatewayMetrics, type GatewayMetrics } from '../metrics/gateway-metrics.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';
import type { SessionFactory, SessionPort, SessionSink } from '../session/session-port.js';
import { errorResponse, HttpError } from '../http/http-error.js';
import { nearestAddress, pathVariants } from '../http/path-variants.js';
import { SiteGuard, type SiteRules } from '../http/site-guard.js';
import { createRouter, type Route, type Router } from '../http/router.js';
import { Shares, SHARING_DEFAULTS, type SharingSettings } from '../watch/shares.js';
import { SharingSession } from '../watch/sharing-session.js';
import { systemClock, type Clock } from '../time/clock.js';
import { AddressRate } from './address-rate.js';
import { Connection } from './connections/connection.js';
import { DialectConnection } from './connections/dialect-connection.js';
import type { OpenPeer } from './connections/peer.js';
import type { Dialect, DialectAdmission } from './dialect.js';
import type { GatewayLimits } from './limits.js';
import { MeteredSession } from './metered-session.js';
import { SessionRegistry } from './resume/session-registry.js';
import type { HttpRequest, HttpResponse, RequestHead, WholeResponse } from '../http/exchange.js';
import type {
  SocketHandlers,
  Transport,
  TransportOptions,
  TransportSocket,
  UpgradeDecision,
  UpgradeRequest,
} from '../transport/transport.js';
import { Viewer } from './connections/viewer.js';

/** Where a WebSocket is accepted (rule HS1). */
const STREAM_PATH = '/v1/stream';
const STREAM_PATHS: ReadonlySet<string> = new Set([STREAM_PATH, '/']);
/** Where viewers watch a shared session (rule WA2). */
const WATCH_PATH = '/v1/watch';
const OWN_SITE: SiteRules = { host: '127.0.0.1', allowedHosts: [], corsOrigins: [] };
/** How often connections are looked after, milliseconds. */
const CHECK_INTERVAL_MS = 1_000;
/**
 * Messages up to this many times the limit are read, so that the client can be told; beyond, the transport cuts the
 * connection.
 */
const READ_SLACK = 2;

export interface GatewayOptions {
  readonly createTransport: (options: TransportOptions) => Transport;
  readonly limits: GatewayLimits;
  readonly log: Logger;
  /** Which names and pages may call. Default: those of this machine, and the server's own. */
  readonly site?: SiteRules;
  /** Address of the client that a request comes from. Default: that of its connection. */
  readonly addressOf?: (head: RequestHead) => string;
  /** Whether and how sessions may be watched. Default: {@link SHARING_DEFAULTS}. */
  readonly sharing?: SharingSettings;
  /** Whom it lets in. Default: everybody. */
  readonly access?: Authorizer;
  /** What its clients may have and spend. Default: no bound beside the limits. */
  readonly admission?: Admission;
  /** Default: a registry of its own. */
  readonly metrics?: MetricsRegistry;
  /** Default: the system's. */
  readonly clock?: Clock;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #clock: Clock;
  readonly #metrics: GatewayMetrics;
  readonly #transport: Transport;
  readonly #site: SiteRules;
  readonly #siteGuard: SiteGuard;
  readonly #rate: AddressRate;
  readonly #addressOf: (head: RequestHead) => string;
  readonly #sessions: SessionRegistry;
  /** The sessions that are shared. */
  readonly shares: Shares;
  readonly #connections = new Set<OpenPeer>();
  readonly #dialects = new Map<string, Dialect>();
  readonly #stopChecking: () => void;
  readonly #routes: Route[] = [STREAM_PATH, WATCH_PATH].map(webSocketOnly);
  #router: Router;
  #state: GatewayState = { name: 'starting' };
  #draining: Promise<void> | undefined;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#site = options.site ?? OWN_SITE;
    this.#siteGuard = new SiteGuard(this.#site);
    this.#rate = new AddressRate(options.limits.requestsPerSecondMax);
    this.#addressOf = options.addressOf ?? ((head) => head.remoteAddress);
    const registry = options.metrics ?? new MetricsRegistry();
    this.#metrics = createGatewayMetrics(registry, {
      connections: () => this.#connections.size,
      detached: () => this.#sessions.waiting,
    });
    this.#sessions = new SessionRegistry({ limits: options.limits, clock: this.#clock, metrics: this.#metrics });
    this.#transport = options.createTransport({
      handlers: {
        request: (request) => this.#answer(request),
        upgrade: (request) => this.#upgrade(request),
        failed: (error, requestId) => options.log.error({ err: error, requestId }, 'a request failed'),
        certificateChanged: (error) => {
          if (error === undefined) options.log.info('the new certificate is used from now on');
          else options.log.warn({ err: error }, 'the changed certificate is not used');
        },
      },
      messageBytesMax: options.limits.messageBytesMax * READ_SLACK,
      closeTimeoutMs: options.limits.closeTimeoutMs,
    });
    this.shares = new Shares({
      ...(options.sharing ?? SHARING_DEFAULTS),
      publish: (topic, frame) => this.#transport.publish(topic, frame, typeof frame !== 'string'),
      now: this.#clock.now,
      wallNow: () => Date.now(),
    });
    registry.gauge('sotto_viewers', 'Those who watch shared sessions.', () => this.shares.viewerCount);
    this.#router = this.#route();
    this.#stopChecking = this.#clock.every(CHECK_INTERVAL_MS, () => {
      const now = this.#clock.now();
      for (const connection of this.#connections) connection.check(now);
      this.#sessions.check(now);
      this.#rate.check(now);
      this.shares.tend(now);
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

  /** Answers these too. @throws TypeError when two routes are the same. */
  addRoutes(routes: readonly Route[]): void {
    this.#routes.push(...routes);
    this.#router = this.#route();
  }

  /**
   * The model is warm: sessions may come, in Sotto's own wire format and in these dialects, and all routes are
   * answered.
   * @throws TypeError when two routes are the same
   */
  open(createSession: ClientSessionFactory, routes: readonly Route[] = [], dialects: readonly Dialect[] = []): void {
    if (this.#state.name !== 'starting') return;
    for (const dialect of dialects) for (const path of dialect.paths) this.#dialects.set(path, dialect);
    const shared =
      (client: Client): SessionFactory =>
      (sink) =>
        new SharingSession((inner) => createSession(inner, client), sink, this.shares);
    this.#state = {
      name: 'ready',
      createSession: (sink, client) => new MeteredSession(shared(client), sink, this.#metrics, this.#clock),
    };
    this.addRoutes([...routes, ...[...this.#dialects.keys()].map(webSocketOnly)]);
  }

  status(): GatewayStatus {
    return { status: this.#state.name, connections: this.#connections.size };
  }

  /**
   * Takes no new session or request and lets the running ones finish: their finals are sent, their sockets closed with
   * `goingAway`; those without a socket end. `/ready` says 503 meanwhile. Resolves when all sockets are gone; the
   * caller bounds the time.
   */
  drain(): Promise<void> {
    this.#stopTaking();
    this.#draining ??= this.#drainConnections();
    return this.#draining;
  }

  /** Drops what is left and stops listening. May be called twice. */
  async close(): Promise<void> {
    this.#stopTaking();
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

  /** Takes no new session or request. */
  #stopTaking(): void {
    this.#state = { name: 'draining' };
    this.#router = this.#route();
  }

  /** What is answered in this state. */
  #route(): Router {
    const { name } = this.#state;
    const routes = name === 'ready' ? this.#routes : this.#routes.filter(({ always }) => always === true);
    return createRouter(routes, { corsOrigins: this.#site.corsOrigins, variantsOf: pathVariants });
  }

  #answer(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
    const { name } = this.#state;
    if (!this.#rate.take(this.#addressOf(request), this.#clock.now())) {
      this.#metrics.requestsRefused.add();
      return TOO_MANY_REQUESTS;
    }
    const refused = this.#siteGuard.refusal(request);
    if (refused !== undefined) return errorResponse(refused);
    let done: () => void;
    try {
      done = this.#admitRequest(request);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      this.#metrics.requestsRefused.add();
      return errorResponse(error);
    }
    // What is not known yet may be a route once the server is ready.
    const answer = this.#router(request) ?? (name === 'ready' ? notFound(request.path, this.#routes) : REFUSALS[name]);
    if (answer instanceof Promise) return answer.finally(done);
    done();
    return answer;
  }

  /** Returns what ends it. @throws HttpError 429 */
  #admitRequest(request: HttpRequest): () => void {
    const { admission, access = ALLOW_ALL } = this.#options;
    if (admission === undefined) return () => undefined;
    const identity = access.identify(credentialOf(request));
    const principal = typeof identity === 'string' ? ANYBODY : identity;
    return admitRequest(admission, { principal, address: this.#addressOf(request) }, request);
  }

  #upgrade(request: UpgradeRequest): UpgradeDecision {
    if (!this.#rate.take(this.#addressOf(request), this.#clock.now())) {
      this.#metrics.connectionsRefused.add(1, 'rate');
      return { accepted: false, response: TOO_MANY_REQUESTS };
    }
    const refused = this.#siteGuard.refusal(request, true);
    if (refused !== undefined) {
      this.#metrics.connectionsRefused.add(1, refused.code);
      return { accepted: false, response: errorResponse(refused) };
    }
    const path = this.#socketPath(request.path);
    const dialect = this.#dialects.get(path);
    if (dialect !== undefined) return this.#upgradeTo(dialect, request);
    const admission = this.#admit(path, request);
    if ('refused' in admission) {
      this.#metrics.connectionsRefused.add(1, admission.refused);
      return { accepted: false, response: admission.response };
    }
    // Read now: the request does not outlive this call.
    const token = request.query.get('token') ?? '';
    const isWatching = path === WATCH_PATH;
    const { subprotocol, client } = admission;
    return {
      accepted: true,
      // A client that offers none must not be told one.
      subprotocol: request.subprotocols.length === 0 ? '' : admission.subprotocol,
      open: (socket) => {
        if (isWatching) return this.#watch(socket, subprotocol, token);
        if (typeof client === 'string') return turnAway(socket, ...keyRefusal(client, subprotocol));
        return this.#withinQuota(
          client,
          (release) => this.#accept(socket, admission, client, release),
          ({ message, retryAfterMs }) => {
            const error = errorMessage('quota_exceeded', message, { retryAfterMs });
            return turnAway(socket, told(subprotocol, error), { ...CLOSE.tryAgainLater, reason: message });
          },
        );
      },
    };
  }

  /** The address of sockets that a path may have been meant as; the path itself where there is none. */
  #socketPath(path: string): string {
    const isKnown = (known: string): boolean =>
      this.#dialects.has(known) || STREAM_PATHS.has(known) || known === WATCH_PATH;
    return isKnown(path) ? path : (pathVariants(path).find(isKnown) ?? path);
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
    const client = { principal: admission.principal, address: this.#addressOf(request) };
    return {
      accepted: true,
      subprotocol,
      headers,
      open: (socket) =>
        this.#withinQuota(
          client,
          (release) => this.#converse(socket, dialect, admission, room, client, release),
          ({ message }) => {
            const { event, close } = dialect.overQuota(message);
            return turnAway(socket, JSON.stringify(event), close);
          },
        ),
    };
  }

  #converse(
    socket: TransportSocket,
    dialect: Dialect,
    admission: Extract<DialectAdmission, { accepted: true }>,
    createSession: ClientSessionFactory,
    client: Client,
    release: () => void,
  ): SocketHandlers {
    const { limits, log } = this.#options;
    return this.#keep(
      new DialectConnection({
        socket,
        dialect: dialect.name,
        admission,
        createSession: (sink) => createSession(sink, client),
        limits,
        clock: this.#clock,
        metrics: this.#metrics,
        log,
        onClosed: (gone) => this.#forget(gone, release),
      }),
    );
  }

  #watch(socket: TransportSocket, subprotocol: Subprotocol, token: string): SocketHandlers {
    const share = this.shares.find(token);
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

  /** Opens a stream that counts among those of its client; where it has too many, the client is turned away. */
  #withinQuota(
    client: Client,
    open: (release: () => void) => SocketHandlers,
    turnedAway: (error: QuotaError) => SocketHandlers,
  ): SocketHandlers {
    try {
      return open(this.#options.admission?.streams.take(client) ?? (() => undefined));
    } catch (error) {
      if (!(error instanceof QuotaError)) throw error;
      this.#metrics.connectionsRefused.add(1, 'quota');
      return turnedAway(error);
    }
  }

  #forget(gone: OpenPeer, release: () => void): void {
    this.#connections.delete(gone);
    release();
  }

  #accept(
    socket: TransportSocket,
    { subprotocol, createSession }: Admitted,
    client: Client,
    release: () => void,
  ): SocketHandlers {
    const { limits, log } = this.#options;
    try {
      return this.#keep(
        new Connection({
          socket,
          codec: createServerCodec(subprotocol),
          createSession: (sink) => createSession(sink, client),
          client,
          sessions: this.#sessions,
          limits,
          clock: this.#clock,
          metrics: this.#metrics,
          log,
          onClosed: (gone) => this.#forget(gone, release),
        }),
      );
    } catch (error) {
      release();
      log.error({ err: error }, 'session could not be made');
      socket.close(CLOSE.internal.code, CLOSE.internal.reason);
      return { message: () => {}, drained: () => {}, pong: () => {}, pinged: () => {}, closed: () => {} };
    }
  }

  /** How to serve the client, or why it is not let in. */
  #admit(path: string, request: UpgradeRequest): Admitted | Refusal {
    if (!STREAM_PATHS.has(path) && path !== WATCH_PATH) {
      // Other paths are known once the dialects are.
      if (this.#state.name === 'starting') return { refused: 'starting', response: REFUSALS.starting };
      return { refused: 'path', response: refusal(404, 'not_found', `Streams are taken at ${STREAM_PATH}.`) };
    }
    const subprotocol = chooseSubprotocol(request.subprotocols);
    if (subprotocol === undefined) {
      const text = `Known subprotocols: ${SUBPROTOCOLS.join(' and ')}.`;
      return { refused: 'subprotocol', response: refusal(400, 'unknown_subprotocol', text) };
    }
    const room = this.#room();
    return typeof room === 'string'
      ? { refused: room, response: REFUSALS[room] }
      : { subprotocol, createSession: room, client: this.#streamer(path, request) };
  }

  /** Who wants a stream, or why not; viewers have the token of the session that they watch. */
  #streamer(path: string, request: UpgradeRequest): Client | KeyRefusal {
    const address = this.#addressOf(request);
    if (path === WATCH_PATH) return { principal: ANYBODY, address };
    const { access = ALLOW_ALL } = this.#options;
    const principal = permitted(access.identify(credentialOf(request)), 'stream');
    return typeof principal === 'string' ? principal : { principal, address };
  }

  /** What makes the session of one connection more, or why there is none. */
  #room(): ClientSessionFactory | keyof typeof REFUSALS {
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

/** Makes the session of a client. */
export type ClientSessionFactory = (sink: SessionSink, client: Client) => SessionPort;

export interface GatewayStatus {
  readonly status: GatewayState['name'];
  /** Open sockets. */
  readonly connections: number;
}

/** Sessions are made only while the server is ready. */
type GatewayState =
  | { readonly name: 'starting' | 'draining' }
  | { readonly name: 'ready'; readonly createSession: ClientSessionFactory };

interface Admitted {
  readonly subprotocol: Subprotocol;
  readonly createSession: ClientSessionFactory;
  readonly client: Client | KeyRefusal;
}

interface Refusal {
  /** Label of the metric. */
  readonly refused: 'path' | 'subprotocol' | keyof typeof REFUSALS;
  readonly response: WholeResponse;
}

/** Told on the socket, and not by HTTP: a browser cannot read why an upgrade was refused (rule HS13). */
function turnAway(
  socket: TransportSocket,
  said: Frame,
  { code, reason }: Pick<CloseReason, 'code' | 'reason'>,
): SocketHandlers {
  socket.send(said, typeof said !== 'string');
  socket.close(code, reason);
  return { message: () => {}, drained: () => {}, pong: () => {}, pinged: () => {}, closed: () => {} };
}

function told(subprotocol: Subprotocol, error: ErrorMessage): Frame {
  return createServerCodec(subprotocol).encode(error);
}

function keyRefusal(refusal: KeyRefusal, subprotocol: Subprotocol): [Frame, CloseReason] {
  const isForbidden = refusal === 'forbidden';
  const error = errorMessage(isForbidden ? 'forbidden' : 'unauthorized', KEY_REFUSALS[refusal]);
  return [told(subprotocol, error), isForbidden ? CLOSE.forbidden : CLOSE.unauthorized];
}

const KEY_REFUSALS: Readonly<Record<KeyRefusal, string>> = {
  missing: 'This server requires a key or a token.',
  unknown: 'The key or token is not known: it is wrong, or it was revoked.',
  expired: 'The token has expired.',
  forbidden: 'The key or token is not for this.',
};

/** Says which address may have been meant. */
function notFound(path: string, routes: readonly Route[]): WholeResponse {
  const nearest = nearestAddress(path, routes);
  const hint = nearest === undefined ? 'See / and /docs.' : `The nearest address is ${nearest.method} ${nearest.path}.`;
  return refusal(404, 'not_found', `There is no such page. ${hint}`);
}

/** The connection ends with it, and with the requests that wait in it. */
const TOO_MANY_REQUESTS = refusal(
  429,
  'too_many_requests',
  'This address sends more requests per second than the server takes (--requests-per-second-max): wait a second.',
  { 'retry-after': '1', connection: 'close' },
);

const REFUSALS = {
  starting: unavailable('overloaded', 'The model is still loading.'),
  draining: unavailable('shutting_down', 'The server is shutting down.'),
  full: unavailable('overloaded', 'All connections are taken.'),
} as const;

function unavailable(code: ErrorCode, message: string): WholeResponse {
  return refusal(503, code, message, { 'retry-after': '1' });
}

/** A path of WebSockets, asked for as plain HTTP. */
function webSocketOnly(path: string): Route {
  const response = refusal(426, 'upgrade_required', 'This is a WebSocket endpoint.', { upgrade: 'websocket' });
  return { method: 'GET', path, always: true, handle: () => response };
}

function refusal(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): WholeResponse {
  return errorResponse(new HttpError(status, code, message, headers));
}
