// Bundles the sotto command into a few files: most of a short run is finding modules, file by file, and a loader that
// translates TypeScript when it is imported costs as much again in every process. `npm start` and `npx sotto` run it in
// a checkout: it is made by the install, and again by the first start after a change (0.4 s). Tests bundle the build.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The command, and what its processes start and load by name, without `server/src/` and `.ts`. */
const ENTRIES = [
  'cli/sotto',
  'asr/engine-host/engine-child-main',
  'asr/whisper/whisper-engine',
  'asr/null-engine',
  'asr/scripted-engine',
  'audio/decoder/decoder-main',
  'polish/llama/host/host-child-main',
  'processes/server-process-main',
  'store/lmdb/store-child-main',
  'vad/silero-thread-main',
];
/**
 * Packages that the bundle holds, with what they need. The others are native, find files beside themselves, or are
 * loaded by few.
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

/** What the bundles of the command and of the tests have in common. */
export const BUNDLE = {
  absWorkingDir: root,
  bundle: true,
  // What several files import is one module, as it is in the sources.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: true,
  // Paths are those of the modules that were bundled; what loads them puts a `sourceUrl` before each.
  define: { 'import.meta.url': 'sourceUrl' },
  logLevel: 'warning',
};

const IN_MODULES = /[\\/]node_modules[\\/]/;
/** A module that another one names by its URL, to start or load it: `new URL('./x.js', import.meta.url)`. */
const NAMED_MODULE = /new URL\(`(\.\.?\/[\w/-]+)\$\{extname\(import\.meta\.url\)\}`, import\.meta\.url\)/g;

/**
 * @param out {string} the folder, from the root: what is bundled lies in it as it does in the repository
 * @param options.from {'src' | 'dist'} the sources, or their build
 * @param options.inPlace {string} where the folder will be, if it is moved when it is whole
 * @param options.resolve {(path: string, importer: string) => string | undefined} finds modules in its own way
 * @param options.more {string[]} further entries
 * @param options.withPackages {boolean} false: packages are loaded as an installed command loads them
 */
export async function bundleCommand(out, { from, inPlace = out, resolve, more = [], withPackages = true }) {
  const { build } = await import('esbuild');
  const extension = from === 'src' ? 'ts' : 'js';
  const entries = ENTRIES.map((entry) => `server/${from}/${entry}.${extension}`);
  const inlined = withPackages ? INLINED : new Set();
  const setup = ({ onResolve, onLoad }) => {
    onResolve({ filter: /^\.|^@sotto\// }, ({ path, importer }) => {
      const found = importer === '' ? undefined : resolve?.(path, importer);
      return found === undefined ? undefined : { path: found };
    });
    onResolve({ filter: /^[@\w]/ }, ({ path, importer }) => {
      const [, name] = /^((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
      // What a package imports is in the bundle with it.
      const isBundled = IN_MODULES.test(importer) || inlined.has(name) || name.startsWith('@sotto/');
      return isBundled || isBuiltin(path) ? undefined : { path, external: true };
    });
    onLoad({ filter: /\.[jt]s$/, namespace: 'file' }, async ({ path }) => {
      if (IN_MODULES.test(path) || !path.includes(`/${from}/`.replaceAll('/', SEPARATOR))) return undefined;
      const text = (await readFile(path, 'utf8')).replace(NAMED_MODULE, (whole, name) => {
        const file = relative(root, join(dirname(path), name)).replaceAll('\\', '/');
        if (!entries.includes(`${file}.${extension}`)) throw new Error(`${path} names ${file}: list it in ENTRIES`);
        return `new URL(${JSON.stringify(pathToFileURL(join(root, inPlace, `${file}.js`)).href)})`;
      });
      const loader = path.endsWith('.ts') ? 'ts' : 'js';
      return { contents: `const sourceUrl = ${JSON.stringify(pathToFileURL(path).href)}; ${text}`, loader };
    });
  };
  await build({
    ...BUNDLE,
    entryPoints: [...entries, ...more],
    outbase: '.',
    outdir: out,
    tsconfig: 'tsconfig.base.json',
    ...(withPackages && WITH_PACKAGES),
    plugins: [{ name: 'command', setup }],
  });
}

const SEPARATOR = process.platform === 'win32' ? '\\' : '/';
const SOURCES = ['client-sdk/src', 'models/src', 'protocol/src', 'server/src'];
const SETTINGS = ['package-lock.json', 'scripts/bundle-command.mjs', 'tsconfig.base.json'];
/** Each of its folders is a bundle, named after what it was made of. */
const BUNDLES = 'server/dist/command';

/**
 * The command's main file, bundled of the sources as they are; undefined where there is no bundle of them, and no
 * esbuild to make one: an install without development dependencies.
 *
 * @returns {Promise<string | undefined>} its URL
 */
export async function commandOfSources() {
  const folder = `${BUNDLES}/${hashOfSources()}`;
  const command = join(root, folder, 'server/src/cli/sotto.js');
  if (!existsSync(command)) {
    if (!existsSync(join(root, 'node_modules/esbuild'))) return undefined;
    sweep();
    const staging = `${folder}.${process.pid}`;
    try {
      await bundleCommand(staging, { from: 'src', inPlace: folder });
      renameSync(join(root, staging), join(root, folder));
    } catch (error) {
      rmSync(join(root, staging), { recursive: true, force: true });
      // Somebody else who started meanwhile has made the same.
      if (!existsSync(command)) throw error;
    }
  }
  return pathToFileURL(command).href;
}

/** Notes that this process loads from the bundle when it likes, until it ends. */
export function useBundle(command) {
  const users = new URL('../../../users/', command);
  try {
    mkdirSync(users, { recursive: true });
    writeFileSync(new URL(`${process.pid}`, users), '');
  } catch {
    // The checkout is somebody else's: so is its tidiness.
  }
}

/** Removes the bundles of other sources that no living process uses. */
function sweep() {
  const folder = join(root, BUNDLES);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const bundle = join(folder, name);
    // One that is being made ends in the number of its maker.
    const maker = /\.(\d+)$/.exec(name)?.[1];
    const users = join(bundle, 'users');
    const pids = [...(maker === undefined ? [] : [maker]), ...(existsSync(users) ? readdirSync(users) : [])];
    if (!pids.some((pid) => isAlive(Number(pid)))) rmSync(bundle, { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Of all that the bundle is made of, and of where it is: it names files by their whole paths. */
function hashOfSources() {
  const hash = createHash('sha256').update(root);
  const add = (path) => hash.update(`${path}\0`).update(readFileSync(join(root, path)));
  for (const path of SETTINGS) add(path);
  const walk = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.name.endsWith('.ts')) add(path);
    }
  };
  for (const folder of SOURCES) walk(folder);
  return hash.digest('hex').slice(0, 16);
}

// After an install, so that the first start is as quick as the others; it never makes an install fail.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await commandOfSources().catch((error) => console.error(`The command is not bundled: ${error.message}`));
}
