// Is it alive, is it ready, its numbers, its pages, and a page that says what this is: answered whatever the state of
// the server.
import { JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, type PolishOffer } from '@sotto/protocol';
import { ALLOW_ALL, type Authorizer } from '../../access/access.js';
import type { HttpResponse, RequestHead } from '../../http/exchange.js';
import { movedTo } from '../../http/moved.js';
import { jsonResponse } from '../../http/json-response.js';
import type { Route } from '../../http/router.js';
import { PROMETHEUS_CONTENT_TYPE } from '../../metrics/metrics-registry.js';
import { checkOperator } from '../access/callers.js';
import { healthOf, type EngineState, type ProcessState, type ServerStatus } from './health.js';
import type { Pages } from './pages.js';

export interface StatusOptions {
  readonly version: string;
  /** What recognises. */
  readonly model: { readonly name: string; readonly device: string };
  readonly gateway: { status(): Pick<ServerStatus, 'status' | 'connections'> };
  /** Sockets at which the server is full, and not ready for more. Default: never. */
  readonly connectionsMax?: number;
  /** Whether the operator lets no further stream begin. Default: no. */
  readonly isPaused?: () => boolean;
  /** How what is kept is. Default: nothing is kept. */
  readonly store?: () => ServerStatus['store'];
  /** What recognises; empty until the model is loaded. Absent: not told. */
  readonly engines?: () => readonly EngineState[];
  /** What is polished with. Absent or undefined: nothing is. */
  readonly polish?: () => PolishOffer | undefined;
  /** Who may come; metrics are for admins where a key is demanded. Default: everybody. */
  readonly access?: Authorizer;
  /** Of several behind one port: which one answers. Absent or undefined: there are no others. */
  readonly processes?: () => ProcessState | undefined;
  /** The Prometheus text. */
  readonly metrics: () => string | Promise<string>;
  /** The Studio and its like; absent where a server has none. */
  readonly pages?: Pages;
}

const TEXT = 'text/plain; charset=utf-8';

export function statusRoutes(options: StatusOptions): Route[] {
  const { engines, polish, access = ALLOW_ALL, metrics, pages } = options;
  const found = pages?.paths.filter((path) => path !== '/') ?? [];
  return [
    always('/', (request) => home(request, options)),
    always('/health', () =>
      jsonResponse(200, healthOf(statusOf(options), engines?.() ?? [], polish?.(), options.processes?.())),
    ),
    always('/ready', () => ready(options)),
    always('/metrics', async (request) => {
      checkOperator(access, request);
      return { status: 200, contentType: PROMETHEUS_CONTENT_TYPE, body: await metrics() };
    }),
    ...found.map((path) =>
      always(path, (request) =>
        request.path === path ? (pages?.answer(request, path) ?? home(request, options)) : movedTo(path, request),
      ),
    ),
  ];
}

function always(path: string, answer: (request: RequestHead) => HttpResponse | Promise<HttpResponse>): Route {
  return { method: 'GET', path, always: true, handle: ({ request }) => answer(request) };
}

function statusOf({ gateway, version, model, store }: StatusOptions): ServerStatus {
  return {
    ...gateway.status(),
    version,
    model: model.name,
    device: model.device,
    store: store?.() ?? 'off',
    uptimeMs: Math.round(process.uptime() * 1_000),
  };
}

/** 200 when sessions are taken. */
function ready(options: StatusOptions): HttpResponse {
  const { status: state, store, connections } = statusOf(options);
  const engines = options.engines?.();
  const canRecognise = engines === undefined || engines.length === 0 || engines.some(({ isUp }) => isUp);
  const isFull = state === 'ready' && connections >= (options.connectionsMax ?? Infinity);
  const isPaused = state === 'ready' && options.isPaused?.() === true;
  const status = !canRecognise ? 'noEngine' : isPaused ? 'paused' : isFull ? 'full' : state;
  return jsonResponse(
    status === 'ready' ? 200 : 503,
    { status, engines, store, polish: options.polish?.(), processes: options.processes?.() },
    status === 'ready' ? {} : { 'retry-after': '1' },
  );
}

/** The Studio for browsers, a few lines of text for everybody else. */
function home(request: RequestHead, options: StatusOptions): HttpResponse {
  const { pages } = options;
  const page = request.header('accept').includes('text/html') ? pages?.answer(request) : undefined;
  if (page !== undefined) return { ...page, headers: { ...page.headers, vary: 'accept' } };
  const hint =
    pages?.isBuilt === false ? '\nThe Studio page is not built: npm run build:pages, then start again.\n' : '';
  const body = welcome(statusOf(options), request.header('host')) + hint;
  return { status: 200, contentType: TEXT, body, headers: { vary: 'accept' } };
}

function welcome(status: ServerStatus, host: string): string {
  const address = host === '' ? '127.0.0.1:8080' : host;
  return `Sotto ${status.version}: realtime speech-to-text. Model ${status.model} on ${status.device}, ${status.status}.

Speech in, words out:  ws://${address}/v1/stream  (subprotocols ${MSGPACK_SUBPROTOCOL}, ${JSON_SUBPROTOCOL})
Try it:                npx sotto transcribe speech.flac --server ws://${address}

GET /health   is the process alive, with which models on which devices
GET /ready    200 when it takes sessions, else 503
GET /metrics  numbers for Prometheus
`;
}
