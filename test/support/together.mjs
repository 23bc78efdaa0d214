// Runs several test files in one process, one after the other: what Node and the server's modules cost to load is paid
// once. `npm test` writes an entry for each folder that calls this. A file's `t` is then a test of this process with
// the file's name, so that its teardown comes when the file ends, and its time is seen.
import { builtTest } from '../../scripts/build-tests.mjs';
import { startCommandChildren } from './command-children.mjs';
import { cpuSeconds, noteCpu } from './cpu-time.mjs';
import t from './light-tap.mjs';

/** What `import t from 'tap'` gives to the file that is loading (scripts/build-tests.mjs sees to it). */
const CURRENT = Symbol.for('sotto.test.file');
/** Of one file, milliseconds: in the whole run some install foreign software first, and have a limit of their own. */
const TIMEOUT_MS = process.env.SOTTO_TEST_ALL === '1' ? 1_200_000 : 300_000;
/** What a process may still take to end when its files are done. */
const END_MS = 30_000;

/** @param files {string[]} paths, from the repository's root */
export async function runTogether(files) {
  process.on('uncaughtException', (error) => globalThis[CURRENT].threw(error));
  await import('./own-folders.mjs');
  startCommandChildren();
  // As the server does: koffi takes the models' settings only before anything is loaded with it, and the store loads.
  await import('@sotto/models');
  const start = cpuSeconds();
  let before = start;
  for (const file of files) {
    await t.test(file, { timeout: TIMEOUT_MS }, async (test) => {
      globalThis[CURRENT] = test;
      await import(builtTest(file));
    });
    const seconds = cpuSeconds();
    noteCpu(file, seconds - before);
    before = seconds;
  }
  // Else something that a test left open holds the whole run up.
  setTimeout(() => {
    console.error(`${files[0]} and the files with it left something open: ${process.getActiveResourcesInfo().join()}`);
    process.exit(1);
  }, END_MS).unref();
  // Node's start, and what the files share: servers and browsers end with the process.
  process.once('exit', () => noteCpu(`shared by ${files[0]}`, start + cpuSeconds() - before));
}
