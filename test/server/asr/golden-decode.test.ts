// The engine against the Python reference's greedy loop: the same tokens, whatever the prompt, the draft and the
// company in the batch.
import { readManifest } from '@sotto/models';
import t from 'tap';
import type { DecodeRequest, DecodeResult } from '../../../server/src/asr/engine.js';
import { WhisperEngine } from '../../../server/src/asr/whisper/whisper-engine.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { goldenModels } from '../../support/golden-models.js';
import { readGolden, weightsSha256, type GoldenDecode } from '../../support/golden.js';
import { sampled } from '../../support/whole-run.js';

/** An attended frame may tie with its neighbour. */
const FRAMES_ALIKE = 0.98;

for (const { name, directory } of goldenModels) {
  t.test(`${name}: the engine decodes what the reference decodes`, async (t) => {
    const golden = readGolden(name);
    const fresh = (await weightsSha256(directory)) === golden.weightsSha256;
    if (!t.ok(fresh, 'the golden file is of these weights (else: write_golden.py)')) return;
    const { buckets, tailSilenceMs } = await readManifest(directory);
    const engine = await WhisperEngine.load({ name, directory, buckets, tailSilenceMs, precision: 'fp32', threads: 2 });
    t.teardown(() => engine.close());
    // Every seventh or so in the quick run.
    const decodes = sampled(golden.decodes, 20);
    const requests = await Promise.all(decodes.map(requestOf));
    t.ok(new Set(golden.decodes.map(({ clip }) => clip)).size >= 20, 'at least 20 recordings');

    const alone = new Map<GoldenDecode, DecodeResult>();
    for (const [i, decode] of decodes.entries()) {
      const [result] = await engine.decode(requests.slice(i, i + 1));
      if (result) alone.set(decode, result);
    }

    t.test('tokens agree one by one', async (t) => {
      for (const [decode, result] of alone) t.same(idsOf(result), decode.expected.tokens, title(decode));
      t.equal(alone.size, decodes.length);
    });

    t.test('probabilities agree', async (t) => {
      for (const [decode, result] of alone) {
        const { expected } = decode;
        const far = result.tokens.filter(({ logprob }, i) => Math.abs(logprob - (expected.logprobs[i] ?? 0)) > 2e-3);
        const others = [
          [result.endLogprob ?? 0, expected.endLogprob ?? 0],
          [result.languageProbability, expected.languageProbability],
          [result.noSpeechProbability, expected.noSpeechProbability],
        ] as const;
        const close = far.length === 0 && others.every(([ours, theirs]) => Math.abs(ours - theirs) < 2e-3);
        t.ok(close, title(decode), { result, expected });
        t.equal(result.endLogprob === null, expected.endLogprob === null, `${title(decode)}: ends alike`);
        t.equal(result.language, expected.language, `${title(decode)}: language`);
      }
    });

    t.test('attended frames agree', async (t) => {
      let alike = 0;
      let all = 0;
      for (const [{ expected }, { tokens }] of alone) {
        all += tokens.length;
        alike += tokens.filter(({ frame }, i) => Math.abs(frame - (expected.frames[i] ?? -9)) <= 1).length;
      }
      t.ok(alike >= FRAMES_ALIKE * all, `${alike} of ${all} within one frame`);
    });

    t.test('a draft changes no token, and its right part is accepted', async (t) => {
      for (const [i, decode] of decodes.entries()) {
        for (const { kind, tokens: draft, accepted } of decode.drafts) {
          const request = requests[i];
          const [result] = request ? await engine.decode([{ ...request, draft }]) : [];
          if (!result) throw new Error('no result');
          t.same(idsOf(result), decode.expected.tokens, `${title(decode)}, draft ${kind}`);
          // The last token that may be written is chosen, not verified.
          const limited = decode.expected.endLogprob === null ? Math.min(accepted, result.tokens.length - 1) : accepted;
          t.equal(result.draftAccepted, limited, `${title(decode)}, draft ${kind}: accepted`);
          if (kind === 'right') t.ok(result.steps <= 2, `${title(decode)}: a right draft leaves at most one step`);
        }
      }
    });

    t.test('a row does not depend on its company', async (t) => {
      // Every other one, so that the windows of a bucket meet others than their neighbours.
      const some = decodes.filter((_, i) => i % 2 === 1);
      const together = await engine.decode(requests.filter((_, i) => i % 2 === 1));
      for (const [i, decode] of some.entries()) {
        const result = together[i];
        t.same(result && idsOf(result), decode.expected.tokens, title(decode));
      }
    });
  });
}

async function requestOf({ clip, samples, prompt }: GoldenDecode): Promise<DecodeRequest> {
  const audio = (await fixtureSamples(clip)).slice(0, samples);
  return { audio, prompt, draft: [], temperature: 0, seed: 0 };
}

function idsOf({ tokens }: DecodeResult): number[] {
  return tokens.map(({ id }) => id);
}

function title({ clip, kind }: GoldenDecode): string {
  return `${clip}, ${kind}`;
}
