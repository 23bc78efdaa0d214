// Removes from an install what this machine can never load or run: binaries of other platforms, source maps, sources of
// things that come built. npm itself cannot leave it out: each of these packages ships everything in one. More than 500
// MB become less than 400.
import { existsSync, lstatSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
const { platform, arch } = process;

/** Files and folders that nothing loads, each with the reason. */
const DEAD_WEIGHT = [
  // The package's JavaScript fallback: it does not answer, and the server falls back to `ws` instead.
  'uWebSockets.js/dist',
  // The sources of llama.cpp, for those who compile it; `npx node-llama-cpp source download` fetches them again.
  'node-llama-cpp/llama/gitRelease.bundle',
  // The TypeScript that the package is built from.
  'openai/src',
  // The command of protobufjs with dependencies of its own: `onnx-proto` brings its messages compiled.
  'protobufjs/cli',
  // Forms for browsers and for `require`, translations and older versions of what only tests use, and use in one form.
  '@deepgram/sdk/dist/cjs',
  'react-dom/umd',
  'axe-core/locales',
  '@asyncapi/specs/definitions',
  // Whole dictionaries in forms that are not imported: Sotto imports `opencc-js/cn2t` and `opencc-js/t2cn`.
  'opencc-js/dist/umd',
  'opencc-js/dist/esm/full.js',
  'opencc-js/dist/esm-lib',
  // The editor's server, and messages in other languages, of a TypeScript of which tests and one script use the
  // compiler.
  'oldest-typescript/lib/tsserver.js',
  'oldest-typescript/lib/typingsInstaller.js',
  ...['cs', 'de', 'es', 'fr', 'it', 'ja', 'ko', 'pl', 'pt-br', 'ru', 'tr', 'zh-cn', 'zh-tw'].map(
    (language) => `oldest-typescript/lib/${language}`,
  ),
  // The sources of LMDB, for those who compile it.
  'lmdb/dependencies',
  // Forms of the library for browsers and for older module systems.
  'luxon/build/amd',
  'luxon/build/cjs-browser',
  'luxon/build/global',
];

/**
 * Removes the children of a folder that `keep` refuses; a package that is absent or laid out otherwise is left alone.
 */
function prune(folder, keep) {
  if (!existsSync(folder)) return;
  const children = readdirSync(folder);
  if (!children.some(keep)) return;
  for (const child of children) if (!keep(child)) remove(join(folder, child));
}

function remove(path) {
  rmSync(path, { recursive: true, force: true });
}

/** Removes the files below a folder that `isDead` names. Links are not followed: they lead to our own workspaces. */
function removeFiles(folder, isDead) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeFiles(path, isDead);
    else if (entry.isFile() && isDead(entry.name)) remove(path);
  }
}

for (const napi of existsSync(join(modules, 'onnxruntime-node/bin'))
  ? readdirSync(join(modules, 'onnxruntime-node/bin'))
  : []) {
  const byPlatform = join(modules, 'onnxruntime-node/bin', napi);
  prune(byPlatform, (name) => name === platform);
  prune(join(byPlatform, platform), (name) => name === arch);
}
prune(
  join(modules, 'uWebSockets.js/binaries'),
  (name) => !name.endsWith('.node') || name === `uws_${platform}_${arch}_${process.versions.modules}.node`,
);
// Those of this machine: also CUDA and Vulkan, where somebody has added them.
const llamaPlatform = { darwin: 'mac', win32: 'win' }[platform] ?? platform;
prune(
  join(modules, '@node-llama-cpp'),
  (name) => name === `${llamaPlatform}-${arch}` || name.startsWith(`${llamaPlatform}-${arch}-`),
);
// lmdb: one binary for each Node and C library, and one by N-API for every other Node. Kept are those for this C
// library: whoever runs a newer Node tomorrow needs no other install.
const lmdb = join(modules, `@lmdb/lmdb-${platform}-${arch}`);
const { glibcVersionRuntime } = process.report.getReport().header;
const libc = platform !== 'linux' ? '' : glibcVersionRuntime ? 'glibc' : 'musl';
prune(lmdb, (name) => !name.endsWith('.node') || name.includes(`.${libc}`));
for (const path of DEAD_WEIGHT) remove(join(modules, path));
// Source maps, of which an install has thousands: a debugger shows the built code of a library without them.
removeFiles(modules, (name) => /\.[cm]?[jt]s\.map$/.test(name));
// Four forms of 1,500 small modules, of which the test runner's reporter imports one.
removeFiles(join(modules, 'es-toolkit'), (name) => /\.(?:d\.ts|d\.mts|js)$/.test(name));
// Two copies of an older TypeScript within the test runner, each with its messages in thirteen languages.
for (const owner of ['tshy', '@tapjs/test']) {
  removeFiles(
    join(modules, owner, 'node_modules/typescript/lib'),
    (name) => name === 'diagnosticMessages.generated.json',
  );
}
// Both TypeScripts bring a command of this name, and npm links either: people mean ours. (Where commands are no links,
// on Windows, it stays: no script of ours goes by the name.)
const command = join(modules, '.bin/tsc');
if (lstatSync(command, { throwIfNoEntry: false })?.isSymbolicLink()) {
  remove(command);
  symlinkSync('../typescript/bin/tsc', command);
}
