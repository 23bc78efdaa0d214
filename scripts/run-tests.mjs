// Runs the tests against the build: npm test. With --all also what is sampled in the quick run: every golden window,
// the long properties, and a part under the other versions of Node (--nodes: that part alone). Without files all of
// them run, several in a process. Other arguments go to tap. Ends with the ten slowest files, the ten that take
// most processor time, and the line 'N passed, N failed'.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { Parser } from 'tap-parser';
import { CPU_FILE, cpuSeconds } from '../test/support/cpu-time.mjs';
import { buildOnce } from './build-once.mjs';
import { buildTap } from './build-tap.mjs';
import { buildTests, testFiles } from './build-tests.mjs';
import { NODE_TESTS, otherNodes } from './other-nodes.mjs';
import { writeGroups } from './test-groups.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const SLOWEST = 10;

const given = process.argv.slice(2);
const isWhole = given.includes('--all');
const isOtherNodes = given.includes('--nodes');
const env = { ...process.env, SOTTO_TEST_BUILD: '1' };
const envWhole = { ...env, SOTTO_TEST_ALL: '1' };

/** Runs a script in the foreground; its exit code. */
function run(args, node = process.execPath, variables = env) {
  return spawnSync(node, args, { cwd: root, env: variables, stdio: 'inherit' }).status ?? 1;
}

const TAP = 'node_modules/tap/dist/esm/run.mjs';

/** What takes most of the build's processor time is left out where nothing has changed since. */
const CLIENT = {
  inputs: [
    'client-sdk/package.json',
    'client-sdk/src',
    'client-sdk/tsconfig.json',
    'package-lock.json',
    'protocol/src',
    'scripts/build-client.mjs',
    'scripts/flat-types.mjs',
    'tsconfig.base.json',
  ],
  outputs: ['client-sdk/lib'],
};
const SOURCES = ['client-sdk', 'models', 'protocol', 'server'].map((name) => `${name}/src`);
const SETTINGS = ['package-lock.json', 'tsconfig.base.json', 'tsconfig.json'];
const TYPES = {
  inputs: [...SETTINGS, ...SOURCES, 'bench/src', 'client-sdk/examples', 'server/web', 'test'],
  // Of the server's build not all: others write beside it.
  outputs: ['bench/dist', 'client-sdk/dist', 'models/dist', 'protocol/dist', 'server/dist/cli', 'server/dist/main.js'],
};
const PAGES = {
  inputs: [
    ...SETTINGS,
    ...SOURCES,
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'README.md',
    'README.zh-CN.md',
    'SECURITY.md',
    'bench/README.md',
    'client-sdk/README.md',
    'docs',
    'models/train/adapt/README.md',
    'plugins/README.md',
    'protocol/README.md',
    'scripts/build-guide.mjs',
    'scripts/build-pages.mjs',
    'server/web',
  ],
  outputs: ['server/dist/pages'],
};

function build() {
  const steps = [
    () => buildOnce('types', TYPES, () => run(['node_modules/typescript/lib/tsc.js', '-b'])),
    () => buildOnce('client', CLIENT, () => run(['scripts/build-client.mjs'])),
    () => buildOnce('pages', PAGES, () => run(['scripts/build-pages.mjs'])),
    buildTap,
  ];
  return steps.reduce((broken, step) => broken || step(), 0);
}

/** A group takes as long as its files, each of which has a limit of its own, milliseconds. */
const GROUP_TIMEOUT_MS = 1_800_000;

/**
 * Runs groups of files, each in a process of its own, a few at a time, and says what failed. Node runs them, not tap,
 * which loads four loaders into each process: they cost more than all else that a test process loads.
 */
async function testGroups(groups, jobs, variables) {
  const environment = { ...variables, TAP: '1', TAP_TIMEOUT: String(GROUP_TIMEOUT_MS / 1_000) };
  const waiting = [...groups];
  const results = [];
  const work = async () => {
    for (let group = waiting.shift(); group !== undefined; group = waiting.shift()) {
      const file = `${root}${group.replace(/\.mjs$/, '.tap')}`;
      const output = openSync(file, 'w');
      const child = spawn(process.execPath, [group], {
        cwd: root,
        env: environment,
        stdio: ['ignore', output, 'inherit'],
        timeout: GROUP_TIMEOUT_MS,
      });
      closeSync(output);
      const [code] = await once(child, 'exit');
      const result = outcome(await read(file), code ?? 1, group);
      results.push(result);
      if (process.stdout.isTTY) console.log(`${results.length} of ${groups.length}: ${group}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  return {
    totals: Object.fromEntries(
      ['pass', 'fail', 'skip'].map((key) => [key, results.reduce((sum, { totals }) => sum + totals[key], 0)]),
    ),
    files: results.flatMap(({ files }) => files),
    status: results.find(({ status }) => status !== 0)?.status ?? 0,
  };
}

/** Says what failed, and counts it. */
function outcome({ totals, files, failures }, status, name) {
  for (const { path, diag } of failures) console.log(`\nnot ok: ${path.join(' > ')}\n${inspect(diag, { depth: 4 })}`);
  // What failed as a whole, without a failed assertion of its own, is a failure too.
  const isSilent = status !== 0 && totals.fail === 0;
  if (isSilent) console.log(`\nnot ok: ${name} ended with ${status}`);
  return { totals: { ...totals, fail: isSilent ? 1 : totals.fail }, files, status };
}

/** Reads what tap wrote: how many assertions passed and failed, and how long each file took. */
async function read(file) {
  const totals = { pass: 0, fail: 0, skip: 0 };
  const files = [];
  const failures = [];
  const count = (parser, path) => {
    let isParent = false;
    parser.on('child', (child) => {
      isParent = true;
      count(child, [...path, child.name]);
    });
    parser.on('assert', ({ ok, skip, todo, name, time, diag }) => {
      if (name.endsWith('.test.ts')) files.push({ name, time: time ?? 0 });
      const isCounted = !isParent;
      // A test that has tests of its own is counted by them.
      isParent = false;
      if (!isCounted) return;
      if (skip || todo) totals.skip += 1;
      else totals[ok ? 'pass' : 'fail'] += 1;
      if (!ok && !skip && !todo) failures.push({ path: [...path, name], diag });
    });
  };
  const parser = new Parser();
  count(parser, []);
  await new Promise((resolve, reject) => {
    parser.on('complete', resolve);
    createReadStream(file).on('error', reject).pipe(parser);
  });
  return { totals, files, failures };
}

// On a terminal tap shows how far it is; a log gets what failed, from below.
const reporter = process.stdout.isTTY ? 'terse' : 'silent';

/** Runs test files with tap under a Node, and says what failed. */
async function test(name, args, node, variables) {
  const results = `${root}.tap/${name}.tap`;
  const status = run([TAP, `--reporter=${reporter}`, '--output-file', results, ...args], node, variables);
  return outcome(await read(results), status, name);
}

function longest(title, files) {
  const lines = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  console.log(`\n${title}:`);
  for (const { seconds, name } of lines) console.log(`${seconds.toFixed(1).padStart(7)} s  ${name}`);
}

/** What test/support/together.mjs has noted of each file. */
function cpuOfFiles() {
  if (!existsSync(CPU_FILE)) return [];
  const lines = readFileSync(CPU_FILE, 'utf8').trim().split('\n');
  return lines.map((line) => line.split('\t')).map(([seconds, name]) => ({ seconds: Number(seconds), name }));
}

mkdirSync(`${root}.tap`, { recursive: true });
rmSync(CPU_FILE, { force: true });
const broken = build();
if (broken !== 0) process.exit(broken);
const options = given.filter((argument) => argument !== '--all');
const isPart = options.some((argument) => argument.endsWith('.ts'));
// Trials of many machines, of faults and of foreign software, each with its reason. What is named is run all the same.
const wholeOnly = new Set(JSON.parse(readFileSync(`${root}test/whole-run-files.json`, 'utf8')).map(({ file }) => file));
const all = testFiles();
const files = isWhole || isPart || isOtherNodes ? all : all.filter((file) => !wholeOnly.has(file));
await buildTests({ files, isWhole });
const runs = [];
if (!isOtherNodes) {
  const variables = isWhole ? envWhole : env;
  // More processes than cores: many wait for real time.
  const jobs = availableParallelism() + (isWhole ? 1 : 2);
  const whole = isPart
    ? await test('last-run', options, process.execPath, variables)
    : await testGroups(writeGroups(root, files), jobs, variables);
  longest(
    'The slowest files',
    whole.files.map(({ name, time }) => ({ name, seconds: time / 1000 })),
  );
  // Noted where files share a process: not when they were named.
  const cpu = cpuOfFiles();
  if (cpu.length > 0) longest(`Of ${Math.round(cpuSeconds())} s of processor time, most is that of`, cpu);
  runs.push(whole);
}
for (const { major, binary, missing } of isWhole || isOtherNodes ? otherNodes() : []) {
  if (binary === undefined) {
    console.log(`Node ${major}: skipped, since it cannot be had from npm (${missing})`);
    runs.push({ totals: { pass: 0, fail: 0, skip: NODE_TESTS.length }, status: 0 });
    continue;
  }
  const began = Date.now();
  const part = await test(`last-run-node-${major}`, NODE_TESTS, binary, env);
  const { pass, fail } = part.totals;
  console.log(`Node ${major}: ${pass} passed, ${fail} failed, in ${Math.round((Date.now() - began) / 1000)} s`);
  runs.push(part);
}
if (files.length < all.length) {
  const left = all.length - files.length;
  console.log(`\n${left} of ${all.length} test files run only in npm run test:all (test/whole-run-files.json)`);
}
const sum = (key) => runs.reduce((total, { totals }) => total + totals[key], 0);
const skipped = sum('skip') > 0 ? `, ${sum('skip')} skipped` : '';
console.log(`${sum('pass')} passed, ${sum('fail')} failed${skipped}`);
process.exit(runs.find(({ status }) => status !== 0)?.status ?? (sum('pass') === 0 ? 1 : 0));
