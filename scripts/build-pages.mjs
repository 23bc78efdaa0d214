// Builds the pages that the server serves (server/web -> server/dist/pages). Runs after an install too: it never makes
// one fail.
import { renameSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildGuide } from './build-guide.mjs';

const isPostinstall = process.env.npm_lifecycle_event === 'postinstall';
const root = fileURLToPath(new URL('../server/web', import.meta.url));
const target = fileURLToPath(new URL('../server/dist/pages', import.meta.url));
const staging = `${target}.${process.pid}`;

/** Vite, or undefined in an install without development dependencies: such an install brings the built pages along. */
async function loadVite() {
  try {
    return await import('vite');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

/** Puts the new pages in the place of the old ones whole: a server that starts meanwhile finds one or the other. */
function publish() {
  const old = `${staging}.old`;
  try {
    renameSync(target, old);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  renameSync(staging, target);
  rmSync(old, { recursive: true, force: true });
}

try {
  const vite = await loadVite();
  if (vite === undefined) {
    console.log('The pages are not built: vite is not installed.');
  } else {
    await vite.build({
      root,
      configFile: `${root}/vite.config.ts`,
      logLevel: 'warn',
      build: { outDir: staging, emptyOutDir: true },
    });
    await buildGuide(fileURLToPath(new URL('..', import.meta.url)), staging);
    publish();
  }
} catch (error) {
  rmSync(staging, { recursive: true, force: true });
  console.error(`The pages could not be built: ${error.message}`);
  if (!isPostinstall) process.exitCode = 1;
}
