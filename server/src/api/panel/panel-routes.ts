// What the panel at /dashboard shows and does: live sessions, the last hour, devices; ending a session; the operator's
// switches. For operators.
import type { Authorizer } from '../../access/access.js';
import type { RequestHead } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse } from '../../http/json-response.js';
import type { Route } from '../../http/router.js';
import type { LiveSessions } from '../../metrics/live-sessions.js';
import { checkOperator } from '../access/callers.js';
import { operationRoutes, type OperationOptions } from './operation-routes.js';
import { mergeOverviews, overviewOf, type OverviewOptions } from './overview.js';
import type { PanelPeers } from './panel-peers.js';

export interface PanelOptions extends OverviewOptions, Pick<OperationOptions, 'pausing' | 'swap' | 'stop'> {
  readonly access: Authorizer;
  /** Whether the network reaches the server and no key is demanded: then the panel is for nobody. */
  readonly isOpenToAll: () => boolean;
  /** Those that share its port. Default: there are none. */
  readonly peers?: PanelPeers | undefined;
}

export function panelRoutes(options: PanelOptions): Route[] {
  const { access, isOpenToAll, live, status, peers } = options;
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
      handle: async ({ request }) => {
        check(request);
        const since = Number(request.query.get('since')) || 0;
        const others = (await peers?.overviews(since)) ?? [];
        return jsonResponse(200, mergeOverviews(overviewOf(options, since), others));
      },
    },
    {
      method: 'DELETE',
      path: '/v1/panel/sessions/:id',
      always: true,
      handle: async ({ request, params: { id = '' } }) => {
        check(request);
        if (!endSession(live, id) && (await peers?.endSession(id)) !== true)
          throw new HttpError(404, 'session_unknown', 'There is no such session, or it has ended.');
        return { status: 202, contentType: '', body: '' };
      },
    },
    ...operationRoutes({ ...options, check, connections: () => status().connections }),
  ];
}

/** Whether there was one. */
export function endSession(live: LiveSessions, id: string): boolean {
  const session = live.get(id);
  session?.end();
  return session !== undefined;
}
