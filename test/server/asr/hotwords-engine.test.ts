// Hotwords in the engine, with the model that comes with Sotto: what they mend, and that nothing else feels them.
import { liveHandles, ModelRegistry } from '@sotto/models';
import t from 'tap';
import { whisperEngineSpec } from '../../../server/src/asr/engine-host/whisper-engine-spec.js';
import type { DecodeResult } from '../../../server/src/asr/engine.js';
import { hotwordsOf } from '../../../server/src/asr/hotwords/hotwords.js';
import { loadTokenizer } from '../../../server/src/asr/tokenizer.js';
import { WhisperEngine } from '../../../server/src/asr/whisper/whisper-engine.js';
import { fixtureSamples } from '../../support/fixtures.js';

const model = await new ModelRegistry().find('whisper-base-adapted');
const engine = await WhisperEngine.load(whisperEngineSpec(model, { threads: 2, maxBatch: 4 }).options);
t.teardown(() => engine.close());
const tokenizer = await loadTokenizer(engine.model.directory);

interface Asked {
  readonly clip: string;
  readonly terms?: readonly string[];
  readonly draft?: readonly number[];
}

async function decode(...asked: readonly Asked[]): Promise<DecodeResult[]> {
  const requests = asked.map(async ({ clip, terms = [], draft = [] }) => {
    const audio = await fixtureSamples(clip);
    const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
    return { audio, prompt, draft, temperature: 0, seed: 0, hotwords: hotwordsOf(terms) };
  });
  return engine.decode(await Promise.all(requests));
}

const textOf = (result: DecodeResult | undefined): string =>
  tokenizer.decode(result?.tokens.map(({ id }) => id) ?? []).trim();

/** Names that nobody says in these recordings. */
const NAMES = ['Anderson', 'Beatrice', 'Carmichael', 'Douglas', 'Eleanor', 'Fitzgerald', 'Ibuprofen', 'Sotto', '土地'];

t.test('a term is written where something that sounds like it was heard, and all else as before', async (t) => {
  const heard = textOf((await decode({ clip: 'en-weather' }))[0]);
  t.match(heard, /be Claudia in the North/);
  const [mended] = await decode({ clip: 'en-weather', terms: [...NAMES, 'cloudy'] });
  t.equal(textOf(mended), heard.replace('Claudia', 'cloudy'));
  t.ok(mended?.tokens.every(({ logprob, frame }) => logprob <= 0 && frame >= 0));
  t.match(textOf((await decode({ clip: 'en-numbers-invoice', terms: [...NAMES, 'Invoice'] }))[0]), /^Invoice 4,821/);
});

t.test('a list of names that nobody says changes nothing', async (t) => {
  for (const clip of ['en-weather', 'en-names-meeting', 'en-short-stop']) {
    const [plain] = await decode({ clip });
    const [listed] = await decode({ clip, terms: NAMES });
    t.equal(textOf(listed), textOf(plain), clip);
  }
});

t.test('rows do not feel each other, with and without hotwords and drafts', async (t) => {
  const rows: Asked[] = [
    { clip: 'en-weather', terms: ['cloudy', 'afternoon'] },
    { clip: 'en-noisy' },
    { clip: 'en-noisy', terms: ['Quick'] },
  ];
  const alone: DecodeResult[] = [];
  for (const row of rows) alone.push(...(await decode(row)));
  t.strictSame((await decode(...rows)).map(textOf), alone.map(textOf));
  // The last hypothesis has the term in it, which the model by itself does not write.
  const drafted = rows.map((row, i) => ({ ...row, draft: alone[i]?.tokens.map(({ id }) => id) ?? [] }));
  t.strictSame((await decode(...drafted)).map(textOf), alone.map(textOf));
});

t.test('nothing stays in native memory', async (t) => {
  const before = liveHandles();
  await decode({ clip: 'en-weather', terms: NAMES }, { clip: 'en-noisy' });
  t.same(liveHandles(), before);
});
