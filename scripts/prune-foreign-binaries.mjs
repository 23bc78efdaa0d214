// Removes prebuilt binaries of other platforms after an install: 360 MB that this machine can never load.
// onnxruntime-node, uWebSockets.js and lmdb ship every platform or Node in one package, so npm itself cannot leave them out.
// The source maps of dependencies go too: 26 MB that nothing here reads.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../node_modules', import.meta.url));
const { platform, arch } = process;

/** Removes the children of a folder that `keep` refuses; a package that is absent or laid out otherwise is left alone. */
function prune(folder, keep) {
  if (!existsSync(folder)) return;
  const children = readdirSync(folder);
  if (!children.some(keep)) return;
  for (const child of children) if (!keep(child)) rmSync(join(folder, child), { recursive: true, force: true });
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
// The package's JavaScript fallback, 20 MB: it does not answer, and the server falls back to `ws` instead.
rmSync(join(modules, 'uWebSockets.js/dist'), { recursive: true, force: true });
// protobufjs has a command line with dependencies of its own, 20 MB, that nothing here uses.
rmSync(join(modules, 'protobufjs/cli'), { recursive: true, force: true });

// lmdb: one binary for each Node and C library, and one by N-API for every other Node. Kept is the one that its loader takes.
const lmdb = join(modules, `@lmdb/lmdb-${platform}-${arch}`);
const { glibcVersionRuntime } = process.report.getReport().header;
const libc = platform !== 'linux' ? '' : glibcVersionRuntime ? 'glibc' : 'musl';
for (const runtime of [`abi${process.versions.modules}`, 'napi']) {
  const binary = `node.${[runtime, libc, 'node'].filter(Boolean).join('.')}`;
  if (existsSync(join(lmdb, binary))) {
    prune(lmdb, (name) => !name.endsWith('.node') || name === binary);
    break;
  }
}

/** Removes the source maps below a folder; links (the workspaces) are not followed. */
function pruneMaps(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) pruneMaps(path);
    else if (entry.isFile() && /\.[cm]?[jt]s\.map$/.test(entry.name)) rmSync(path);
  }
}
if (existsSync(modules)) pruneMaps(modules);
