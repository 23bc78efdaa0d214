#!/usr/bin/env node
// Starts the sotto command: in a checkout its sources, bundled (scripts/bundle-command.mjs), else the build.
import { existsSync } from 'node:fs';

const bundles = new URL('../../scripts/bundle-command.mjs', import.meta.url);
const source = new URL('../src/cli/sotto.ts', import.meta.url);
const build = new URL('../dist/cli/sotto.js', import.meta.url);

// npm passes SIGTERM to the shell that it starts us with, and the shell dies without passing it on: its death is our
// signal. Where the whole group is signalled we have ours already: a second one would end us at once.
if (process.env.npm_lifecycle_event !== undefined && process.platform !== 'win32') {
  const shell = process.ppid;
  let isSignalled = false;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    // After signals that have come and are not yet told.
    setImmediate(() => {
      if (!isSignalled) process.kill(process.pid, 'SIGTERM');
    });
  }, 250);
  watch.unref();
  for (const signal of ['SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      isSignalled = true;
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    });
  }
}

async function bundleOfSources() {
  const { commandOfSources, useBundle } = await import(bundles.href);
  const command = await commandOfSources();
  if (command !== undefined) useBundle(command);
  return command;
}

const isCheckout = existsSync(source) && existsSync(bundles);
await import((isCheckout ? await bundleOfSources() : undefined) ?? build.href);
