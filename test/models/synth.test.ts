// Models with random weights: the shapes and numbers of the real ones, the same for the same seed.
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, float, property } from 'fast-check';
import {
  inspectModel,
  isWhisperSize,
  readManifest,
  synthesizeModel,
  WHISPER_SIZES,
  WhisperNetwork,
  WhisperTokenizer,
} from '@sotto/models';
import t from 'tap';
import { synthVocabulary } from '../../models/src/synth/tokenizer-file.js';
import { halfOfFloat } from '../../models/src/whisper/weight-values.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-synth-'));
t.teardown(() => rm(folder, { recursive: true }));

/** As large-v3 but for its width and depth: a few megabytes. */
const SMALL = {
  width: 32,
  heads: 4,
  encoderLayers: 1,
  decoderLayers: 2,
  melBins: 128,
  languages: 100,
  alignmentHeads: [[1, 0]],
} as const;

t.test('a model that loads, decodes and is the same for the same seed', async (t) => {
  const written: number[] = [];
  const directory = join(folder, 'one');
  await synthesizeModel(SMALL, directory, { onProgress: (bytes, total) => written.push(bytes / total) });
  t.equal(written.at(-1), 1);
  t.ok(written.every((share, i) => share > (written[i - 1] ?? 0)));
  const { config, parameters, weightBytes } = await inspectModel(directory);
  t.match(config, { vocabularySize: 51_866, maxTargetPositions: 448, isMultilingual: true, melBins: 128 });
  t.equal(weightBytes, 2 * parameters);
  t.same((await readManifest(directory)).buckets, [2, 4, 8, 16, 30]);

  const network = await WhisperNetwork.load(directory, { threads: 1 });
  const { startOfTranscript, noTimestamps } = network.special;
  const decoder = await network.hear(new Float32Array(32_000), [32_000]);
  const choices = await decoder.advance({
    batch: 1,
    tokens: [startOfTranscript, noTimestamps],
    positions: [0, 1],
    present: [true, true],
    select: [1],
    rules: ['begin'],
    logits: true,
  });
  t.ok((choices.best[0] ?? -1) >= 0 && Number.isFinite(choices.logprob[0]), 'finite numbers');
  decoder.close();
  network.close();

  const weights = (name: string) => readFile(join(folder, name, 'model.safetensors'));
  await synthesizeModel(SMALL, join(folder, 'again'));
  await synthesizeModel(SMALL, join(folder, 'other'), { seed: 2 });
  t.ok((await weights('again')).equals(await weights('one')), 'the same seed');
  t.notOk((await weights('other')).equals(await weights('one')), 'another seed');
});

t.test('special tokens have the numbers of the real vocabularies', async (t) => {
  for (const [languages, shift] of [
    [99, 0],
    [100, 1],
  ] as const) {
    const tokenizer = new WhisperTokenizer(synthVocabulary(languages).file);
    const { special } = tokenizer;
    // openai/whisper-small and openai/whisper-large-v3 on the Hugging Face hub.
    t.match(special, {
      endOfText: 50_257,
      startOfTranscript: 50_258,
      translate: 50_358 + shift,
      transcribe: 50_359 + shift,
      startOfPrevious: 50_361 + shift,
      noSpeech: 50_362 + shift,
      noTimestamps: 50_363 + shift,
      firstTimestamp: 50_364 + shift,
    });
    t.same([special.languages.get('en'), special.languages.get('zh')], [50_259, 50_260]);
    t.equal(special.languages.size, languages);
    t.equal(tokenizer.decode(tokenizer.encode('Grüße, 你好!')), 'Grüße, 你好!');
    t.match(tokenizer.decode([300, 50_256]), /^ [a-z]+ [a-z]+$/, 'made-up words');
  }
});

t.test('sizes are known by their names on the hub', async (t) => {
  t.ok(isWhisperSize('large-v3-turbo'));
  t.notOk(isWhisperSize('toString'));
  for (const [name, { width, heads, decoderLayers, alignmentHeads }] of Object.entries(WHISPER_SIZES)) {
    t.equal(width / heads, 64, name);
    t.ok(
      alignmentHeads.every(([layer, head]) => layer < decoderLayers && head < heads),
      name,
    );
  }
});

t.test('property: the nearest half, as its definition says', async (t) => {
  const lost = Array.from({ length: 0x7c00 }, (_, half) => half).filter((half) => halfOfFloat(valueOf(half)) !== half);
  t.same(lost, [], 'every half is its own nearest');
  assert(
    property(float({ min: -65_000, max: 65_000, noNaN: true }), (value) => {
      const half = halfOfFloat(value);
      const error = Math.abs(valueOf(half) - value);
      const neighbours = [half - 1, half + 1].filter((bits) => (bits & 0x7fff) < 0x7c00 && bits >= 0);
      return neighbours.every((bits) => error <= Math.abs(valueOf(bits) - value));
    }),
  );
  t.equal(halfOfFloat(Infinity), 0x7c00);
  t.equal(halfOfFloat(-1e6), 0xfc00);
  t.equal(halfOfFloat(65_519), 0x7bff);
  t.equal(halfOfFloat(65_520), 0x7c00);
  t.equal(halfOfFloat(Number.NaN) & 0x7e00, 0x7e00);
});

function valueOf(half: number): number {
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return half & 0x8000 ? -magnitude : magnitude;
}
