// The interfaces of other services that this server has: wire formats on sockets, and addresses over HTTP.
import type { Dialect } from '../gateway/dialect.js';
import type { Route } from '../http/route.js';
import type { SessionSettings } from '../session/session-settings.js';
import type { TemporaryKeys } from './authorizer.js';
import { authRoutes } from './deepgram/auth-routes.js';
import { createListenDialect } from './deepgram/dialect.js';
import { clientSecretRoutes } from './openai-realtime/client-secret-routes.js';
import { createRealtimeDialect } from './openai-realtime/dialect.js';
import type { SessionConfig } from './openai-realtime/session-config.js';

export interface CompatOptions {
  readonly keys: TemporaryKeys<SessionConfig>;
  readonly session: SessionSettings;
  /** What recognises. */
  readonly model: { readonly name: string; readonly languages: readonly string[] };
}

export interface Compat {
  readonly dialects: readonly Dialect[];
  readonly routes: readonly Route[];
}

export function createCompat({ keys, session, model }: CompatOptions): Compat {
  const defaults = { endpointing: session.endpointing, languages: model.languages };
  return {
    dialects: [createRealtimeDialect({ keys, defaults }), createListenDialect({ authorizer: keys, model })],
    routes: [...clientSecretRoutes({ keys, defaults }), ...authRoutes(keys)],
  };
}
