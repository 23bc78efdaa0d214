// Which handler answers which request: methods, paths with parameters, and what browsers of other origins may do.
import { RequestAbortedError, type HttpRequest, type HttpResponse } from './exchange.js';
import { errorResponse, HttpError } from './http-error.js';

/** One address of the server. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Segments, of which those that begin with a colon are parameters: `/v1/jobs/:id`. */
  readonly path: string;
  /** Answered also while the model still loads, and while the server shuts down. Default: only while it is ready. */
  readonly always?: boolean;
  /** May throw (or reject with) HttpError; anything else is a failure of the server. */
  handle(call: RouteCall): HttpResponse | Promise<HttpResponse>;
}

export interface RouteCall {
  readonly request: HttpRequest;
  /** The parameters of the path, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
}

/** The answer, or undefined where no route has this path. Never throws HttpError. */
export type Router = (request: HttpRequest) => HttpResponse | Promise<HttpResponse> | undefined;

export interface RouterOptions {
  /** Origins whose pages may call and read (`*`: all). Default: none; pages of the server itself need no leave. */
  readonly corsOrigins?: readonly string[];
  /** What a path that no route has may have been meant as. Default: nothing else. */
  readonly variantsOf?: (path: string) => readonly string[];
}

/**
 * A request is refused with 405 and `Allow` where a path has no such method. HEAD is answered by GET, OPTIONS by the
 * router itself.
 * @throws TypeError when two routes have the same method and path.
 */
export function createRouter(
  routes: readonly Route[],
  { corsOrigins = [], variantsOf = () => [] }: RouterOptions = {},
): Router {
  const patterns = patternsOf(routes);
  return (request) => {
    const found = find(patterns, request.path) ?? findVariant(patterns, request, variantsOf(request.path));
    if (found === undefined) return undefined;
    const { byMethod, params } = found;
    const cors = corsHeaders(request, byMethod, corsOrigins);
    const route = byMethod.get(request.method === 'HEAD' ? 'GET' : request.method);
    if (request.method === 'OPTIONS') return noContent({ allow: allow(byMethod), ...cors });
    if (route === undefined) return withHeaders(errorResponse(methodNotAllowed(request, byMethod)), cors);
    return run(route, request, params, cors);
  };
}

interface Pattern {
  readonly segments: readonly string[];
  readonly byMethod: Map<string, Route>;
}

function patternsOf(routes: readonly Route[]): Pattern[] {
  const patterns = new Map<string, Pattern>();
  for (const route of routes) {
    const shape = route.path.replaceAll(/:[^/]+/g, ':');
    const pattern = patterns.get(shape) ?? { segments: route.path.split('/'), byMethod: new Map<string, Route>() };
    if (pattern.byMethod.has(route.method)) throw new TypeError(`${route.method} ${route.path} has two routes.`);
    patterns.set(shape, { ...pattern, byMethod: pattern.byMethod.set(route.method, route) });
  }
  // Literal segments win over parameters.
  return [...patterns.values()].toSorted((a, b) => parametersOf(a) - parametersOf(b));
}

function parametersOf({ segments }: Pattern): number {
  return segments.filter((segment) => segment.startsWith(':')).length;
}

interface Found {
  readonly byMethod: ReadonlyMap<string, Route>;
  readonly params: Readonly<Record<string, string>>;
}

/** The first variant that answers the method: a wrong address is not told of a wrong method. */
function findVariant(
  patterns: readonly Pattern[],
  { method }: HttpRequest,
  variants: readonly string[],
): Found | undefined {
  const wanted = method === 'HEAD' ? 'GET' : method;
  return variants
    .map((path) => find(patterns, path))
    .find((found) => found !== undefined && (method === 'OPTIONS' || found.byMethod.has(wanted)));
}

function find(patterns: readonly Pattern[], path: string): Found | undefined {
  const segments = path.split('/');
  for (const { segments: wanted, byMethod } of patterns) {
    if (wanted.length !== segments.length) continue;
    const params: Record<string, string> = {};
    const matches = wanted.every((segment, at) => {
      const given = segments[at] ?? '';
      if (!segment.startsWith(':')) return segment === given;
      params[segment.slice(1)] = given;
      return given !== '';
    });
    if (matches) return { byMethod, params };
  }
  return undefined;
}

async function run(
  route: Route,
  request: HttpRequest,
  raw: Readonly<Record<string, string>>,
  cors: Readonly<Record<string, string>>,
): Promise<HttpResponse> {
  try {
    const params = Object.fromEntries(Object.entries(raw).map(([name, value]) => [name, decode(value)]));
    return withHeaders(await route.handle({ request, params }), cors);
  } catch (error) {
    if (error instanceof HttpError) return withHeaders(errorResponse(error), cors);
    if (error instanceof RequestAbortedError) {
      return errorResponse(new HttpError(408, error.code, error.message, { connection: 'close' }));
    }
    throw error;
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new HttpError(400, 'invalid_request', 'The path is not percent-encoded correctly.', {}, { cause });
  }
}

function methodNotAllowed(request: HttpRequest, byMethod: ReadonlyMap<string, Route>): HttpError {
  const allowed = allow(byMethod);
  return new HttpError(405, 'method_not_allowed', `${request.path} answers ${allowed}.`, { allow: allowed });
}

function allow(byMethod: ReadonlyMap<string, Route>): string {
  const methods = [...byMethod.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...methods, 'OPTIONS'].join(', ');
}

/**
 * The Fetch standard, section 3.2. The key of a caller travels in `authorization`, so credentials (cookies) are never
 * allowed.
 */
function corsHeaders(
  request: HttpRequest,
  byMethod: ReadonlyMap<string, Route>,
  origins: readonly string[],
): Readonly<Record<string, string>> {
  if (origins.length === 0) return {};
  const origin = request.header('origin');
  const vary = { vary: 'origin' };
  if (origin === '' || !(origins.includes('*') || origins.includes(origin))) return vary;
  const open = { ...vary, 'access-control-allow-origin': origins.includes('*') ? '*' : origin };
  if (request.method !== 'OPTIONS') return { ...open, 'access-control-expose-headers': '*' };
  return {
    ...open,
    'access-control-allow-methods': allow(byMethod),
    'access-control-allow-headers': request.header('access-control-request-headers') || 'authorization, content-type',
    'access-control-max-age': '86400',
  };
}

function withHeaders(response: HttpResponse, more: Readonly<Record<string, string>>): HttpResponse {
  return Object.keys(more).length === 0 ? response : { ...response, headers: { ...more, ...response.headers } };
}

function noContent(headers: Readonly<Record<string, string>>): HttpResponse {
  return { status: 204, contentType: '', body: '', headers };
}
