// The wire formats of other services that this server speaks.
import type { Dialect } from '../gateway/dialect.js';
import type { SessionSettings } from '../session/session-settings.js';
import type { TemporaryKeys } from './authorizer.js';
import { createListenDialect } from './deepgram/dialect.js';
import { createRealtimeDialect } from './openai-realtime/dialect.js';
import type { SessionConfig } from './openai-realtime/session-config.js';

export interface DialectsOptions {
  readonly keys: TemporaryKeys<SessionConfig>;
  readonly session: SessionSettings;
  /** What recognises. */
  readonly model: { readonly name: string; readonly languages: readonly string[] };
}

export function createDialects({ keys, session, model }: DialectsOptions): Dialect[] {
  return [
    createRealtimeDialect({ keys, defaults: { endpointing: session.endpointing, languages: model.languages } }),
    createListenDialect({ authorizer: keys, model }),
  ];
}
