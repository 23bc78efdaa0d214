// What the panel at /dashboard shows and does: live sessions, the last hour, devices; ending a session; the operator's
// switches. For operators.
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os';
import type { Authorizer } from '../../access/access.js';
import type { RequestHead } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse } from '../../http/json-response.js';
import type { Route } from '../../http/router.js';
import type { GpuReading } from '../../metrics/gpu-readings.js';
import type { LiveSessions } from '../../metrics/live-sessions.js';
import type { HistorySample } from '../../metrics/metric-history.js';
import type { KnownNode } from '../../store/node-roll.js';
import { checkOperator } from '../access/callers.js';
import type { EngineState, ServerStatus } from '../status/health.js';
import { operationRoutes, type OperationOptions } from './operation-routes.js';
import { roomLeft } from './room-left.js';

/** Sessions that one answer shows; their number is always told. */
const SESSIONS_MAX = 200;
const CORES = availableParallelism();

export interface PanelOptions extends Pick<OperationOptions, 'pausing' | 'swap' | 'stop'> {
  readonly access: Authorizer;
  /** Whether the network reaches the server and no key is demanded: then the panel is for nobody. */
  readonly isOpenToAll: () => boolean;
  readonly status: () => Pick<ServerStatus, 'status' | 'connections'>;
  readonly store: () => ServerStatus['store'];
  readonly server: { readonly version: string; readonly connectionsMax: number };
  /** The model that serves. */
  readonly model: { readonly name: string };
  readonly live: LiveSessions;
  readonly history: { since(wallMs: number): readonly HistorySample[]; readonly latest: HistorySample | undefined };
  /** Those that share the store, this one included; none where it is this node's own. */
  readonly nodes: () => readonly KnownNode[];
  readonly engines: () => readonly EngineState[];
  readonly gpus: () => readonly GpuReading[];
  /** Error messages sent since the start, by code. */
  readonly errors: () => Iterable<readonly [string, number]>;
  /** Whether what people say may be shown. */
  readonly showsWords: boolean;
}

export function panelRoutes(options: PanelOptions): Route[] {
  const { access, isOpenToAll, live, status } = options;
  const check = (request: RequestHead): void => {
    if (isOpenToAll()) {
      throw new HttpError(
        403,
        'panel_needs_key',
        'On a public address the panel needs keys: sotto keys create --scopes admin',
      );
    }
    checkOperator(access, request);
  };
  return [
    {
      method: 'GET',
      path: '/v1/panel',
      // While it drains its last sessions are seen.
      always: true,
      handle: ({ request }) => {
        check(request);
        return jsonResponse(200, overview(options, Number(request.query.get('since')) || 0));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/panel/sessions/:id',
      always: true,
      handle: ({ request, params: { id = '' } }) => {
        check(request);
        const session = live.get(id);
        if (session === undefined)
          throw new HttpError(404, 'session_unknown', 'There is no such session, or it has ended.');
        session.end();
        return { status: 202, contentType: '', body: '' };
      },
    },
    ...operationRoutes({ ...options, check, connections: () => status().connections }),
  ];
}

function overview(options: PanelOptions, since: number) {
  const { server, model, status, store, live, history, engines, gpus, errors, showsWords, pausing, swap } = options;
  const { status: state, connections } = status();
  const load = { sessions: live.size, connections, connectionsMax: server.connectionsMax };
  return {
    ...server,
    model: model.name,
    status: state,
    connections,
    isPaused: pausing.isPaused,
    swap: swap?.state ?? null,
    room: roomLeft({ ...load, engines: engines().length, busy: history.latest?.rates.busy }),
    store: store(),
    at: Date.now(),
    uptimeMs: Math.round(process.uptime() * 1_000),
    machine: { cores: CORES, load: loadavg()[0], memoryBytes: totalmem(), memoryFreeBytes: freemem() },
    engines: engines(),
    gpus: gpus(),
    nodes: options.nodes(),
    errors: Object.fromEntries(errors()),
    sessionCount: live.size,
    sessions: Array.from(live.first(SESSIONS_MAX), (session) => session.view(showsWords)),
    history: history.since(since),
  };
}
