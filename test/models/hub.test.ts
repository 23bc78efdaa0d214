// Pulling models from a hub: a real one on loopback that speaks the protocol, with every fault that networks have.
import { mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { PATIENCE, pullModel, validateModel, type HubSettings, type PullOptions } from '@sotto/models';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { seededRandom } from '../support/chaos-proxy.js';
import { ModelHub, type Fault } from '../support/model-hub.js';
import { writeSmallModel, type SmallModelOptions } from '../support/small-model.js';
import { propertyRuns } from '../support/property.js';

const ID = 'someone/whisper-small';
const HASTE = { ...PATIENCE, triesMax: 4, firstWaitMs: 1, waitMsMax: 5 };

/** A Whisper of some kilobytes, as the files of a repository. */
async function whisperFiles(t: Test, options: SmallModelOptions = {}): Promise<Record<string, Buffer>> {
  const folder = await temporary(t);
  await writeSmallModel(folder, { extraBytes: 20_000, ...options });
  const names = await readdir(folder);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
  );
}

async function temporary(t: Test): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'sotto-hub-')));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function settingsFor(t: Test, hub: ModelHub): Promise<HubSettings> {
  return { endpoint: hub.endpoint, token: '', cacheFolder: await temporary(t), isOffline: false };
}

/** Small pieces, so that a few kilobytes take many requests. */
function pull(settings: HubSettings, options: PullOptions = {}, name = ID) {
  return pullModel(name, { settings, patience: HASTE, pieceBytes: 4_096, connections: 3, ...options });
}

async function assertSame(t: Test, directory: string, files: Readonly<Record<string, Buffer>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    t.ok(content.equals(await readFile(join(directory, name))), `${name} is the repository's`);
  }
}

t.test('a pulled Whisper is whole, loads, and lies in the cache as other tools expect it', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, { id: ID, files: { ...files, 'README.md': Buffer.from('not wanted') } });
  const settings = await settingsFor(t, hub);
  const heard: number[] = [];
  const pulled = await pull(settings, { onProgress: ({ receivedBytes }) => heard.push(receivedBytes) });
  t.match(pulled, { kind: 'whisper', id: ID, commit: hub.commit, fetchedBytes: pulled.bytes });
  await assertSame(t, pulled.directory, files);
  await validateModel(pulled.directory);
  t.notOk((await readdir(pulled.directory)).includes('README.md'), 'only what a model needs is fetched');
  const home = join(settings.cacheFolder, 'models--someone--whisper-small');
  t.equal(pulled.directory, join(home, 'snapshots', hub.commit));
  t.equal(await readFile(join(home, 'refs', 'main'), 'utf8'), hub.commit);
  t.match(await readlink(join(pulled.directory, 'model.safetensors')), /^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
  t.match(await readlink(join(pulled.directory, 'config.json')), /^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
  t.same(
    (await readdir(join(home, 'blobs'))).filter((name) => name.includes('incomplete')),
    [],
  );
  t.equal(heard.at(-1), pulled.bytes);

  hub.seen.length = 0;
  const again = await pull(settings);
  t.equal(again.fetchedBytes, 0);
  t.equal(hub.seen.length, 1, 'a second pull asks for the commit and fetches nothing');
});

t.test('the token goes to the hub and to nobody else', async (t) => {
  const hub = await ModelHub.start(t, { id: ID, files: await whisperFiles(t), token: 'hf_secret' });
  const settings = await settingsFor(t, hub);
  await t.rejects(pull(settings), { code: 'access_denied', message: /HF_TOKEN/ });
  await t.rejects(pull({ ...settings, token: 'hf_wrong' }), { code: 'access_denied' });
  hub.seen.length = 0;
  await pull({ ...settings, token: 'hf_secret' });
  const storage = hub.seen.filter(({ path }) => path.startsWith('/storage/'));
  t.ok(storage.length > 0, 'large files were redirected');
  t.ok(storage.every(({ authorization }) => authorization === undefined));
});

t.test('cut connections, 429 and 5xx cost tries, not bytes', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, { id: ID, files });
  const faults: Fault[] = [
    { kind: 'status', status: 503 },
    { kind: 'status', status: 429, retryAfter: '0' },
    { kind: 'cut', afterBytes: 1_000 },
    { kind: 'cut', afterBytes: 0 },
    { kind: 'status', status: 500 },
  ];
  hub.fault = (path) => (path.startsWith('/api/') ? undefined : faults.shift());
  const pulled = await pull(await settingsFor(t, hub));
  await assertSame(t, pulled.directory, files);
  t.same(faults, [], 'every fault was met');
  t.ok(
    hub.seen.some(({ range }) => /^bytes=\d*[1-9]\d*-/.test(range ?? '') && !/-(4095|8191)$/.test(range ?? '')),
    'after a cut only the rest is asked for',
  );
});

t.test('a pull that was ended goes on where it was', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, { id: ID, files });
  const settings = await settingsFor(t, hub);
  const lastPiece = 'bytes=16384-';
  hub.fault = (_, range) => (range?.startsWith(lastPiece) ? { kind: 'status', status: 502 } : undefined);
  await t.rejects(pull(settings, { connections: 1 }), { code: 'unreachable', message: /502, 4 times in a row/ });
  hub.fault = () => undefined;
  hub.seen.length = 0;
  const pulled = await pull(settings);
  await assertSame(t, pulled.directory, files);
  const ranges = hub.seen.filter(({ path }) => path.startsWith('/storage/')).map(({ range }) => range);
  t.equal(ranges.length, 1);
  t.ok(ranges[0]?.startsWith(lastPiece));
  t.ok(pulled.fetchedBytes <= 4_096);
});

t.test('an aborted pull ends at once and keeps what it has', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, { id: ID, files });
  const settings = await settingsFor(t, hub);
  const stop = new AbortController();
  hub.fault = (_, range) => {
    if (!range?.startsWith('bytes=8192-')) return undefined;
    stop.abort(new Error('enough'));
    return { kind: 'hang' };
  };
  await t.rejects(pull(settings, { signal: stop.signal, connections: 1 }), { message: 'enough' });
  hub.fault = () => undefined;
  const pulled = await pull(settings);
  t.ok(pulled.fetchedBytes < pulled.bytes - 8_000);
  await assertSame(t, pulled.directory, files);
});

t.test('a file with another hash is fetched once more, then refused, and never used', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, { id: ID, files });
  const settings = await settingsFor(t, hub);
  let times = 1;
  hub.fault = (path) =>
    path.endsWith('/model.safetensors') && path.startsWith('/storage/') && times-- > 0
      ? { kind: 'corrupt' }
      : undefined;
  const pulled = await pull(settings);
  await assertSame(t, pulled.directory, files);

  const other = await settingsFor(t, hub);
  hub.fault = (path) => (path.startsWith('/storage/') ? { kind: 'corrupt' } : undefined);
  await t.rejects(pull(other), { code: 'hash_mismatch', message: /twice in a row/ });
  const blobs = await readdir(join(other.cacheFolder, 'models--someone--whisper-small', 'blobs'));
  t.notOk(
    blobs.some((name) => name.length >= 64),
    'nothing of it is left',
  );
});

t.test('a hub without ranges', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, { id: ID, files });
  hub.hasRanges = false;
  const pulled = await pull(await settingsFor(t, hub));
  await assertSame(t, pulled.directory, files);
});

t.test('a hub that hangs is given up, in words', async (t) => {
  const hub = await ModelHub.start(t, { id: ID, files: await whisperFiles(t) });
  hub.fault = () => ({ kind: 'hang' });
  const patience = { ...HASTE, triesMax: 2, silenceMsMax: 50 };
  await t.rejects(pull(await settingsFor(t, hub), { patience }), {
    code: 'unreachable',
    message: /stopped answering, 2 times in a row/,
  });
});

t.test('what a hub has not', async (t) => {
  const hub = await ModelHub.start(t, { id: ID, files: { 'config.json': Buffer.from('{}') } });
  const settings = await settingsFor(t, hub);
  await t.rejects(pull(settings, {}, 'someone/else'), { code: 'repository_unknown', message: /404/ });
  await t.rejects(pull(settings, {}, `${ID}@v9`), { code: 'repository_unknown' });
  await t.rejects(pull(settings), { code: 'file_unknown', message: /no tokenizer\.json/ });
  await t.rejects(pull(settings, {}, '../etc'), { code: 'bad_name' });
  const dead = { ...settings, endpoint: 'http://127.0.0.1:9' };
  const said =
    /^No hub: .* cannot be reached \(.*\), 3 times in a row\. HF_ENDPOINT names another .* sotto models add PATH$/;
  await t.rejects(pull(dead), { code: 'unreachable', message: said });
  await t.rejects(pull({ ...settings, endpoint: 'hf-mirror.example' }), {
    code: 'bad_endpoint',
    message: 'HF_ENDPOINT is "hf-mirror.example": expected an address, as in https://huggingface.co',
  });
});

t.test('a hub that lies: paths out of the repository are not written', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, {
    id: ID,
    files: {
      ...files,
      '../../../evil.safetensors': Buffer.from('x'),
      'model-00001-of-00002.safetensors/..': Buffer.from('y'),
    },
  });
  const settings = await settingsFor(t, hub);
  const pulled = await pull(settings);
  await assertSame(t, pulled.directory, files);
  const all = await readdir(settings.cacheFolder, { recursive: true });
  t.notOk(all.some((path) => path.includes('evil')));
});

t.test('sharded weights', async (t) => {
  const files = await whisperFiles(t, { sharded: true });
  const hub = await ModelHub.start(t, { id: ID, files });
  const pulled = await pull(await settingsFor(t, hub));
  await assertSame(t, pulled.directory, files);
  await validateModel(pulled.directory);
});

t.test('GGUF: the quantisation that is asked for, its parts, or the usual one', async (t) => {
  const names = [
    'qwen2.5-7b-instruct-q4_k_m-00002-of-00002.gguf',
    'qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf',
    'qwen2.5-7b-instruct-q8_0.gguf',
    'mmproj-q8_0.gguf',
    'README.md',
  ];
  const files = Object.fromEntries(names.map((name) => [name, randomBytes(5_000)]));
  const hub = await ModelHub.start(t, { id: ID, files });
  const settings = await settingsFor(t, hub);
  const q8 = await pull(settings, {}, `${ID}:Q8_0`);
  t.match(q8, { kind: 'gguf', main: /q8_0\.gguf$/, bytes: 5_000 });
  t.match(await pull(settings, {}, `${ID}@v1:q4_k_m`), { main: /00001-of-00002\.gguf$/, bytes: 10_000 });
  t.match(await pull(settings), { main: /q4_k_m-00001-of-00002\.gguf$/ });
  await t.rejects(pull(settings, {}, `${ID}:Q2_K`), { code: 'file_unknown', message: /there are Q4_K_M, Q8_0/ });
});

t.test('offline: the cache, or a clear no', async (t) => {
  const files = await whisperFiles(t);
  const hub = await ModelHub.start(t, { id: ID, files });
  const settings = { ...(await settingsFor(t, hub)), isOffline: true };
  await t.rejects(pull(settings), { code: 'offline' });
  await pull({ ...settings, isOffline: false });
  hub.seen.length = 0;
  const pulled = await pull(settings);
  await assertSame(t, pulled.directory, files);
  t.equal(pulled.fetchedBytes, 0);
  t.same(hub.seen, [], 'the hub was not asked');
});

t.test('property: whatever breaks, what arrives is the repository', async (t) => {
  const files = await whisperFiles(t);
  await fc.assert(
    fc.asyncProperty(fc.nat(), async (seed) => {
      const random = seededRandom(seed);
      const hub = await ModelHub.start(t, { id: ID, files });
      const kinds: (() => Fault | undefined)[] = [
        () => undefined,
        () => ({ kind: 'cut', afterBytes: Math.floor(random() * 4_096) }),
        () => ({ kind: 'status', status: 500 + Math.floor(random() * 5) }),
      ];
      // After three in a row on its first question a pull gives up, as it says.
      let inARow = 0;
      hub.fault = () => {
        const fault = inARow < 2 ? kinds[Math.floor(random() * kinds.length)]?.() : undefined;
        inARow = fault ? inARow + 1 : 0;
        return fault;
      };
      const patience = { ...HASTE, triesMax: 100, waitMsMax: 1 };
      const pulled = await pull(await settingsFor(t, hub), { patience });
      await assertSame(t, pulled.directory, files);
    }),
    { numRuns: propertyRuns(10) },
  );
});

t.test('property: names are read or refused, never anything else', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.string(), async (text) => {
      const settings = { endpoint: 'http://127.0.0.1:9', token: '', cacheFolder: '/nowhere', isOffline: true };
      const code = await pullModel(text, { settings }).then(
        () => 'pulled',
        (error: { code?: string }) => error.code ?? String(error),
      );
      if (code !== 'bad_name' && code !== 'offline') throw new Error(code);
    }),
  );
  t.pass('every text has a code');
});
