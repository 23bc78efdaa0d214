// The models folder: what is listed, chosen, added and refused.
import { mkdir, mkdtemp, readFile, realpath, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ModelRegistry, modelsFolder, readManifest, writeManifest } from '@sotto/models';
import t, { type Test } from 'tap';
import { writeSmallModel } from '../support/small-model.js';

async function folders(t: Test) {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'sotto-registry-')));
  t.teardown(() => rm(root, { recursive: true }));
  const embedded = await writeSmallModel(join(root, 'whisper-base-adapted'));
  return { root, registry: new ModelRegistry(join(root, 'models'), embedded) };
}

t.test('the models folder follows SOTTO_MODELS, then XDG_DATA_HOME, then the home', async (t) => {
  t.equal(modelsFolder({ SOTTO_MODELS: '/srv/models', XDG_DATA_HOME: '/data' }), '/srv/models');
  t.equal(modelsFolder({ XDG_DATA_HOME: '/data' }), '/data/sotto/models');
  t.match(modelsFolder({}), /\.local\/share\/sotto\/models$/);
});

t.test('the embedded model serves when nothing is installed', async (t) => {
  const { registry } = await folders(t);
  const { models, broken } = await registry.list();
  t.same(
    models.map(({ name, isEmbedded }) => [name, isEmbedded]),
    [['whisper-base-adapted', true]],
  );
  t.same(broken, []);
  t.equal((await registry.choose()).name, 'whisper-base-adapted');
});

t.test('a model without sotto.json is taken for stock Whisper: 30 s', async (t) => {
  const { registry } = await folders(t);
  t.match((await registry.choose()).manifest, { buckets: [30], tailSilenceMs: 0, usesPreviousText: true });
});

t.test('an added model is used by reference and serves from then on', async (t) => {
  const { root, registry } = await folders(t);
  const directory = await writeSmallModel(join(root, 'elsewhere', 'whisper-small'));
  const added = await registry.add(directory);
  t.match(added, { name: 'whisper-small', directory, home: join(root, 'models', 'whisper-small'), isEmbedded: false });
  t.equal((await registry.choose()).name, 'whisper-small');
  t.same(
    (await registry.list()).models.map(({ name }) => name),
    ['whisper-small', 'whisper-base-adapted'],
  );
});

t.test('a sotto.json beside the weights is taken over', async (t) => {
  const { root, registry } = await folders(t);
  const directory = await writeSmallModel(join(root, 'tuned'));
  await writeFile(
    join(directory, 'sotto.json'),
    JSON.stringify({ buckets: [6, 30], tailSilenceMs: 1300, default: true }),
  );
  const { manifest } = await registry.add(directory, { name: 'mine' });
  t.match(manifest, { buckets: [6, 30], tailSilenceMs: 1300, default: false });
});

t.test('the default is the marked model, else the largest', async (t) => {
  const { root, registry } = await folders(t);
  await registry.add(await writeSmallModel(join(root, 'a')), { default: true });
  await registry.add(await writeSmallModel(join(root, 'b'), { extraBytes: 4096 }));
  t.equal((await registry.choose()).name, 'a');
  await registry.add(await writeSmallModel(join(root, 'c')), { default: true });
  t.equal((await registry.choose()).name, 'c', 'the mark moves');
  const { home, manifest } = await registry.find('c');
  await writeManifest(home, { ...manifest, default: false });
  t.equal((await registry.choose()).name, 'b', 'none is marked');
});

t.test('a folder put into the models folder is a model', async (t) => {
  const { root, registry } = await folders(t);
  await writeSmallModel(join(root, 'models', 'copied'));
  t.equal((await registry.find('copied')).directory, join(root, 'models', 'copied'));
});

t.test('a broken model is listed as such and does not hide the others', async (t) => {
  const { root, registry } = await folders(t);
  const directory = await writeSmallModel(join(root, 'gone'));
  await registry.add(directory);
  await rm(directory, { recursive: true });
  const { models, broken } = await registry.list();
  t.same(
    models.map(({ name }) => name),
    ['whisper-base-adapted'],
  );
  t.match(broken, [{ name: 'gone', error: { code: 'file_missing' } }]);
  await t.rejects(registry.find('gone'), { code: 'file_missing' });
  await t.rejects(registry.find('never'), {
    code: 'model_unknown',
    message: 'No model "never": there are whisper-base-adapted',
  });
});

t.test('without any model, what is missing is said', async (t) => {
  const { root } = await folders(t);
  const registry = new ModelRegistry(join(root, 'models'), join(root, 'not-shipped'));
  t.match(await registry.list(), {
    models: [],
    broken: [{ name: 'whisper-base-adapted', error: { code: 'file_missing' } }],
  });
  await t.rejects(registry.choose(), { code: 'model_unknown', message: /There is no model in .*models add DIR/ });
  await t.rejects(registry.find('whisper-base-adapted'), { code: 'file_missing' });
});

t.test('add refuses what cannot load, naming the file', async (t) => {
  const { root, registry } = await folders(t);
  const attempt = async (spoil: (directory: string) => Promise<unknown>, options = {}) => {
    const directory = await writeSmallModel(await mkdtemp(join(root, 'spoilt-')));
    await spoil(directory);
    return registry.add(directory, options);
  };
  await t.rejects(registry.add(join(root, 'nowhere')), { code: 'file_missing' });
  await t.rejects(
    attempt((d) => rm(join(d, 'config.json'))),
    { code: 'file_missing', message: /config\.json/ },
  );
  await t.rejects(
    attempt((d) => writeFile(join(d, 'config.json'), '{"model_type":"llama"}')),
    { code: 'unsupported', message: /llama/ },
  );
  await t.rejects(
    attempt((d) => rm(join(d, 'model.safetensors'))),
    { code: 'file_missing', message: /model\.safetensors/ },
  );
  await t.rejects(
    attempt((d) => rm(join(d, 'tokenizer.json'))),
    { code: 'file_missing', message: /tokenizer\.json/ },
  );
  await t.rejects(
    attempt((d) => truncate(join(d, 'model.safetensors'), 300)),
    { code: 'file_invalid' },
  );
  await t.rejects(
    attempt((d) => truncate(join(d, 'model.safetensors'), 4)),
    { code: 'file_invalid' },
  );
  await t.rejects(
    attempt((d) => writeFile(join(d, 'sotto.json'), '{"buckets":[8,4]}')),
    { code: 'file_invalid', message: /buckets: ascending/ },
  );
  await t.rejects(
    attempt(async () => {}, { name: '../up' }),
    { code: 'file_invalid', message: /--name/ },
  );
  await t.rejects(
    attempt(async () => {}, { name: 'whisper-base-adapted' }),
    { code: 'name_taken' },
  );
  await attempt(async () => {}, { name: 'twice' });
  await t.rejects(
    attempt(async () => {}, { name: 'twice' }),
    { code: 'name_taken' },
  );
});

t.test('shards are found through their index', async (t) => {
  const { root, registry } = await folders(t);
  const directory = await writeSmallModel(join(root, 'sharded'), { sharded: true });
  const { files } = await registry.add(directory);
  t.equal(files.weightBytes, 128);
  t.equal(files.parameters, 64);
  await rm(join(directory, 'model-00002-of-00002.safetensors'));
  await t.rejects(registry.find('sharded'), { code: 'file_missing', message: /00002/ });
});

t.test('a manifest is written whole', async (t) => {
  const { root } = await folders(t);
  const home = join(root, 'home');
  await mkdir(home);
  const manifest = { ...(await readManifest(home)), buckets: [4, 30], tailSilenceMs: 1300 };
  await writeManifest(home, manifest);
  t.same(await readManifest(home), manifest);
  t.equal((await readFile(join(home, 'sotto.json'), 'utf8')).at(-1), '\n');
  await t.rejects(writeManifest(home, { ...manifest, tailSilenceMs: -1 }));
  t.same(await readManifest(home), manifest, 'a bad one leaves the old one');
});
