// A Whisper whose matrices are packed into integers of one byte.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectModel, packWhisper } from '@sotto/models';
import t from 'tap';
import { readWeights } from '../../models/src/whisper/safetensors.js';
import { readWeightValues } from '../../models/src/whisper/weight-values.js';
import { writeRandomWhisper } from '../support/random-whisper.js';

const root = await mkdtemp(join(tmpdir(), 'sotto-pack-'));
t.teardown(() => rm(root, { recursive: true }));

/** Bytes of every tensor, with its type and shape. */
async function tensorsOf(directory: string): Promise<Map<string, string>> {
  const { folder, tensors } = await readWeights(directory);
  const files = new Map<string, Buffer>();
  const found = new Map<string, string>();
  for (const [name, { type, shape, file, offset, length }] of tensors) {
    const content = files.get(file) ?? (await readFile(join(folder, file)));
    files.set(file, content);
    found.set(name, `${type} [${shape.join(', ')}] ${content.toString('hex', offset, offset + length)}`);
  }
  return found;
}

t.test('matrices become integers, and the rest halves; shards become one file', async (t) => {
  const wide = await writeRandomWhisper(join(root, 'wide'), { type: 'F32', sharded: true });
  const packed = join(root, 'packed');
  const progress: number[] = [];
  await packWhisper(wide, packed, (written, total) => progress.push(written / total));
  const expected = await tensorsOf(await writeRandomWhisper(join(root, 'expected'), { type: 'I8' }));
  const found = await tensorsOf(packed);
  t.same([...found.keys()].sort(), [...expected.keys()].sort());
  for (const [name, content] of expected) {
    // Those that the expected ones are written by cut halves off, and do not round.
    const compared = content.startsWith('F16') ? /^F16 \[[^\]]*\]/ : /.*/;
    t.equal(compared.exec(found.get(name) ?? '')?.[0], compared.exec(content)?.[0], name);
  }
  t.equal(progress.at(-1), 1);
  t.match(await inspectModel(packed), { config: (await inspectModel(wide)).config });
});

t.test('halves stay as they are, and no integer is off by more than half a step of its output', async (t) => {
  const source = await writeRandomWhisper(join(root, 'halves'), { type: 'F16' });
  const packed = join(root, 'steps');
  await packWhisper(source, packed);
  const [before, after] = [await tensorsOf(source), await tensorsOf(packed)];
  const kept = [...after].filter(([, content]) => content.startsWith('F16'));
  t.ok(kept.length > 40, `${kept.length} tensors in halves`);
  for (const [name, content] of kept) t.equal(content, before.get(name), name);
  const [from, to] = [await readWeights(source), await readWeights(packed)];
  const name = 'model.decoder.layers.0.fc1';
  const tensor = (weights: typeof from, part: string) => {
    const found = weights.tensors.get(`${name}.${part}`);
    if (!found) throw new Error(`no ${name}.${part}`);
    return found;
  };
  const wanted = await readWeightValues(from, tensor(from, 'weight'));
  const scales = await readWeightValues(to, tensor(to, 'weight_scale'));
  const stored = tensor(to, 'weight_int8');
  const file = await readFile(join(packed, 'model.safetensors'));
  const values = new Int8Array(file.subarray(stored.offset, stored.offset + stored.length));
  const [inputs, outputs] = stored.shape as [number, number];
  let furthest = 0;
  for (let output = 0; output < outputs; output++) {
    const scale = scales[output] ?? 0;
    for (let input = 0; input < inputs; input++) {
      const value = (values[input * outputs + output] ?? 0) * scale;
      furthest = Math.max(furthest, Math.abs(value - (wanted[output * inputs + input] ?? 0)) / scale);
    }
  }
  t.ok(furthest > 0.4 && furthest < 0.501, `${furthest} steps`);
});

t.test('what cannot be packed says why', async (t) => {
  const packed = await writeRandomWhisper(join(root, 'stored'), { type: 'I8' });
  await t.rejects(packWhisper(packed, join(root, 'twice')), {
    code: 'unsupported',
    message: /stored is packed already$/,
  });
  await t.rejects(packWhisper(join(root, 'nowhere'), join(root, 'twice')), { code: 'file_missing' });
  const source = await writeRandomWhisper(join(root, 'again'), { type: 'F16' });
  await t.rejects(packWhisper(source, packed), { code: 'name_taken' });
});
