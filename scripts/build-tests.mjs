// Builds the tests as plain JavaScript, in .tap/tests, for runs of the build: a loader that translates TypeScript when
// it is imported takes longer than all else that a test process loads. Beside them, in .tap/command, the build of the
// sotto command in a few files: tests start it a hundred times.
import { readFile } from 'node:fs/promises';
import { readdirSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtModule } from '../test/support/built-module.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const OUT = '.tap/tests';
const COMMAND_OUT = '.tap/command';
/** The command, and what its processes start and load by name. */
const COMMAND_FILES = [
  'server/dist/cli/sotto.js',
  'server/dist/asr/engine-host/engine-child-main.js',
  'server/dist/asr/whisper/whisper-engine.js',
  'server/dist/asr/null-engine.js',
  'server/dist/asr/scripted-engine.js',
  'server/dist/audio/decoder/decoder-main.js',
  'server/dist/polish/llama/host/host-child-main.js',
  'server/dist/store/lmdb/store-child-main.js',
  'server/dist/vad/silero-thread-main.js',
];
/**
 * Packages that the command's build holds, with what they need: most of a short run is finding modules, file by file.
 * The others are native, find files beside themselves, or are loaded by few.
 */
const INLINED = new Set([
  '@fastify/busboy',
  '@huggingface/tokenizers',
  '@valibot/to-json-schema',
  'commander',
  'eventsource-parser',
  'fflate',
  'ipaddr.js',
  'jose',
  'msgpackr',
  'onnx-proto',
  'pino',
  'string-width',
  'valibot',
  'ws',
  'yauzl',
]);
const WITH_PACKAGES = {
  packages: 'bundle',
  // Native parts of theirs.
  external: ['bufferutil', 'msgpackr-extract', 'utf-8-validate'],
  // For those of them that are no ECMAScript modules.
  banner: {
    js: `import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(${JSON.stringify(import.meta.url)});`,
  },
};
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
  const options = {
    absWorkingDir: root,
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
  };
  for (const folder of [OUT, COMMAND_OUT]) rmSync(`${root}${folder}`, { recursive: true, force: true });
  await build({
    ...options,
    entryPoints: [...files, ...CHILDREN.map((name) => `test/support/${name}.ts`)],
    outbase: 'test',
    outdir: OUT,
    plugins: [{ name: 'tests', setup }],
  });
  await build({
    ...options,
    entryPoints: [...COMMAND_FILES, ...MAINS.map((name) => `test/support/${name}.ts`)],
    outbase: '.',
    outdir: COMMAND_OUT,
    ...(isWhole ? {} : WITH_PACKAGES),
    plugins: [{ name: 'command', setup: (build) => setupCommand(build, isWhole ? new Set() : INLINED) }],
  });
}

const IN_MODULES = /[\\/]node_modules[\\/]/;
/** A module that another one names by its URL, to start or load it: `new URL('./x.js', import.meta.url)`. */
const NAMED_MODULE = /new URL\(`(\.\.?\/[\w/-]+)\$\{extname\(import\.meta\.url\)\}`, import\.meta\.url\)/g;

function setupCommand({ onResolve, onLoad }, inlined) {
  onResolve({ filter: /^\.|^@sotto\// }, ({ path, importer }) => {
    const url = importer === '' ? undefined : builtModule(path, pathToFileURL(importer).href);
    return url === undefined ? undefined : { path: fileURLToPath(url) };
  });
  onResolve({ filter: /^[@\w]/ }, ({ path, importer }) => {
    const [, name] = /^((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
    // What a package imports is in the build with it.
    return IN_MODULES.test(importer) || isBuiltin(path) || inlined.has(name) ? undefined : { path, external: true };
  });
  onLoad({ filter: /[\\/]dist[\\/].*\.js$/, namespace: 'file' }, async ({ path }) => {
    if (IN_MODULES.test(path)) return undefined;
    const text = (await readFile(path, 'utf8')).replace(NAMED_MODULE, (whole, name) => {
      const file = relative(root, `${join(dirname(path), name)}.js`).replaceAll('\\', '/');
      if (!COMMAND_FILES.includes(file)) throw new Error(`${path} names ${file}: list it in COMMAND_FILES`);
      return `new URL(${JSON.stringify(pathToFileURL(join(root, COMMAND_OUT, file)).href)})`;
    });
    return { contents: `const sourceUrl = ${JSON.stringify(pathToFileURL(path).href)}; ${text}`, loader: 'js' };
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
