// Sockets on their way in: whether a WebSocket may open, as what, for whom, and the connection that then serves it.
import {
  CLOSE,
  chooseSubprotocol,
  createServerCodec,
  errorMessage,
  SUBPROTOCOLS,
  type Subprotocol,
} from '@sotto/protocol';
import type { Logger } from 'pino';
import type { Authorizer } from '../access/access.js';
import { credentialOf } from '../access/credentials.js';
import { ANYBODY, permitted, type Client, type Refusal as KeyRefusal } from '../access/principal.js';
import type { Admission } from '../admission/admission.js';
import { QuotaError } from '../admission/quota.js';
import type { RequestHead, WholeResponse } from '../http/exchange.js';
import { pathVariants } from '../http/path-variants.js';
import type { GatewayMetrics } from '../metrics/gateway-metrics.js';
import type { SessionPort, SessionSink } from '../session/session-port.js';
import type { Clock } from '../time/clock.js';
import type { SocketHandlers, TransportSocket, UpgradeDecision, UpgradeRequest } from '../transport/transport.js';
import type { Shares } from '../watch/shares.js';
import { Connection } from './connections/connection.js';
import { DialectConnection } from './connections/dialect-connection.js';
import type { OpenPeer } from './connections/peer.js';
import { Viewer } from './connections/viewer.js';
import type { Dialect, DialectAdmission } from './dialect.js';
import type { GatewayLimits } from './limits.js';
import { keyRefusal, REFUSALS, refusal, told, turnAway } from './refusals.js';
import type { SessionRegistry } from './resume/session-registry.js';

/** Where a WebSocket is accepted (rule HS1). */
export const STREAM_PATH = '/v1/stream';
const STREAM_PATHS: ReadonlySet<string> = new Set([STREAM_PATH, '/']);
/** Where viewers watch a shared session (rule WA2). */
export const WATCH_PATH = '/v1/watch';

/** Makes the session of a client. */
export type ClientSessionFactory = (sink: SessionSink, client: Client) => SessionPort;

/** Sessions are made only while the server is ready. */
export type GatewayState =
  | { readonly name: 'starting' | 'draining' }
  | { readonly name: 'ready'; readonly createSession: ClientSessionFactory };

export interface UpgradeOptions {
  readonly limits: GatewayLimits;
  readonly log: Logger;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
  readonly access: Authorizer;
  /** Undefined: no bound beside the limits. */
  readonly admission: Admission | undefined;
  readonly addressOf: (head: RequestHead) => string;
  readonly sessions: SessionRegistry;
  readonly shares: Shares;
  /** Of now. */
  readonly state: () => GatewayState;
}

export class Upgrades {
  readonly #options: UpgradeOptions;
  /** Open sockets. */
  readonly connections = new Set<OpenPeer>();
  readonly #dialects = new Map<string, Dialect>();

  constructor(options: UpgradeOptions) {
    this.#options = options;
  }

  /** Takes sockets of these wire formats too. */
  addDialects(dialects: readonly Dialect[]): void {
    for (const dialect of dialects) for (const path of dialect.paths) this.#dialects.set(path, dialect);
  }

  /** Where sockets of other wire formats are taken. */
  get dialectPaths(): string[] {
    return [...this.#dialects.keys()];
  }

  /** Decides about an upgrade that neither the rate of its address nor its origin rules out. */
  decide(request: UpgradeRequest): UpgradeDecision {
    const path = this.#socketPath(request.path);
    const dialect = this.#dialects.get(path);
    if (dialect !== undefined) return this.#upgradeTo(dialect, request);
    const admission = this.#admit(path, request);
    if ('refused' in admission) {
      this.#options.metrics.connectionsRefused.add(1, admission.refused);
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
      this.#options.metrics.connectionsRefused.add(1, room);
      return { accepted: false, response: dialect.unavailable(room === 'full' ? 'full' : 'draining') };
    }
    const admission = dialect.admit(request);
    if (!admission.accepted) {
      this.#options.metrics.connectionsRefused.add(1, dialect.name);
      return admission;
    }
    const { subprotocol, headers } = admission;
    const client = { principal: admission.principal, address: this.#options.addressOf(request) };
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
        clock: this.#options.clock,
        metrics: this.#options.metrics,
        log,
        onClosed: (gone) => this.#forget(gone, release),
      }),
    );
  }

  #watch(socket: TransportSocket, subprotocol: Subprotocol, token: string): SocketHandlers {
    const { shares } = this.#options;
    return this.#keep(
      new Viewer({
        socket,
        codec: createServerCodec(subprotocol),
        share: shares.find(token) ?? shares.seek(token),
        limits: this.#options.limits,
        clock: this.#options.clock,
        metrics: this.#options.metrics,
        onClosed: (gone) => this.connections.delete(gone),
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
      this.#options.metrics.connectionsRefused.add(1, 'quota');
      return turnedAway(error);
    }
  }

  #forget(gone: OpenPeer, release: () => void): void {
    this.connections.delete(gone);
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
          sessions: this.#options.sessions,
          limits,
          clock: this.#options.clock,
          metrics: this.#options.metrics,
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
      if (this.#options.state().name === 'starting') return { refused: 'starting', response: REFUSALS.starting };
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
    const address = this.#options.addressOf(request);
    if (path === WATCH_PATH) return { principal: ANYBODY, address };
    const principal = permitted(this.#options.access.identify(credentialOf(request)), 'stream');
    return typeof principal === 'string' ? principal : { principal, address };
  }

  /** What makes the session of one connection more, or why there is none. */
  #room(): ClientSessionFactory | keyof typeof REFUSALS {
    const state = this.#options.state();
    if (state.name !== 'ready') return state.name;
    return this.connections.size < this.#options.limits.maxConnections ? state.createSession : 'full';
  }

  /** Counts a connection among those that are open, and looks after it. */
  #keep<C extends OpenPeer>(connection: C): C {
    this.connections.add(connection);
    this.#options.metrics.connectionsOpened.add();
    return connection;
  }
}

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
