// Whispers of other programs: CTranslate2 folders, OpenAI's .pt files, whisper.cpp's ggml files.
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifest, ModelRegistry, WhisperTokenizer, type InstalledModel } from '@sotto/models';
import t, { type Test } from 'tap';
import { halfOfFloat, readWeightValues } from '../../models/src/whisper/weight-values.js';
import { readWeights } from '../../models/src/whisper/safetensors.js';
import { checkpointFile, opcode } from '../support/foreign/checkpoint-file.js';
import { ctranslate2Model } from '../support/foreign/ctranslate2-model.js';
import { ggmlFile } from '../support/foreign/ggml-file.js';
import { smallNetwork, type SmallNetwork } from '../support/foreign/network.js';
import { smallTokenizer, SPECIAL_NAMES } from '../support/small-tokenizer.js';
import { writeSmallModel } from '../support/small-model.js';

/** Bytes and special tokens, as `smallTokenizer([])` has them; and English-only. */
const [SMALL, ENGLISH] = [256 + SPECIAL_NAMES.length, 51_864];

interface Given {
  readonly registry: ModelRegistry;
  /** Puts files into a folder of their own; its path. */
  readonly put: (files: Readonly<Record<string, string | Uint8Array>>) => Promise<string>;
  /** What is in the models folder. */
  readonly installed: () => Promise<string[]>;
}

async function given(t: Test): Promise<Given> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'sotto-convert-')));
  t.teardown(() => rm(root, { recursive: true }));
  const embedded = await writeSmallModel(join(root, 'whisper-base-adapted'));
  const models = join(root, 'models');
  await mkdir(models);
  let folders = 0;
  return {
    registry: new ModelRegistry(models, embedded),
    put: async (files) => {
      const folder = join(root, `given-${folders++}`);
      await mkdir(folder);
      for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
      return folder;
    },
    installed: () => readdir(models),
  };
}

/** Every weight is what the network has. */
async function hasWeights(t: Test, { directory }: InstalledModel, network: SmallNetwork): Promise<void> {
  const weights = await readWeights(directory);
  t.equal(weights.tensors.size, network.tensors.size);
  for (const [name, { shape, values }] of network.tensors) {
    const tensor = weights.tensors.get(`model.${name}`);
    if (!tensor) throw new Error(`no ${name}`);
    if (!t.same(tensor.shape, shape, name)) continue;
    const read = await readWeightValues(weights, tensor);
    t.ok(Buffer.from(read.buffer).equals(Buffer.from(values.buffer)), name);
  }
}

const small = smallNetwork(SMALL);
const english = smallNetwork(ENGLISH);
const tokenizerJson = JSON.stringify(smallTokenizer([]));
const rules = JSON.stringify({ alignment_heads: [[0, 1]], suppress_ids: [1, 2], suppress_ids_begin: [220] });

const unsupported = (message: RegExp) => ({ code: 'unsupported', message });
const invalid = (message: RegExp) => ({ code: 'file_invalid', message });
const unsafe = (message: RegExp) => ({ code: 'unsafe_file', message });

/** Gives a variable of model.bin another shape, or takes it out. */
const change = (name: string, shape: readonly number[] | undefined): Parameters<typeof ctranslate2Model>[1] => ({
  change: (variables) => {
    if (shape === undefined) variables.delete(name);
    else variables.set(name, { shape, type: 0, bytes: Buffer.alloc(4 * shape.reduce((a, b) => a * b, 1)) });
  },
});

/**
 * One block: scale 0.5, where there is one a minimum of -1, fifth bits of every third weight, nibbles that count up.
 */
const block = (type: string): Buffer => {
  const [scale, minimum] = [Buffer.alloc(2), Buffer.alloc(2)];
  scale.writeUInt16LE(halfOfFloat(0.5));
  minimum.writeUInt16LE(halfOfFloat(-1));
  const fifth = Buffer.alloc(4);
  fifth.writeUInt32LE(0x49249249);
  const nibbles = Buffer.from(Array.from({ length: 16 }, (_, i) => i | ((15 - i) << 4)));
  const parts = [scale, ...(type.endsWith('1') ? [minimum] : []), ...(type.startsWith('q5') ? [fifth] : []), nibbles];
  return Buffer.concat(parts);
};

t.test('a CTranslate2 folder', async (t) => {
  const { registry, put, installed } = await given(t);
  const files = { 'model.bin': ctranslate2Model(small), 'config.json': rules, 'tokenizer.json': tokenizerJson };
  const written: number[] = [];
  const model = await registry.add(await put(files), {
    name: 'ct2',
    onProgress: (bytes, total) => written.push(bytes / total),
  });
  t.equal(written.at(-1), 1);
  t.match(model.files.config, {
    width: 8,
    encoderHeads: 2,
    decoderLayers: 1,
    encoderInner: 32,
    vocabularySize: SMALL,
    maxTargetPositions: 16,
    alignmentHeads: [[0, 1]],
    suppressTokens: [1, 2],
    beginSuppressTokens: [220],
    tiedEmbedding: true,
  });
  t.match(model.manifest, { buckets: [30], provenance: { source: /^converted from CTranslate2: given-0$/ } });
  t.equal(model.directory, model.home, 'its files are in the models folder');
  await hasWeights(t, model, small);
  t.same(await installed(), ['ct2'], 'and nothing is left beside it');
});

t.test('eight-bit weights of CTranslate2 are unpacked by the scale of their row', async (t) => {
  const { registry, put } = await given(t);
  const model = ctranslate2Model(small, { int8: true });
  await hasWeights(t, await registry.add(await put({ 'model.bin': model, 'tokenizer.json': tokenizerJson })), small);
});

t.test('a .pt file, with the tokenizer of an installed model', async (t) => {
  const { registry, put } = await given(t);
  const folder = await put({ 'mine.pt': checkpointFile(small) });
  await t.rejects(registry.add(join(folder, 'mine.pt')), {
    code: 'file_missing',
    message: /carries no tokenizer, and no installed model has one for its 268 tokens/,
  });
  await registry.add(await put({ 'model.bin': ctranslate2Model(small), 'tokenizer.json': tokenizerJson }), {
    name: 'a',
  });
  const model = await registry.add(join(folder, 'mine.pt'));
  t.equal(model.name, 'mine');
  await hasWeights(t, model, small);
});

t.test('a ggml file carries its vocabulary', async (t) => {
  const { registry, put } = await given(t);
  const network = english;
  const folder = await put({ 'ggml-mine.bin': ggmlFile(network), 'q8.bin': ggmlFile(network, { q8: true }) });
  const model = await registry.add(join(folder, 'ggml-mine.bin'));
  t.equal(model.name, 'ggml-mine');
  t.match(model.files.config, { isMultilingual: false, vocabularySize: ENGLISH });
  await hasWeights(t, model, network);
  const tokenizer = await WhisperTokenizer.load(model.directory);
  t.match(tokenizer.special, { endOfText: 50_256, noTimestamps: 50_362, firstTimestamp: 50_363 });
  const ids = tokenizer.encode('ab 猫');
  t.equal(tokenizer.decode(ids), 'ab 猫');
  t.ok(ids.length < 6, 'pairs of bytes are joined');
  const { suppressTokens, beginSuppressTokens } = model.files.config;
  t.ok(suppressTokens.includes(tokenizer.encode('(')[0] ?? -1));
  t.ok(suppressTokens.includes(tokenizer.special.startOfPrevious));
  t.same(beginSuppressTokens, [tokenizer.encode(' ')[0], 50_256]);
  await hasWeights(t, await registry.add(join(folder, 'q8.bin')), network);
});

t.test('OpenAI vocabularies are taken from a model that has them, not from one as large', async (t) => {
  const { registry, put } = await given(t);
  const network = english;
  const folder = await put({ 'a.bin': ggmlFile(network), 'b.pt': checkpointFile(network) });
  await registry.add(join(folder, 'a.bin'));
  await t.rejects(registry.add(join(folder, 'b.pt')), {
    code: 'file_missing',
    message: /pull openai\/whisper-tiny\.en/,
  });
});

t.test('a CTranslate2 folder without tokenizer.json: its list of tokens', async (t) => {
  const { registry, put } = await given(t);
  const network = english;
  const folder = await put({ 'a.bin': ggmlFile(network) });
  const { directory } = await registry.add(join(folder, 'a.bin'));
  const content = await readFile(join(directory, 'tokenizer.json'), 'utf8');
  const { model } = JSON.parse(content) as { model: { vocab: Record<string, number> } };
  const listed: string[] = [];
  for (const [entry, id] of Object.entries(model.vocab)) listed[id] = entry;
  const lists = { 'vocabulary.json': JSON.stringify(listed), 'vocabulary.txt': listed.join('\n') };
  for (const [file, list] of Object.entries(lists)) {
    const added = await registry.add(await put({ 'model.bin': ctranslate2Model(network), [file]: list }));
    t.ok((await readFile(join(added.directory, 'tokenizer.json'), 'utf8')) === content, file);
  }
});

t.test('what is refused is one sentence, and leaves nothing', async (t) => {
  const { registry, put, installed } = await given(t);
  const refuses = async (
    what: string,
    files: Readonly<Record<string, string | Uint8Array>>,
    expected: { code: string; message: RegExp },
    file = '.',
  ): Promise<void> => {
    const path = join(await put(files), file);
    await t.rejects(registry.add(path, { name: 'refused' }), { name: 'ModelError', ...expected }, what);
  };
  const ct2 = (options: Parameters<typeof ctranslate2Model>[1]) => ({
    'model.bin': ctranslate2Model(small, options),
    'tokenizer.json': tokenizerJson,
  });
  const pt = (options: Parameters<typeof checkpointFile>[1]) => ({ 'x.pt': checkpointFile(small, options) });

  await refuses('an empty folder', {}, { code: 'file_missing', message: /config\.json cannot be read/ });
  await refuses('nothing there', {}, { code: 'file_missing', message: /is not there/ }, 'x.pt');
  await refuses('some file', { x: 'hello' }, unsupported(/not a model that is known here\. These are taken: /), 'x');
  await refuses('an empty file', { x: '' }, unsupported(/not a model that is known here/), 'x');
  await refuses('GGUF', { x: 'GGUF....' }, unsupported(/is a GGUF file: whisper\.cpp reads ggml files/), 'x');
  await refuses('old PyTorch', { x: Buffer.from('\x80\x02}.', 'latin1') }, unsupported(/before 1\.6/), 'x');

  await refuses(
    'other model',
    ct2({ specification: 'TransformerSpec' }),
    unsupported(/"TransformerSpec" of CTranslate2/),
  );
  await refuses('other version', ct2({ version: 99 }), unsupported(/version 99/));
  await refuses(
    'a lack',
    ct2(change('encoder/conv2/bias', undefined)),
    unsupported(/has no encoder\.conv2\.bias: not/),
  );
  await refuses('a lack of size', ct2(change('encoder/conv1/weight', undefined)), unsupported(/has no encoder\/conv1/));
  await refuses('an adapter', ct2(change('lora/a', [8, 8])), unsupported(/holds lora\/a, which a Whisper of its size/));
  const wrong = change('decoder/layer_0/ffn/linear_1/weight', [8, 8]);
  await refuses('a shape', ct2(wrong), unsupported(/decoder\.layers\.0\.fc2\.weight is 8 x 8, .* has 8 x 32/));
  const narrow = change('encoder/layer_0/self_attention/linear_0/weight', [8, 8]);
  await refuses('a joined shape', ct2(narrow), unsupported(/linear_0\/weight is 8 x 8, less than a Whisper's/));
  const tokenizerOf = smallTokenizer(Array.from({ length: 20 }, (_, i) => `word${i}`));
  const foreign = { 'model.bin': ctranslate2Model(small), 'tokenizer.json': JSON.stringify(tokenizerOf) };
  await refuses('another tokenizer', foreign, invalid(/belong to different models/));
  const nothing = { 'model.bin': ctranslate2Model(small), 'tokenizer.json': '[]' };
  await refuses('no tokenizer', nothing, invalid(/tokenizer/));

  const system = opcode.call(opcode.global('os', 'system'), opcode.text('touch /tmp/x'));
  await refuses(
    'a call',
    pt({ more: system }),
    unsafe(/asks for "os\.system": it holds code .* none of it was run/),
    'x.pt',
  );
  const evaluated = opcode.call(opcode.global('builtins', 'eval'), opcode.text('1'));
  await refuses('eval alone', pt({ pickle: opcode.end(evaluated) }), unsafe(/"builtins\.eval"/), 'x.pt');
  const called = opcode.call(opcode.global('torch', 'FloatStorage'), opcode.number(1));
  await refuses('a call of what is known', pt({ more: called }), unsafe(/calls torch\.FloatStorage/), 'x.pt');
  const object = Buffer.concat([opcode.global('collections', 'OrderedDict'), Buffer.from(')\x81', 'latin1')]);
  await refuses('an object', pt({ more: object }), unsafe(/makes an object/), 'x.pt');
  await refuses('its state', pt({ more: Buffer.from('NNb') }), unsafe(/builds an object/), 'x.pt');
  await refuses('no checkpoint', pt({ pickle: opcode.end(opcode.number(1)) }), unsupported(/lacks "dims"/), 'x.pt');
  await refuses('other sizes', pt({ dims: { n_audio_state: 16 } }), unsupported(/16 wide and its decoder 8/), 'x.pt');
  await refuses('no size', pt({ dims: { n_text_layer: 1e9 } }), invalid(/decoderLayers is 1000000000/), 'x.pt');
  await refuses('more layers', pt({ dims: { n_text_layer: 2 } }), unsupported(/has no decoder\.layers\.1/), 'x.pt');
  await refuses('a zip', pt({ change: (files) => files.delete('data.pkl') }), invalid(/has no data\.pkl/), 'x.pt');
  const cut = pt({ change: (files) => files.set('data/0', Buffer.alloc(4)) });
  await refuses('numbers left out', cut, invalid(/the numbers of encoder\.conv1\.weight are not all there/), 'x.pt');

  const ggml = (options: Parameters<typeof ggmlFile>[1]) => ({ 'x.bin': ggmlFile(english, options) });
  await refuses('k-quants', ggml({ type: 12 }), unsupported(/is q4_k, which is not read: f32, f16, q4_0/), 'x.bin');
  await refuses('an unknown type', ggml({ type: 77 }), unsupported(/is type 77/), 'x.bin');
  await refuses('few tokens', ggml({ tokensLeftOut: 3 }), invalid(/has 50253 text tokens of 50256/), 'x.bin');
  await refuses('an odd vocabulary', { 'x.bin': ggmlFile(small) }, unsupported(/vocabulary of 268 tokens/), 'x.bin');
  const whole = ggmlFile(english);
  await refuses('cut off', { 'x.bin': whole.subarray(0, -1) }, invalid(/is cut off/), 'x.bin');
  t.same(await installed(), []);
});

t.test('a name that is taken is kept, and what a killed conversion left goes', async (t) => {
  const { registry, put, installed } = await given(t);
  const folder = await put({ 'model.bin': ctranslate2Model(small), 'tokenizer.json': tokenizerJson });
  // No process has this number: Linux counts to 2^22.
  const left = join(registry.folder, '.mine.99999999.new');
  await mkdir(left);
  await writeFile(join(left, 'model.safetensors'), 'half');
  t.same((await registry.list()).broken, [], 'half a model is not listed');
  const model = await registry.add(folder, { name: 'mine' });
  t.same(await installed(), ['mine']);
  const before = await readManifest(model.home);
  await t.rejects(registry.add(folder, { name: 'mine' }), { code: 'name_taken' });
  t.same(await readManifest(model.home), before);
});

t.test('blocks of fewer bits, as ggml unpacks them', async (t) => {
  const { unpackBlocks } = await import('../../models/src/convert/ggml/blocks.js');
  const low = Array.from({ length: 32 }, (_, i) => (i < 16 ? i : 15 - (i - 16)));
  const high = low.map((value, i) => value + (i % 3 === 0 ? 16 : 0));
  const expected = {
    q4_0: low.map((value) => 0.5 * (value - 8)),
    q4_1: low.map((value) => 0.5 * value - 1),
    q5_0: high.map((value) => 0.5 * (value - 16)),
    q5_1: high.map((value) => 0.5 * value - 1),
  } as const;
  for (const type of ['q4_0', 'q4_1', 'q5_0', 'q5_1'] as const) {
    t.same([...unpackBlocks(type, block(type))], expected[type].map(halfOfFloat), type);
  }
});
