// The front of the server: admits connections, watches over them, answers plain HTTP and drains for a shutdown.
import type { Logger } from 'pino';
import { ALLOW_ALL, type Authorizer } from '../access/access.js';
import { credentialOf } from '../access/credentials.js';
import { ANYBODY, type Client } from '../access/principal.js';
import type { Admission } from '../admission/admission.js';
import { admitRequest } from '../admission/admit-request.js';
import type { HttpRequest, HttpResponse, RequestHead } from '../http/exchange.js';
import { errorResponse, HttpError } from '../http/http-error.js';
import { pathVariants } from '../http/path-variants.js';
import { createRouter, type Route, type Router } from '../http/router.js';
import { SiteGuard, type SiteRules } from '../http/site-guard.js';
import { createGatewayMetrics, type GatewayMetrics } from '../metrics/gateway-metrics.js';
import { LiveSessions } from '../metrics/live-sessions.js';
import { MetricsRegistry } from '../metrics/metrics-registry.js';
import type { SessionFactory, SessionPort, SessionSink } from '../session/session-port.js';
import { systemClock, type Clock } from '../time/clock.js';
import type { Tracing } from '../tracing/open-tracing.js';
import type { Transport, TransportOptions, UpgradeDecision, UpgradeRequest } from '../transport/transport.js';
import { Shares, SHARING_DEFAULTS, type SharingSettings } from '../watch/shares.js';
import type { WatchRelay } from '../watch/watch-relay.js';
import { SharingSession } from '../watch/sharing-session.js';
import { AddressRate } from './address-rate.js';
import type { Dialect } from './dialect.js';
import type { GatewayLimits } from './limits.js';
import { MeteredSession } from './metered-session.js';
import { notFound, REFUSALS, TOO_MANY_REQUESTS, webSocketOnly } from './refusals.js';
import type { SessionKeeper } from './resume/kept-session.js';
import { SessionRegistry } from './resume/session-registry.js';
import { STREAM_PATH, Upgrades, WATCH_PATH, type ClientSessionFactory, type GatewayState } from './upgrades.js';

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
  /** To nodes whose sessions are watched here, and that watch those of this one. Default: there are none. */
  readonly relay?: WatchRelay | undefined;
  /** Whom it lets in. Default: everybody. */
  readonly access?: Authorizer;
  /** What its clients may have and spend. Default: no bound beside the limits. */
  readonly admission?: Admission;
  /** Keeps sessions for other nodes, or the next start. Default: they end with this process. */
  readonly keeper?: SessionKeeper | undefined;
  /** Default: nothing is traced. */
  readonly tracing?: Tracing | undefined;
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
  /** The sessions that there are, as an operator sees them. */
  readonly live = new LiveSessions();
  /** The sessions that are shared. */
  readonly shares: Shares;
  readonly #upgrades: Upgrades;
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
      connections: () => this.#upgrades.connections.size,
      detached: () => this.#sessions.waiting,
    });
    const { limits, keeper } = options;
    this.#sessions = new SessionRegistry({ limits, keeper, clock: this.#clock, metrics: this.#metrics });
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
      relay: options.relay,
    });
    this.#upgrades = new Upgrades({
      limits: options.limits,
      log: options.log,
      clock: this.#clock,
      metrics: this.#metrics,
      access: options.access ?? ALLOW_ALL,
      admission: options.admission,
      addressOf: this.#addressOf,
      sessions: this.#sessions,
      shares: this.shares,
      state: () => this.#state,
    });
    registry.gauge('sotto_viewers', 'Those who watch shared sessions.', () => this.shares.viewerCount);
    this.#router = this.#route();
    this.#stopChecking = this.#clock.every(CHECK_INTERVAL_MS, () => {
      const now = this.#clock.now();
      for (const connection of this.#upgrades.connections) connection.check(now);
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
    this.#upgrades.addDialects(dialects);
    const shared =
      (client: Client): SessionFactory =>
      (sink) =>
        new SharingSession((inner) => createSession(inner, client), sink, this.shares);
    this.#state = {
      name: 'ready',
      createSession: (sink, client) =>
        new MeteredSession(shared(client), sink, {
          metrics: this.#metrics,
          clock: this.#clock,
          live: this.live,
          principal: client.principal,
          log: this.#options.log,
          tracing: this.#options.tracing,
        }),
    };
    this.addRoutes([...routes, ...this.#upgrades.dialectPaths.map(webSocketOnly)]);
  }

  /**
   * A session for a client of another door, measured as those of the sockets are. Undefined unless the server is ready.
   */
  createSession(sink: SessionSink, client: Client): SessionPort | undefined {
    return this.#state.name === 'ready' ? this.#state.createSession(sink, client) : undefined;
  }

  /** Error messages sent so far, by code. */
  get errors(): Iterable<readonly [string, number]> {
    return this.#metrics.errors.entries();
  }

  status(): GatewayStatus {
    return { status: this.#state.name, connections: this.#upgrades.connections.size };
  }

  /**
   * Takes no new session or request and lets the running ones finish: their finals are sent, their sockets closed with
   * `goingAway`; those without a socket end. Where other nodes go on with them, clients are sent there instead, at the
   * end of an utterance. `/ready` says 503 meanwhile. Resolves when all sockets are gone; the caller bounds the time.
   */
  drain(): Promise<void> {
    this.#stopTaking();
    this.shares.drain();
    this.#draining ??= this.#drainConnections();
    return this.#draining;
  }

  /** Drops what is left and stops listening. May be called twice. */
  async close(): Promise<void> {
    this.#stopTaking();
    this.#stopChecking();
    this.#metrics.close();
    await this.#sessions.close();
    for (const connection of this.#upgrades.connections) connection.terminate();
    await this.#transport.close();
    this.shares.close();
  }

  async #drainConnections(): Promise<void> {
    await Promise.all([
      this.#sessions.close(),
      ...[...this.#upgrades.connections].map((connection) => connection.drain()),
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
    this.#metrics.requests.add();
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
    return this.#upgrades.decide(request);
  }
}

export interface GatewayStatus {
  readonly status: GatewayState['name'];
  /** Open sockets. */
  readonly connections: number;
}
