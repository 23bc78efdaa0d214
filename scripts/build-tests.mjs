// Builds the tests as plain JavaScript, in .tap/tests, for runs of the build: a loader that translates TypeScript when
// it is imported takes longer than all else that a test process loads.
import { readFile } from 'node:fs/promises';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtModule } from '../test/support/built-module.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUT = '.tap/tests';
/** What tests start as processes of their own, or load in those of the server. */
const CHILDREN = ['listening-engine', 'scripted-engine', 'scripted-child-main', 'engine-parent', 'failing-silero-main'];

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

export async function buildTests() {
  const { build } = await import('esbuild');
  rmSync(`${root}${OUT}`, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [...testFiles(), ...CHILDREN.map((name) => `test/support/${name}.ts`)],
    outbase: 'test',
    outdir: OUT,
    bundle: true,
    // What several files import is one module, as it is in the sources.
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    define: { 'import.meta.url': 'sourceUrl' },
    logLevel: 'warning',
    plugins: [{ name: 'tests', setup }],
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
  // Paths are those of the sources: see `define` above.
  onLoad({ filter: /\.(?:ts|tsx|mjs)$/, namespace: 'file' }, async ({ path }) => {
    const text = await readFile(path, 'utf8');
    const url = JSON.stringify(pathToFileURL(path).href);
    const loader = path.endsWith('.mjs') ? 'js' : path.endsWith('.tsx') ? 'tsx' : 'ts';
    return { contents: `const sourceUrl = ${url}; ${text}`, loader };
  });
}
