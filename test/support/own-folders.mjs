// Loaded before every test file: gives it data, model and cache folders of its own, and none of the user's settings, so
// that a test never meets the models, keys or transcripts of whoever runs it. Child processes inherit both.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Says that a parent process has done it already. */
const MARK = 'SOTTO_TEST_FOLDERS';
/** What the user may set for a test run. */
const KEPT = new Set([
  'SOTTO_RECORDINGS',
  'SOTTO_SCREENSHOTS',
  'SOTTO_CHAOS_SEED',
  'SOTTO_TEST_BUILD',
  'SOTTO_TEST_ALL',
]);

if (process.env[MARK] === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-test-'));
  for (const name of Object.keys(process.env)) {
    if (/^(?:SOTTO|HF|HUGGING_FACE)_/.test(name) && !KEPT.has(name)) delete process.env[name];
  }
  Object.assign(process.env, {
    [MARK]: folder,
    XDG_DATA_HOME: join(folder, 'data'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    XDG_CONFIG_HOME: join(folder, 'config'),
  });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
}
