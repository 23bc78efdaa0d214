// Files of other programs, cut and changed anywhere: they are converted or refused by a typed error, and nothing else
// happens.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertWhisper, ModelError, sourceKind } from '@sotto/models';
import * as fc from 'fast-check';
import t from 'tap';
import { readPickle } from '../../models/src/convert/openai-checkpoint/pickle.js';
import { checkpointFile } from '../support/foreign/checkpoint-file.js';
import { ctranslate2Model } from '../support/foreign/ctranslate2-model.js';
import { ggmlFile } from '../support/foreign/ggml-file.js';
import { smallNetwork } from '../support/foreign/network.js';
import { holds } from '../support/property.js';
import { writeSmallModel } from '../support/small-model.js';
import { smallTokenizer, SPECIAL_NAMES } from '../support/small-tokenizer.js';
import { rounds } from '../support/whole-run.js';

const root = await mkdtemp(join(tmpdir(), 'sotto-damage-'));
t.teardown(() => rm(root, { recursive: true }));
const vocabularySize = 256 + SPECIAL_NAMES.length;
const small = smallNetwork(vocabularySize);
const tokenizers = [{ directory: await writeSmallModel(join(root, 'known')), vocabularySize }];
await writeFile(join(tokenizers[0]?.directory ?? '', 'tokenizer.json'), JSON.stringify(smallTokenizer([])));

/** Files by name, and where their structure ends: the bytes before are changed, those after are weights. */
const FILES = [
  { name: 'model.bin', bytes: ctranslate2Model(small), kind: 'ctranslate2', runs: rounds(8, 60) },
  { name: 'model.pt', bytes: checkpointFile(small), kind: 'openai', runs: rounds(8, 60) },
  // Fifty thousand tokens are read in each run.
  { name: 'ggml.bin', bytes: ggmlFile(smallNetwork(51_864, 2)), kind: 'ggml', runs: rounds(1, 6) },
] as const;

/** Converts what is there now; `true` when it went well. Anything but a typed error is thrown on. */
async function attempt(path: string): Promise<boolean> {
  const target = join(root, 'converted');
  try {
    const kind = await sourceKind(path);
    if (kind === 'huggingFace') throw new Error('no folder of Hugging Face');
    await convertWhisper(kind, path, target, { tokenizers });
    return true;
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    return false;
  } finally {
    await rm(target, { recursive: true, force: true });
  }
}

for (const { name, bytes, kind, runs } of FILES) {
  const folder = await mkdtemp(join(root, 'given-'));
  const file = join(folder, name);
  const path = kind === 'ctranslate2' ? folder : file;

  t.test(`${name}: whole, cut anywhere, changed anywhere`, async (t) => {
    await writeFile(file, bytes);
    t.ok(await attempt(path), 'the whole is converted');
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), async (length) => {
        await writeFile(file, bytes.subarray(0, length));
        return !(await attempt(path));
      }),
      { numRuns: runs, examples: [[0], [1], [bytes.length - 1]] },
    );
    t.pass('what is cut is refused');
    // Structure is at the beginning of all, and at the end of a zip too.
    const place = fc.oneof(
      fc.nat(2_000),
      fc.nat(bytes.length - 1),
      fc.nat(20_000).map((back) => bytes.length - 1 - back),
    );
    const changes = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const changed = Buffer.from(bytes);
        for (const [at, value] of list) if (at >= 0 && at < changed.length) changed[at] = value;
        await writeFile(file, changed);
        await attempt(path);
      }),
      { numRuns: 2 * runs },
    );
    t.pass('what is changed is converted or refused');
    t.same(
      (await readdir(root)).filter((entry) => entry.includes('converted')),
      [],
      'nothing half is left',
    );
  });
}

/** Every opcode that is read, a few that are not, and what they take. */
const OPCODES =
  '\x80\x02 N \x88 K\x07 M\x01\x02 J\x01\0\0\0 \x8a\x01\x05 ] ) } ( t \x85 \x86 \x87 a e s u ' +
  'q\x01 h\x01 \x94 \x93 Q R b X\x01\0\0\0a \x8c\x01b i o \x81 P . ccollections\nOrderedDict\n ctorch\nHalfStorage\n ' +
  'ctorch._utils\n_rebuild_tensor_v2\n cos\nsystem\n';
const opcodes = fc.constantFrom(...OPCODES.split(' '));

t.test('any pickle is read or refused', async (t) => {
  const pickles = fc.oneof(
    fc.array(opcodes, { maxLength: 60 }).map((list) => Buffer.from(`${list.join('')}.`, 'latin1')),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  );
  holds(
    t,
    fc.property(pickles, (bytes) => {
      try {
        readPickle(bytes, 'x.pt');
      } catch (error) {
        if (!(error instanceof ModelError)) throw error;
      }
    }),
    { numRuns: 3_000 },
  );
});
