// Builds the test runner with the plugins that `.taprc` names. `npm test` does, and an install: else the first `npx tap
// FILE` after it fails, since tap builds itself then but goes on with the plugins from before.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildOnce } from './build-once.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const TAP = `${root}node_modules/tap/dist/esm/run.mjs`;
const FILES = { inputs: ['.taprc', 'package-lock.json'], outputs: ['node_modules/@tapjs/test/test-built'] };

const build = () => spawnSync(process.execPath, [TAP, 'build'], { cwd: root, stdio: 'inherit' }).status ?? 1;

/** @returns {number} the exit code */
export function buildTap() {
  return buildOnce('tap', FILES, build);
}

// An install without development dependencies has no tests, and a failure here makes none fail.
if (process.argv[1] === fileURLToPath(import.meta.url) && existsSync(TAP)) buildTap();
