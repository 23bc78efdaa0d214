// The graphs of a GPU's operators, on the CPU: a cache in place, and the buffers of recorded steps, against the Python
// reference's greedy loop.
import { readManifest } from '@sotto/models';
import t from 'tap';
import type { DecodeRequest, DecodeResult } from '../../../server/src/asr/engine.js';
import { WhisperEngine } from '../../../server/src/asr/whisper/whisper-engine.js';
import { fixtureSamples, tinyWhisperFolder as directory } from '../../support/fixtures.js';
import { readGolden, type GoldenDecode } from '../../support/golden.js';
import { sampled } from '../../support/whole-run.js';

const golden = readGolden('tiny-whisper');
// Every third: the whole set is in golden-decode.test.ts.
const decodes = sampled(
  golden.decodes.filter((_, i) => i % 3 === 0),
  8,
);

for (const stepGraphs of [false, true]) {
  t.test(`in place${stepGraphs ? ', buffers kept for recorded steps' : ''}`, async (t) => {
    const { buckets, tailSilenceMs } = await readManifest(directory);
    const engine = await WhisperEngine.load({
      name: 'tiny',
      directory,
      buckets,
      tailSilenceMs,
      precision: 'fp32',
      threads: 2,
      kernels: 'cuda',
      cache: 'inPlace',
      stepGraphs,
    });
    t.teardown(() => engine.close());
    const requests = await Promise.all(decodes.map(requestOf));

    for (const [i, decode] of decodes.entries()) {
      const [result] = await engine.decode(requests.slice(i, i + 1));
      t.same(idsOf(result), decode.expected.tokens, title(decode));
      for (const { kind, tokens: draft } of decode.drafts) {
        const request = requests[i];
        const [drafted] = request ? await engine.decode([{ ...request, draft }]) : [];
        t.same(idsOf(drafted), decode.expected.tokens, `${title(decode)}, draft ${kind}`);
      }
    }

    // Drafts of different length side by side: rows forget different numbers of places, and end at different steps.
    const drafted = requests.map((request, i) => ({ ...request, draft: decodes[i]?.drafts[i % 2]?.tokens ?? [] }));
    const together = await engine.decode(drafted);
    for (const [i, decode] of decodes.entries()) {
      t.same(idsOf(together[i]), decode.expected.tokens, `${title(decode)}, in company`);
    }
  });
}

async function requestOf({ clip, samples, prompt }: GoldenDecode): Promise<DecodeRequest> {
  const audio = (await fixtureSamples(clip)).slice(0, samples);
  return { audio, prompt, draft: [], temperature: 0, seed: 0 };
}

function idsOf(result: DecodeResult | undefined): number[] | undefined {
  return result?.tokens.map(({ id }) => id);
}

function title({ clip, kind }: GoldenDecode): string {
  return `${clip}, ${kind}`;
}
