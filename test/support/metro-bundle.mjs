// Bundles the client as React Native does, by the real Metro: node metro-bundle.mjs CACHE FOLDER. CACHE has Metro,
// FOLDER the client. Prints the bytes of gzip of each bundle.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const [cache, folder] = process.argv.slice(2);
const require = createRequire(join(cache, 'package.json'));
const Metro = require('metro');

const IMPORT = `export * from '@sotto/client';`;
const REQUIRE = `module.exports = require('@sotto/client');`;
/** Programs, and what their syntax is written for. */
const BUNDLES = {
  /** As the template of React Native has it: for engines without classes and private members. */
  lowered: [IMPORT, '@react-native/metro-babel-transformer'],
  loweredRequire: [REQUIRE, '@react-native/metro-babel-transformer'],
  /** For engines that have them; Metro's own transformer leaves `import` as it is, so that only this way is left. */
  modern: [REQUIRE, 'metro-babel-transformer'],
  /** What Metro adds to every program. */
  empty: ['', 'metro-babel-transformer'],
};

async function bundle(entry, transformer) {
  const config = await Metro.loadConfig(
    {},
    {
      projectRoot: folder,
      watchFolders: [folder, cache],
      maxWorkers: 1,
      cacheStores: [],
      reporter: { update: () => {} },
      resolver: { useWatchman: false, nodeModulesPaths: [join(cache, 'node_modules')] },
      transformer: { babelTransformerPath: require.resolve(transformer) },
      serializer: { getPolyfills: () => [], getModulesRunBeforeMainModule: () => [] },
    },
  );
  const { code } = await Metro.runBuild(config, { entry, platform: 'ios', minify: true, dev: false });
  return gzipSync(code, { level: 9 }).length;
}

const sizes = {};
for (const [name, [program, transformer]] of Object.entries(BUNDLES)) {
  writeFileSync(join(folder, `metro-${name}.js`), program);
  sizes[name] = await bundle(`metro-${name}.js`, transformer);
}
console.log(JSON.stringify(sizes));
