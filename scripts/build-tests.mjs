// Builds the tests as plain JavaScript, in .tap/tests, for runs of the build: a loader that translates TypeScript when
// it is imported takes longer than all else that a test process loads. Beside them, in .tap/command, the build of the
// sotto command in a few files: tests start it a hundred times.
import { readFile } from 'node:fs/promises';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BUNDLE, bundleCommand } from './bundle-command.mjs';
import { builtModule } from '../test/support/built-module.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUT = '.tap/tests';
const COMMAND_OUT = '.tap/command';
/** What tests start as processes of their own that load more of the tests, or load in those of the server. */
const CHILDREN = ['listening-engine', 'scripted-engine', 'engine-parent'];
/** What they start that loads nothing by name: it is built as the command is. */
const MAINS = ['scripted-child-main', 'failing-silero-main'];

/** The test files, as paths from the repository's root. */
export function testFiles() {
  return readdirSync(`${root}test`, { recursive: true })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts'))
    .toSorted();
}

/** The URL of a test file, or of a child of the tests, in the build. */
export function builtTest(file) {
  return new URL(`../${OUT}/${file.replace(/^test\//, '').replace(/\.ts$/, '.js')}`, import.meta.url).href;
}

/**
 * @param files {string[]} those of `testFiles` that will run
 * @param isWhole {boolean} the command then loads its packages as an installed one does
 */
export async function buildTests({ files = testFiles(), isWhole = false } = {}) {
  const { build } = await import('esbuild');
  for (const folder of [OUT, COMMAND_OUT]) rmSync(`${root}${folder}`, { recursive: true, force: true });
  await build({
    ...BUNDLE,
    entryPoints: [...files, ...CHILDREN.map((name) => `test/support/${name}.ts`)],
    outbase: 'test',
    outdir: OUT,
    plugins: [{ name: 'tests', setup }],
  });
  await bundleCommand(COMMAND_OUT, {
    from: 'dist',
    resolve: (path, importer) => {
      const url = builtModule(path, pathToFileURL(importer).href);
      return url === undefined ? undefined : fileURLToPath(url);
    },
    more: MAINS.map((name) => `test/support/${name}.ts`),
    withPackages: !isWhole,
  });
}

function setup({ onResolve, onLoad }) {
  // The packages' sources: in their build.
  onResolve({ filter: /^\.|^@sotto\// }, ({ path, importer }) => {
    const url = importer === '' ? undefined : builtModule(path, pathToFileURL(importer).href);
    return url === undefined ? undefined : { path: url, external: true };
  });
  // The `t` of a file that shares its process with others: see test/support/together.mjs.
  onResolve({ filter: /^tap$/ }, ({ importer }) =>
    importer.endsWith('.test.ts') ? { path: importer, namespace: 'file-test' } : undefined,
  );
  onLoad({ filter: /./, namespace: 'file-test' }, () => ({
    contents: `export default globalThis[Symbol.for('sotto.test.file')];`,
  }));
  // Paths are those of the sources: see BUNDLE.
  onLoad({ filter: /\.(?:ts|tsx|mjs)$/, namespace: 'file' }, async ({ path }) => {
    const text = await readFile(path, 'utf8');
    const url = JSON.stringify(pathToFileURL(path).href);
    const loader = path.endsWith('.mjs') ? 'js' : path.endsWith('.tsx') ? 'tsx' : 'ts';
    return { contents: `const sourceUrl = ${url}; ${text}`, loader };
  });
}
