// Hotwords in the engine: what they raise, what is taken back, and that rows do not feel each other.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { DecodeRequest, DecodeResult, Hotwords } from '../../../server/src/asr/engine.js';
import { WhisperEngine, type WhisperEngineOptions } from '../../../server/src/asr/whisper/whisper-engine.js';
import { randomAudio, writeRandomWhisper } from '../../support/random-whisper.js';
import { rounds } from '../../support/whole-run.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-hotwords-'));
t.teardown(() => rm(folder, { recursive: true }));
const directory = await writeRandomWhisper(join(folder, 'model'), { seed: 6 });

function request(seed: number, hotwords?: Hotwords, draft: readonly number[] = []): DecodeRequest {
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  return { audio: randomAudio(seed, 12_000), prompt, draft, temperature: 0, seed: 0, hotwords };
}

const idsOf = (result: DecodeResult | undefined): number[] => result?.tokens.map(({ id }) => id) ?? [];

/** How each cache remembers; the second is that of GPUs. */
const CACHES: readonly Pick<WhisperEngineOptions, 'cache' | 'kernels'>[] = [
  { cache: 'growing' },
  { cache: 'inPlace', kernels: 'cuda' },
];

for (const options of CACHES) {
  t.test(`in a cache that is ${options.cache}`, async (t) => {
    const engine = await WhisperEngine.load({
      name: 'random',
      directory,
      buckets: [1],
      threads: 1,
      precision: 'fp32',
      maxBatch: 4,
      ...options,
    }).catch((error: unknown) => String(error));
    if (typeof engine === 'string') {
      t.plan(0, `this cache does not run here: ${engine}`);
      return;
    }
    t.teardown(() => engine.close());
    const alone = async (one: DecodeRequest): Promise<DecodeResult> => {
      const [result] = await engine.decode([one]);
      if (result === undefined) throw new Error('no result');
      return result;
    };
    const plain = await Promise.all([1, 2, 3].map((seed) => alone(request(seed))));
    // Terms of tokens that the model comes near to, and of tokens that it does not.
    const said = idsOf(plain[0]);
    const terms = [
      said.slice(3, 6),
      [11, 12, 13],
      [...said.slice(8, 10), 14],
      ...Array.from({ length: 60 }, (_, at) => [200 + at, 100 + at]),
    ];

    t.test('terms that gain nothing change nothing', async (t) => {
      const none = { key: 'none', boost: 0, terms };
      for (const [at, one] of plain.entries()) t.strictSame(idsOf(await alone(request(at + 1, none))), idsOf(one));
    });

    t.test('a term that is raised enough is written, whole', async (t) => {
      const result = idsOf(await alone(request(1, { key: 'strong', boost: 60, terms: [[11, 12, 13]] })));
      t.strictSame(result.slice(0, 3), [11, 12, 13]);
    });

    t.test('what does not become a term is taken back, and the rest is as if it had never been', async (t) => {
      // Every token begins a term whose second token is never likely enough.
      const hopeless = {
        key: 'hopeless',
        boost: 3,
        terms: Array.from({ length: 150 }, (_, at) => [at, 299, 298, 297]),
      };
      const result = await alone(request(1, hopeless));
      const ids = idsOf(result);
      // At the limit of a window a term that is not whole goes.
      t.ok(ids.length > said.length - 4, `${ids.length} of ${said.length} tokens`);
      t.strictSame(ids, said.slice(0, ids.length));
      t.ok(result.steps >= (plain[0]?.steps ?? 0), `${result.steps} steps`);
    });

    t.test('rows do not feel each other, with and without hotwords and drafts', async (t) => {
      const lists: (Hotwords | undefined)[] = [undefined, { key: 'a', boost: 2, terms }, { key: 'b', boost: 6, terms }];
      const single = new Map<string, number[]>();
      for (const seed of [1, 2, 3]) {
        for (const list of lists) single.set(`${seed} ${list?.key}`, idsOf(await alone(request(seed, list))));
      }
      for (let mix = 0; mix < rounds(2, 6); mix++) {
        const rows = [0, 1, 2, 3].map((row) => ({ seed: 1 + ((mix + row) % 3), list: lists[(mix * row + row) % 3] }));
        const drafts = rows.map(({ seed, list }) =>
          mix % 2 === 0 ? [] : (single.get(`${seed} ${list?.key}`) ?? []).slice(0, 9),
        );
        const results = await engine.decode(rows.map(({ seed, list }, i) => request(seed, list, drafts[i])));
        for (const [i, { seed, list }] of rows.entries()) {
          t.strictSame(idsOf(results[i]), single.get(`${seed} ${list?.key}`), `mix ${mix}, row ${i}`);
        }
      }
    });
  });
}
