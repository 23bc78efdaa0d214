// The packages as people get them: built, packed, unpacked elsewhere, then used from plain Node, typed, bundled, and in
// an engine without a web.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { build, type Rollup } from 'vite';
import { WebSocket } from 'ws';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { SESSION_DEFAULTS } from '../../server/src/session/session-settings.js';
import { createSessionFactory } from '../../server/src/session/session.js';
import { LoudnessVad } from '../support/loudness-vad.js';
import { ScriptedRecognizer } from '../support/scripted-recognizer.js';
import { startTestGateway } from '../support/test-gateway.js';

/**
 * What a page that streams and shows text may weigh, bytes of gzip, all but the microphone; and the microphone on top
 * of it.
 */
const CORE_BYTES_MAX = 15_000;
const MICROPHONE_BYTES_MAX = 6_000;

const run = (program: string, parameters: string[], cwd: string) => promisify(execFile)(program, parameters, { cwd });
const root = fileURLToPath(new URL('../..', import.meta.url));

// Not bin/tsc: a name without an ending cannot be loaded under the test runner's hooks.
const tsc = join(root, 'node_modules/typescript/lib/tsc.js');

/** A folder in which the packages are installed as npm would, with what they depend on. */
async function installed(): Promise<string> {
  await run(process.execPath, [tsc, '-b', 'protocol', 'client-sdk'], root);
  const folder = await mkdtemp(join(tmpdir(), 'sotto-package-'));
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@sotto'), { recursive: true });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const [workspace, name] of [
    ['protocol', 'protocol'],
    ['client-sdk', 'client'],
  ] as const) {
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], join(root, workspace));
    const [packed] = JSON.parse(stdout) as { filename: string }[];
    await run('tar', ['-xzf', join(folder, packed?.filename ?? ''), '-C', modules], folder);
    await run('mv', [join(modules, 'package'), join(modules, '@sotto', name)], folder);
  }
  for (const dependency of ['msgpackr', 'valibot', 'ws'])
    await symlink(join(root, 'node_modules', dependency), join(modules, dependency));
  return folder;
}

interface Bundle {
  readonly code: string;
  readonly modules: readonly string[];
}

/** What a bundler makes of a program for browsers. */
async function bundle(folder: string, program: string, format: 'es' | 'iife' = 'es'): Promise<Bundle> {
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
  return { code: chunk.code, modules: chunk.moduleIds };
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

  t.test('hold what is documented and nothing else', async (t) => {
    const files = await readdir(join(folder, 'node_modules/@sotto/client'));
    t.same(files.toSorted(), ['README.md', 'dist', 'package.json']);
    t.same((await readdir(join(folder, 'node_modules/@sotto/protocol'))).toSorted(), [
      'README.md',
      'asyncapi.json',
      'dist',
      'package.json',
    ]);
  });

  t.test('are documented call by call, from their docstrings', async (t) => {
    await t.resolves(run(process.execPath, ['scripts/write-api-docs.mjs', '--check'], root), 'else: npm run docs');
  });

  t.test('are used from a plain Node script', async (t) => {
    const url = await server(t);
    const script = join(folder, 'speak.mjs');
    await writeFile(
      script,
      `import { connect, TranscriptView } from '@sotto/client';
       import '@sotto/client/microphone';
       import { WebSocket } from 'ws';
       const url = ${JSON.stringify(url)};
       const options = { webSocket: (address, protocols) => new WebSocket(address, protocols) };
       ${SPEAK}
       console.log(view.text);`,
    );
    const { stdout } = await run(process.execPath, [script], folder);
    t.match(stdout.trim(), /\w+/);
  });

  t.test('are typed, also where there is no DOM', async (t) => {
    await writeFile(
      join(folder, 'typed.ts'),
      `import { connect, watch, TranscriptView, type SessionEvent, type WebSocketFactory } from '@sotto/client';
       export async function main(webSocket: WebSocketFactory): Promise<string> {
         const session = connect('ws://127.0.0.1:8080/v1/stream', { language: 'en', token: async () => 'token', webSocket });
         const view = new TranscriptView();
         session.on('final', ({ text, words = [] }) => text.length + words.length);
         // @ts-expect-error There is no such event.
         session.on('finale', () => {});
         for await (const event of session) view.apply(event satisfies SessionEvent);
         watch('ws://127.0.0.1:8080', { token: 't', onEvent: (event) => view.apply(event) }).close();
         return view.text;
       }`,
    );
    const check = ['typed.ts', '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2023', '--lib', 'es2023'];
    const { stdout } = await run(
      process.execPath,
      [tsc, ...check, '--module', 'nodenext', '--types', ''],
      folder,
    ).catch((error: { stdout: string }) => error);
    t.equal(stdout, '');
  });

  t.test(`weigh less than ${CORE_BYTES_MAX} bytes in a page, the microphone apart`, async (t) => {
    const all = await bundle(folder, `export * from '@sotto/client';`);
    const size = gzipSync(all.code, { level: 9 }).length;
    t.comment(`everything: ${size} bytes of gzip`);
    t.ok(size < CORE_BYTES_MAX, `${size} bytes`);
    t.notOk(
      all.modules.some((id) => /msgpackr|valibot/.test(id)),
      'nothing of the server’s end',
    );
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
