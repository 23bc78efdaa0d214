// How tests start the sotto command: its source, or, in a run of the build, the build in a few files
// (scripts/build-tests.mjs): most of a short run is loading.
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const path = (name: string): string => fileURLToPath(new URL(name, root));

/** Whether this run tests the build (`npm test`) rather than the sources (`npx tap FILE`). */
export const isBuildTested = process.env['SOTTO_TEST_BUILD'] === '1';

/** Arguments for Node that run the command itself, without its launcher, so that a signal reaches it. */
export const SOTTO_ARGUMENTS: readonly string[] = isBuildTested
  ? [path('.tap/command/server/dist/cli/sotto.js')]
  : ['--import', import.meta.resolve('tsx'), path('server/src/cli/sotto.ts')];

/** The same for the bench. */
export const BENCH_ARGUMENTS: readonly string[] = isBuildTested
  ? [path('bench/dist/main.js')]
  : ['--import', import.meta.resolve('tsx'), path('bench/src/main.ts')];

/** Arguments for Node that runs a script of the tests' own, which imports `./server/src/` or a package. */
export const SCRIPT_ARGUMENTS: readonly string[] = isBuildTested
  ? ['--import', new URL('from-build.mjs', import.meta.url).href]
  : ['--import', import.meta.resolve('tsx')];

/** What its environment needs besides the user's. */
export const SOTTO_ENVIRONMENT: NodeJS.ProcessEnv = isBuildTested
  ? {}
  : { TSX_TSCONFIG_PATH: path('tsconfig.base.json') };
