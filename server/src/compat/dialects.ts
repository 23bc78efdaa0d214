// The wire formats of other services that this server speaks.
import type { Dialect } from '../gateway/dialect.js';
import type { SessionSettings } from '../session/session-settings.js';
import type { TemporaryKeys } from './authorizer.js';
import { createRealtimeDialect } from './openai-realtime/dialect.js';
import type { SessionConfig } from './openai-realtime/session-config.js';

export interface DialectsOptions {
  readonly keys: TemporaryKeys<SessionConfig>;
  readonly session: SessionSettings;
  /** Languages that the model knows. */
  readonly languages: readonly string[];
}

export function createDialects({ keys, session, languages }: DialectsOptions): Dialect[] {
  return [createRealtimeDialect({ keys, defaults: { endpointing: session.endpointing, languages } })];
}
