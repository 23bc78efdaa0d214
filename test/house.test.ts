// The house: which part may import which. Imports of types count: a part that needs a type of another knows it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Where each package begins. */
const PACKAGES: Readonly<Record<string, string>> = {
  '@sotto/protocol': 'protocol/src/index.ts',
  '@sotto/protocol/client': 'protocol/src/client/index.ts',
  '@sotto/client': 'client-sdk/src/index.ts',
  '@sotto/client/microphone': 'client-sdk/src/microphone/index.ts',
  '@sotto/models': 'models/src/index.ts',
  '@sotto/server': 'server/src/index.ts',
};
const FOLDERS = ['protocol/src', 'client-sdk/src', 'models/src', 'server/src', 'server/web/src', 'bench/src'];

/**
 * The rooms, from the ground up: packages, folders of the server, and the files that stand beside those. Every room may
 * import `protocol`, and what stands here. A line more is a decision: it belongs in docs/architecture.md too.
 */
const MAY_IMPORT: Readonly<Record<string, string>> = {
  protocol: '',
  'client-sdk': '',
  models: '',
  version: '',
  time: '',
  tracing: '',
  audio: 'native-host time',
  capacity: '',
  captions: '',
  http: 'time',
  'native-host': '',
  store: 'native-host time',
  vad: 'audio models',
  text: '',
  asr: 'audio models native-host text time vad',
  metrics: '',
  access: 'http store',
  admission: 'access http session time',
  polish: 'metrics models native-host text time',
  session: 'asr audio polish text vad',
  transport: 'http time',
  transcripts: 'captions session store',
  watch: 'captions session',
  checkpoints: 'gateway store time',
  config: 'asr polish session text watch',
  log: 'config',
  recordings: 'asr audio store text time transcripts',
  jobs: 'asr audio http polish recordings store transcripts',
  gateway: 'access admission http metrics session time tracing transport watch',
  api:
    'access asr audio captions gateway http jobs metrics polish recordings session store text time transcripts transport vad version ' +
    'watch',
  main:
    'access admission api asr audio checkpoints config gateway http jobs metrics models polish recordings session store text time tracing transcripts transport vad ' +
    'version watch',
  processes:
    'admission api asr audio config http lifecycle log main metrics models native-host store time transport vad',
  index: 'asr audio checkpoints gateway polish session store text vad',
  lifecycle: 'http time',
  cli: 'access asr audio capacity captions client-sdk config lifecycle log main models processes store transcripts version',
  'server/web': 'capacity captions client-sdk metrics text',
  bench: 'index models',
};

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
).filter((name) => /\.tsx?$/.test(name));
const imports = files.flatMap((from) => importsOf(from));

t.test('a room imports what the table allows, and the table allows nothing else', async (t) => {
  const used = new Map(
    imports.map(({ from, to }) => [`${roomOf(from)} ${roomOf(to)}`, `${from} imports ${to}`] as const),
  );
  for (const [edge, example] of used) {
    const [room = '', other = ''] = edge.split(' ');
    if (room === other || other === 'protocol') continue;
    t.ok(
      roomsIn(MAY_IMPORT[room]).includes(other),
      `of ${room} and ${other}: ${example}. If MAY_IMPORT in test/house.test.ts does not name it, move the code, or add it and say why`,
    );
  }
  for (const [room, allowed] of Object.entries(MAY_IMPORT)) {
    const unused = roomsIn(allowed).filter((other) => !used.has(`${room} ${other}`));
    t.strictSame(unused, [], `${room} uses all that it may`);
  }
});

t.test('no circle between the files and folders that stand in one folder, at any depth', async (t) => {
  const levels = new Map<string, Map<string, Set<string>>>();
  for (const { from, to } of imports) {
    const [path, other] = [from.split('/'), to.split('/')];
    const depth = path.findIndex((name, at) => name !== other[at]);
    const [folder, a, b] = [path.slice(0, depth).join('/'), path[depth] ?? '', other[depth] ?? ''];
    const graph = levels.get(folder) ?? new Map<string, Set<string>>();
    levels.set(folder, graph.set(a, (graph.get(a) ?? new Set()).add(b)));
  }
  for (const [folder, graph] of levels) {
    t.strictSame(circleIn(graph), [], `no circle in ${folder === '' ? 'the packages' : folder}`);
  }
});

t.test('what only the whole run tests, the quick one tests too, in another file', async (t) => {
  const whole = JSON.parse(readFileSync(join(ROOT, 'test/whole-run-files.json'), 'utf8')) as {
    readonly file: string;
    readonly quick: readonly string[];
  }[];
  const names = new Set(whole.map(({ file }) => file));
  for (const { file, quick } of whole) {
    t.ok(existsSync(join(ROOT, file)), `${file} is there`);
    t.not(quick.length, 0, `${file} has one`);
    for (const other of quick) t.ok(existsSync(join(ROOT, other)) && !names.has(other), `${other}, for ${file}`);
  }
});

/** Files of ours that a file imports, whether values or types, at once or later. */
function importsOf(from: string): Import[] {
  const text = readFileSync(join(ROOT, from), 'utf8');
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(?<name>[^']+)'/g)].flatMap(({ groups }) => {
    const name = groups?.['name'] ?? '';
    if (!name.startsWith('.')) return PACKAGES[name] === undefined ? [] : [{ from, to: PACKAGES[name] }];
    const path = posix.join(posix.dirname(from), name);
    const to = [path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx')].find((file) => files.includes(file));
    return to === undefined ? [] : [{ from, to }];
  });
}

function roomsIn(names = ''): string[] {
  return names.split(' ').filter((name) => name !== '');
}

function roomOf(file: string): string {
  const [, room] = /^server\/src\/([^/.]+)/.exec(file) ?? /^(server\/web|[^/]+)/.exec(file) ?? [];
  return room ?? file;
}

/**
 * The names on circles, or between two of them: what is left without those that import nothing of the rest, or that
 * nothing of the rest imports.
 */
function circleIn(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const left = new Set(graph.keys());
  const others = (name: string): string[] => [...(graph.get(name) ?? [])].filter((other) => left.has(other));
  for (;;) {
    const imported = new Set([...left].flatMap(others));
    const done = [...left].filter((name) => others(name).length === 0 || !imported.has(name));
    if (done.length === 0) return [...left].toSorted();
    for (const name of done) left.delete(name);
  }
}
