// Builds the client as a package of its own, client-sdk/lib: runs before `npm pack` and `npm publish`, and in `npm run
// build`. What it needs of the protocol is in it, so that it installs without any other package.
//
//   lib/esm, lib/cjs   the code, for `import` and for `require`, each with its types
//   lib/src            the sources that the source maps point to
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { flatTypes } from './flat-types.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const client = join(root, 'client-sdk');
const lib = join(client, 'lib');
const ENTRIES = ['index', 'microphone/index'];
const FORMATS = { esm: 'es', cjs: 'cjs' };
const PROTOCOL_ENTRY = '@sotto/protocol/client';

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The code in one form: a file for each entry, and one for what both need. */
async function bundle(name) {
  const source = (path) => join(client, 'src', `${path}.ts`);
  const result = await build({
    root: client,
    configFile: false,
    logLevel: 'warn',
    resolve: { alias: { [PROTOCOL_ENTRY]: join(root, 'protocol/src/client/index.ts') } },
    build: {
      write: false,
      minify: false,
      sourcemap: true,
      target: 'es2022',
      lib: { formats: [FORMATS[name]], entry: Object.fromEntries(ENTRIES.map((entry) => [entry, source(entry)])) },
      rolldownOptions: {
        output: {
          dir: join(lib, name),
          entryFileNames: '[name].js',
          chunkFileNames: 'shared.js',
        },
      },
    },
  });
  for (const file of [result].flat().flatMap(({ output }) => output)) {
    const target = join(lib, name, file.fileName);
    if (file.type === 'asset') write(target, moved(file.source.toString(), target));
    else write(target, file.code);
  }
}

/** A source map that points to the sources in `lib/src`, which it copies there, in place of holding them. */
function moved(text, target) {
  const { sourcesContent: _, ...map } = JSON.parse(text);
  const sources = map.sources.map((path) => {
    const source = join(dirname(target), path);
    const copy = join(
      lib,
      'src',
      relative(root, source).replace('client-sdk/src', 'client').replace('protocol/src', 'protocol'),
    );
    mkdirSync(dirname(copy), { recursive: true });
    copyFileSync(source, copy);
    return relative(dirname(target), copy);
  });
  return JSON.stringify({ ...map, sources });
}

/** The declarations of an entry and of all that they import, with relative imports only. */
function declarations(folder, file, done = new Set()) {
  if (done.has(file)) return;
  done.add(file);
  const target = join(folder, file);
  const isProtocol = file.startsWith('protocol/');
  if (file === 'protocol/messages.d.ts') {
    const note = '// What the schemas of the wire come to.\n';
    write(target, note + flatTypes(join(root, 'protocol/src/messages.ts')));
    return;
  }
  const dist = isProtocol ? join(root, 'protocol/dist', file.slice('protocol/'.length)) : join(client, 'dist', file);
  const text = readFileSync(dist, 'utf8').replace(/^\/\/# sourceMappingURL=.*\s*/m, '');
  const here = dirname(file);
  const entry = relative(here, 'protocol/client/index.js');
  write(target, text.replaceAll(PROTOCOL_ENTRY, entry.startsWith('.') ? entry : `./${entry}`));
  const imports = [...text.matchAll(/from '(?<name>[^']+)'/g)].map(({ groups }) => groups.name);
  for (const name of imports) {
    const imported = name === PROTOCOL_ENTRY ? 'protocol/client/index.js' : join(here, name);
    declarations(folder, imported.replace(/\.js$/, '.d.ts'), done);
  }
}

execFileSync(process.execPath, ['node_modules/typescript/lib/tsc.js', '-b', 'protocol', 'client-sdk'], { cwd: root });
rmSync(lib, { recursive: true, force: true });
for (const name of Object.keys(FORMATS)) await bundle(name);
const done = new Set();
for (const entry of ENTRIES) declarations(join(lib, 'esm'), `${entry}.d.ts`, done);
for (const file of done) cpSync(join(lib, 'esm', file), join(lib, 'cjs', file));
write(join(lib, 'cjs/package.json'), '{ "type": "commonjs" }\n');
copyFileSync(join(root, 'LICENSE'), join(client, 'LICENSE'));
