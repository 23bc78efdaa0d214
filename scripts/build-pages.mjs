// Builds the pages that the server serves (server/web -> server/dist/pages). Runs after an install too: it never makes one fail.
import { fileURLToPath } from 'node:url';

const isPostinstall = process.env.npm_lifecycle_event === 'postinstall';
const root = fileURLToPath(new URL('../server/web', import.meta.url));

/** Vite, or undefined in an install without development dependencies: such an install brings the built pages along. */
async function loadVite() {
  try {
    return await import('vite');
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return undefined;
  }
}

try {
  const vite = await loadVite();
  if (vite === undefined) console.log('The pages are not built: vite is not installed.');
  else await vite.build({ root, configFile: `${root}/vite.config.ts`, logLevel: 'warn' });
} catch (error) {
  console.error(`The pages could not be built: ${error.message}`);
  if (!isPostinstall) process.exitCode = 1;
}
