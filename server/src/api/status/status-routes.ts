// The plain HTTP side of the gateway: is it alive, is it ready, its numbers, and a page that says what this is.
import { JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, type PolishOffer } from '@sotto/protocol';
import { PROMETHEUS_CONTENT_TYPE } from '../../metrics/metrics-registry.js';
import type { Pages } from './pages.js';
import { errorResponse, HttpError } from '../../http/http-error.js';
import { jsonResponse } from '../../http/json-response.js';
import { healthOf, type EngineState, type ServerStatus } from '../../gateway/health.js';
import type { RequestHead, WholeResponse } from '../../http/exchange.js';

/** Paths on which a WebSocket is accepted (rule HS1). */
export const STREAM_PATHS: readonly string[] = ['/v1/stream', '/'];
/** Where viewers watch a shared session (rule WA2). */
export const WATCH_PATH = '/v1/watch';

export interface HttpView {
  status(): ServerStatus;
  /** What recognises; empty until the model is loaded. Absent: not told. */
  readonly engines?: () => readonly EngineState[];
  /** What is polished with. Absent or undefined: nothing is. */
  readonly polish?: () => PolishOffer | undefined;
  /** Whether a path takes WebSockets of a dialect. */
  readonly isStream?: (path: string) => boolean;
  /** The Prometheus text. */
  metrics(): string;
  /** The Studio and its like; absent where a server has none. */
  readonly pages?: Pages | undefined;
  /** Captions of shared sessions; undefined for an address that is none of theirs. Absent: nothing is shared. */
  readonly captions?: (request: RequestHead) => WholeResponse | undefined;
}

const TEXT = 'text/plain; charset=utf-8';

/** Answers a request that is no upgrade. */
export function answerHttp(request: RequestHead, view: HttpView): WholeResponse {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return jsonError(405, 'method_not_allowed', `${request.path} answers GET.`, { allow: 'GET, HEAD' });
  }
  switch (request.path) {
    case '/':
      return home(request, view);
    case '/health':
      return jsonResponse(200, healthOf(view.status(), view.engines?.() ?? [], view.polish?.()));
    case '/ready': {
      const { status: state, store } = view.status();
      const engines = view.engines?.();
      const isHeard = engines === undefined || engines.length === 0 || engines.some(({ isUp }) => isUp);
      const status = isHeard ? state : 'noEngine';
      return jsonResponse(
        status === 'ready' ? 200 : 503,
        { status, engines, store, polish: view.polish?.() },
        status === 'ready' ? {} : { 'retry-after': '1' },
      );
    }
    case '/metrics':
      return { status: 200, contentType: PROMETHEUS_CONTENT_TYPE, body: view.metrics() };
    case '/v1/stream':
    case WATCH_PATH:
      return upgradeRequired();
    default:
      if (view.isStream?.(request.path) === true) return upgradeRequired();
      return view.captions?.(request) ?? pageOf(request, view);
  }
}

function upgradeRequired(): WholeResponse {
  return jsonError(426, 'upgrade_required', 'This is a WebSocket endpoint.', { upgrade: 'websocket' });
}

/** An error as every plain HTTP answer of the server tells it. */
export function jsonError(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): WholeResponse {
  return errorResponse(new HttpError(status, code, message, headers));
}

function pageOf(request: RequestHead, view: HttpView): WholeResponse {
  return view.pages?.answer(request) ?? jsonError(404, 'not_found', 'There is no such page: see /.');
}

/** The Studio for browsers, a few lines of text for everybody else. */
function home(request: RequestHead, view: HttpView): WholeResponse {
  const page = request.header('accept').includes('text/html') ? view.pages?.answer(request) : undefined;
  if (page !== undefined) return { ...page, headers: { ...page.headers, vary: 'accept' } };
  const hint =
    view.pages?.isBuilt === false ? '\nThe Studio page is not built: npm run build:pages, then start again.\n' : '';
  const body = welcome(view.status(), request.header('host')) + hint;
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
