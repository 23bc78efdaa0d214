#!/usr/bin/env node
// Starts the sotto command: from its TypeScript where tsx is installed (a checkout), else from the build (production).
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const source = fileURLToPath(new URL('../src/cli/sotto.ts', import.meta.url));
const build = new URL('../dist/cli/sotto.js', import.meta.url);

/** The URL of tsx's loader, or undefined in an install without development dependencies. */
function typescriptLoader() {
  try {
    return pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  } catch {
    return undefined;
  }
}

// npm passes SIGTERM to the shell that it starts us with, and the shell dies without passing it on: its death is our
// signal.
if (process.env.npm_lifecycle_event !== undefined && process.platform !== 'win32') {
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}

const loader = existsSync(source) ? typescriptLoader() : undefined;
if (loader === undefined) {
  await import(build.href);
} else {
  // A process of its own, so that every worker and child it starts inherits the loader through execArgv.
  const child = spawn(process.execPath, ['--import', loader, source, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, TSX_TSCONFIG_PATH: fileURLToPath(new URL('../../tsconfig.base.json', import.meta.url)) },
  });
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {}); // The terminal sends it to the child as well.
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    // Dies as its child did: without our own handlers the signal does it.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
