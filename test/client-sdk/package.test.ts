// The client as people get it: packed, installed elsewhere, then used from plain Node, typed, bundled, and in an engine
// without a web.
import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import t, { type Test } from 'tap';
import { build, type Rollup } from 'vite';
import { WebSocket } from 'ws';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { SESSION_DEFAULTS } from '../../server/src/session/session-settings.js';
import { createSessionFactory } from '../../server/src/session/session.js';
import { LoudnessVad } from '../support/loudness-vad.js';
import { ScriptedRecognizer } from '../support/scripted-recognizer.js';
import { startTestGateway } from '../support/test-gateway.js';
import { isWholeRun, wholeRunOnly } from '../support/whole-run.js';

/**
 * What a page that streams and shows text may weigh, bytes of gzip, all but the microphone; and the microphone on top
 * of it.
 */
const CORE_BYTES_MAX = 15_000;
const MICROPHONE_BYTES_MAX = 6_000;
/** The core, once React Native's preset has written its classes, private members and promises another way. */
const LOWERED_BYTES_MAX = 20_000;

const run = (program: string, parameters: string[], cwd: string) => promisify(execFile)(program, parameters, { cwd });
/** The kinds of modules that the package has, and how a program gets something of one. */
const MODULE_KINDS = [
  { name: 'esm', ending: 'mjs', load: (names: string, from: string) => `import ${names} from '${from}';` },
  { name: 'cjs', ending: 'cjs', load: (names: string, from: string) => `const ${names} = require('${from}');` },
];
const root = fileURLToPath(new URL('../..', import.meta.url));

// Not bin/tsc: a name without an ending cannot be loaded under the test runner's hooks.
const tsc = (version: string) => join(root, 'node_modules', version, 'lib/tsc.js');

/** A folder in which the client is installed by the commands that its README names. */
async function installed(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-package-'));
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  const readme = await readFile(join(root, 'client-sdk/README.md'), 'utf8');
  const [, pack = ''] = /^npm (pack .*) --pack-destination \S+/m.exec(readme) ?? [];
  const [, install = ''] = /^npm (install \.\/\S+\.tgz)/m.exec(readme) ?? [];
  await run('npm', [...pack.split(' '), '--pack-destination', folder], root);
  await run('npm', [...install.split(' '), '--offline'], folder);
  await symlink(join(root, 'node_modules/ws'), join(folder, 'node_modules/ws'));
  return folder;
}

const metroBundle = join(root, 'test/support/metro-bundle.mjs');

/** The folder with Metro, the bundler of React Native, which is kept; undefined where npm has none to give. */
async function installMetro(): Promise<string | undefined> {
  const cache = join(root, 'node_modules/.cache/metro');
  await mkdir(cache, { recursive: true });
  // A package of its own: else npm would look for one above it, and install there.
  await writeFile(join(cache, 'package.json'), '{ "private": true }\n');
  const packages = ['metro@0.83.3', '@react-native/metro-babel-transformer@0.82.1'];
  return run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], cache).then(
    () => cache,
    () => undefined,
  );
}

/** What a bundler makes of a program for browsers. */
async function bundle(
  folder: string,
  program: string,
  format: 'es' | 'iife' = 'es',
): Promise<{ readonly code: string }> {
  const entry = join(folder, 'program.js');
  await writeFile(entry, program);
  const result = await build({
    root: folder,
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: true,
      lib: { entry, formats: [format], fileName: 'program', name: 'sotto' },
    },
  });
  const [chunk] = (result as Rollup.RollupOutput[])[0]?.output ?? [];
  if (chunk === undefined) throw new Error('The bundler made nothing.');
  return { code: chunk.code };
}

/** A server that makes scripted words of loud sound. */
async function server(t: Test): Promise<string> {
  const recognizer = new ScriptedRecognizer({ records: false });
  const sessions = createSessionFactory({ vad: new LoudnessVad(), recognizer, settings: SESSION_DEFAULTS });
  return (await startTestGateway(t, createWsTransport, sessions)).url;
}

/** A second of sound between silence, streamed with what is in scope as `connect` and `options`; tells the text. */
const SPEAK = `
  const session = connect(url, options);
  const view = new TranscriptView();
  session.on('final', (event) => view.apply(event));
  session.send(new Int16Array(16000));
  session.send(new Int16Array(16000).fill(29000));
  session.send(new Int16Array(16000));
  await session.stop();
`;

t.test('the packages', async (t) => {
  const folder = await installed();

  const client = join(folder, 'node_modules/@sotto/client');

  t.test('hold what is documented and nothing else', async (t) => {
    t.same((await readdir(client)).toSorted(), ['LICENSE', 'README.md', 'lib', 'package.json']);
    t.same(await readdir(join(folder, 'node_modules/@sotto')), ['client'], 'nothing else is installed with it');
    const { stdout } = await run('npm', ['pack', '--json', '--dry-run', '--workspace', 'protocol'], root);
    const [packed] = JSON.parse(stdout) as { files: { path: string }[] }[];
    const names = new Set(packed?.files.map(({ path }) => path.split('/')[0]));
    t.same([...names].toSorted(), ['README.md', 'asyncapi.json', 'dist', 'package.json']);
  });

  t.test('hold the sources that their source maps point to', async (t) => {
    const maps = (await readdir(join(client, 'lib'), { recursive: true })).filter((name) => name.endsWith('.js.map'));
    t.equal(maps.length, 6);
    for (const name of maps) {
      const map = join(client, 'lib', name);
      const { sources } = JSON.parse(await readFile(map, 'utf8')) as { sources: string[] };
      t.not(sources.length, 0);
      const foreign = sources.filter((source) => !/^(?:\.\.\/)+src\/(?:client|protocol)\//.test(source));
      t.same(foreign, [], 'nothing of other packages is in it');
      for (const source of sources) await t.resolves(access(join(dirname(map), source)), `${name}: ${source}`);
    }
  });

  t.test('are documented call by call, from their docstrings', async (t) => {
    await t.resolves(run(process.execPath, ['scripts/write-api-docs.mjs', '--check'], root), 'else: npm run docs');
  });

  for (const { name, ending, load } of MODULE_KINDS) {
    t.test(`are used from a plain Node script, ${name}`, async (t) => {
      const url = await server(t);
      const script = join(folder, `speak.${ending}`);
      await writeFile(
        script,
        `${load('{ connect, SottoError, TranscriptView }', '@sotto/client')}
         ${load('{ CaptureError }', '@sotto/client/microphone')}
         ${load('{ WebSocket }', 'ws')}
         const url = ${JSON.stringify(url)};
         const options = { webSocket: (address, protocols) => new WebSocket(address, protocols) };
         async function main() {
           ${SPEAK}
           console.log(CaptureError.prototype instanceof SottoError, view.text);
         }
         main();`,
      );
      const { stdout } = await run(process.execPath, [script], folder);
      t.match(stdout.trim(), /^true \w+/);
    });
  }

  // The oldest TypeScript that can read them, and ours; every declaration is checked, also those of the package.
  for (const version of ['oldest-typescript', 'typescript']) {
    const options = version === 'typescript' ? {} : wholeRunOnly;
    t.test(`are typed for ${version}, in both kinds of modules, also where there is no DOM`, options, async (t) => {
      const program = `
        import { connect, watch, TranscriptView, type SessionEvent, type WebSocketFactory } from '@sotto/client';
        export async function main(webSocket: WebSocketFactory): Promise<string> {
          const session = connect('ws://127.0.0.1:8080/v1/stream', { language: 'en', token: async () => 'token', webSocket });
          const view = new TranscriptView();
          session.on('final', ({ text, words = [] }) => text.length + words.length);
          // @ts-expect-error There is no such event.
          session.on('finale', () => {});
          for await (const event of session) view.apply(event satisfies SessionEvent);
          watch('ws://127.0.0.1:8080', { token: 't', onEvent: (event) => view.apply(event) }).close();
          return view.text;
        }`;
      const page = `
        import { connect } from '@sotto/client';
        import { openMicrophone } from '@sotto/client/microphone';
        const session = connect('ws://127.0.0.1:8080/v1/stream', { webSocket: (url, names) => new WebSocket(url, names) });
        void openMicrophone({ onChunk: ({ samples }) => session.send(samples) });`;
      for (const [name, text] of Object.entries({ program, page })) {
        const files = [`${name}.mts`, `${name}.cts`];
        for (const file of files) await writeFile(join(folder, file), text);
        const compilerOptions = {
          noEmit: true,
          strict: true,
          exactOptionalPropertyTypes: true,
          skipLibCheck: false,
          target: 'es2022',
          lib: name === 'page' ? ['es2022', 'dom'] : ['es2022'],
          module: 'node16',
          types: [],
        };
        await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
        const { stdout } = await run(process.execPath, [tsc(version), '-p', '.'], folder).catch(
          (error: { stdout: string }) => error,
        );
        t.equal(stdout, '', name);
      }
    });
  }

  // Metro, the bundler of React Native, leaves nothing out: what is in the package is in the app.
  for (const platform of ['browser', 'react-native']) {
    t.test(`weigh as little for ${platform}, by import and by require, also where nothing is left out`, async (t) => {
      for (const code of [`export * from '@sotto/client';`, `module.exports = require('@sotto/client');`]) {
        const { outputFiles, metafile } = await esbuild.build({
          stdin: { contents: code, resolveDir: folder },
          bundle: true,
          minify: true,
          treeShaking: platform === 'browser',
          conditions: [platform],
          format: 'iife',
          globalName: 'sotto',
          write: false,
          metafile: true,
        });
        const size = gzipSync(outputFiles[0]?.contents ?? '', { level: 9 }).length;
        t.comment(`${platform}: ${size} bytes of gzip`);
        t.ok(size < CORE_BYTES_MAX, `${size} bytes`);
        const foreign = Object.keys(metafile.inputs).filter((name) => !/@sotto\/client\/lib|<stdin>/.test(name));
        t.same(foreign, [], 'nothing but the client');
      }
    });
  }

  const metro = isWholeRun ? await installMetro() : undefined;
  const withMetro = metro === undefined && isWholeRun ? { skip: 'Metro cannot be had from npm' } : wholeRunOnly;
  t.test('weigh as little in an app that Metro has bundled', withMetro, async (t) => {
    const { stdout } = await run(process.execPath, [metroBundle, String(metro), folder], folder);
    const { lowered, loweredRequire, modern, empty } = JSON.parse(stdout) as Record<string, number>;
    t.comment(`gzip: ${stdout}`);
    t.ok(Number(modern) < CORE_BYTES_MAX, 'as in a browser');
    for (const size of [lowered, loweredRequire]) {
      t.ok(Number(size) - Number(empty) < LOWERED_BYTES_MAX, 'with its classes written for engines that have none');
    }
  });

  t.test(`weigh less than ${CORE_BYTES_MAX} bytes in a page, the microphone apart`, async (t) => {
    const all = await bundle(folder, `export * from '@sotto/client';`);
    const size = gzipSync(all.code, { level: 9 }).length;
    t.comment(`everything: ${size} bytes of gzip`);
    t.ok(size < CORE_BYTES_MAX, `${size} bytes`);
    t.notMatch(all.code, /AudioContext|mediaDevices/, 'nothing of the microphone');

    const least = await bundle(folder, `import { watch } from '@sotto/client'; console.log(watch);`);
    const leastSize = gzipSync(least.code, { level: 9 }).length;
    t.comment(`watching alone: ${leastSize} bytes`);
    t.ok(leastSize < size * 0.7, 'what is not imported is left out');

    const both = await bundle(folder, `export * from '@sotto/client'; export * from '@sotto/client/microphone';`);
    const microphone = gzipSync(both.code, { level: 9 }).length - size;
    t.comment(`the microphone: ${microphone} bytes more`);
    t.ok(microphone < MICROPHONE_BYTES_MAX, `${microphone} bytes`);
  });

  t.test('run in an engine that has a WebSocket and timers, and nothing else of the web (React Native)', async (t) => {
    const url = await server(t);
    const { code } = await bundle(folder, `export * from '@sotto/client';`, 'iife');
    t.notMatch(code, /\\p\{/, 'no Unicode properties in expressions, which old engines cannot read');
    const platform = { WebSocket, setTimeout, clearTimeout, queueMicrotask, performance };
    // The platform's own arrays, as they are in one engine.
    const context = createContext({ ...platform, ArrayBuffer, Uint8Array, url });
    for (const name of ['TextDecoder', 'TextEncoder', 'URL', 'navigator', 'document'])
      t.equal(runInContext(`typeof ${name}`, context), 'undefined');
    runInContext(`var sotto = ${code.replace(/^var sotto\s*=\s*/, '')}`, context);
    const told: unknown = await runInContext(
      `(async () => { const { connect, TranscriptView } = sotto; const options = {}; ${SPEAK} return view.text; })()`,
      context,
    );
    t.match(told, /\w+/);
  });
});
