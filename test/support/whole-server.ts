// A whole server in this process, that recognises nothing: for its front.
import { pino } from 'pino';
import type { Test } from 'tap';
import { SETTINGS, type Settings } from '../../server/src/config/settings.js';
import { startServer, type RunningServer } from '../../server/src/main.js';
import { fixturesFolder } from './fixtures.js';

/** Keeps what it keeps in the test's folder. Serves until the test ends. */
export async function startWholeServer(t: Test, changes: Partial<Settings> = {}): Promise<RunningServer> {
  const defaults = Object.fromEntries([...SETTINGS].map(([key, { default: value }]) => [key, value]));
  // A small tokenizer: that of a Whisper takes longer to load than all the rest.
  const models = { models: fixturesFolder, model: 'tiny-whisper' };
  const settings = { ...defaults, port: 0, engine: 'null', vad: 'null', ...models, ...changes } as Settings;
  const server = await startServer(settings, pino({ level: 'silent' }));
  t.teardown(() => server.close());
  return server;
}
