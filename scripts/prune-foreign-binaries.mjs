// Removes prebuilt binaries of other platforms after an install: 350 MB that this machine can never load.
// onnxruntime-node and uWebSockets.js ship every platform in one package, so npm itself cannot leave them out.
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
