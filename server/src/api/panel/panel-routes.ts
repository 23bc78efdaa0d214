// What the panel at /dashboard shows and does: live sessions, the last hour, devices; ending a session. For operators.
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { Authorizer } from '../../access/access.js';
import type { RequestHead } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse } from '../../http/json-response.js';
import type { Route } from '../../http/router.js';
import type { GpuReading } from '../../metrics/gpu-readings.js';
import type { LiveSessions } from '../../metrics/live-sessions.js';
import type { HistorySample } from '../../metrics/metric-history.js';
import { checkOperator } from '../access/callers.js';
import type { EngineState, ServerStatus } from '../status/health.js';

/** Sessions that one answer shows; their number is always told. */
const SESSIONS_MAX = 200;

export interface PanelOptions {
  readonly access: Authorizer;
  /** Whether the network reaches the server and no key is demanded: then the panel is for nobody. */
  readonly isOpenToAll: () => boolean;
  readonly status: () => Pick<ServerStatus, 'status' | 'connections'>;
  readonly store: () => ServerStatus['store'];
  readonly server: { readonly version: string; readonly model: string; readonly connectionsMax: number };
  readonly live: LiveSessions;
  readonly history: { since(wallMs: number): readonly HistorySample[] };
  readonly engines: () => readonly EngineState[];
  readonly gpus: () => readonly GpuReading[];
  /** Error messages sent since the start, by code. */
  readonly errors: () => Iterable<readonly [string, number]>;
  /** Whether what people say may be shown. */
  readonly showsWords: boolean;
  /** The server ends as on SIGTERM. */
  readonly stop: () => void;
}

export function panelRoutes(options: PanelOptions): Route[] {
  const { access, isOpenToAll, live } = options;
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
      handle: ({ request }) => {
        check(request);
        return jsonResponse(200, overview(options, Number(request.query.get('since')) || 0));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/panel/sessions/:id',
      handle: ({ request, params: { id = '' } }) => {
        check(request);
        const session = live.get(id);
        if (session === undefined)
          throw new HttpError(404, 'session_unknown', 'There is no such session, or it has ended.');
        session.end();
        return { status: 202, contentType: '', body: '' };
      },
    },
    {
      method: 'POST',
      path: '/v1/drain',
      handle: ({ request }) => {
        check(request);
        // The answer first.
        setImmediate(options.stop);
        return jsonResponse(202, { connections: options.status().connections });
      },
    },
  ];
}

function overview(options: PanelOptions, since: number) {
  const { server, status, store, live, history, engines, gpus, errors, showsWords } = options;
  return {
    ...server,
    ...status(),
    store: store(),
    at: Date.now(),
    uptimeMs: Math.round(process.uptime() * 1_000),
    machine: { cores: cpus().length, load: loadavg()[0], memoryBytes: totalmem(), memoryFreeBytes: freemem() },
    engines: engines(),
    gpus: gpus(),
    errors: Object.fromEntries(errors()),
    sessionCount: live.size,
    sessions: Array.from(live.first(SESSIONS_MAX), (session) => session.view(showsWords)),
    history: history.since(since),
  };
}
