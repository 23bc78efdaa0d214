// A small model in a large one's dimensions: it hears what the small one hears, and hardly a weight is zero.
import { access, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Choices,
  EMBEDDED_MODEL,
  inspectModel,
  ModelRegistry,
  readManifest,
  type SmallModel,
  widenModel,
  WhisperNetwork,
  type WhisperSize,
} from '@sotto/models';
import t, { type Test } from 'tap';
import type { DecodeRequest } from '../../server/src/asr/engine.js';
import { WhisperEngine } from '../../server/src/asr/whisper/whisper-engine.js';
import { findWeight, readWeights } from '../../models/src/whisper/safetensors.js';
import { readWeightValues } from '../../models/src/whisper/weight-values.js';
import { fixtureSamples, tinyWhisperFolder } from '../support/fixtures.js';
import { RANDOM_WHISPER, randomAudio, writeRandomWhisper } from '../support/random-whisper.js';
import { sampled, wholeRunOnly } from '../support/whole-run.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-widen-'));
t.teardown(() => rm(folder, { recursive: true }));

/** Heads of 16 channels, as the random model has. */
const SIZE: WhisperSize = {
  width: 208,
  heads: 13,
  encoderLayers: 4,
  decoderLayers: 3,
  melBins: 128,
  languages: 100,
  alignmentHeads: [],
};
/** Text tokens of the random model and <|endoftext|>: the others have no logits. */
const TEXT_TOKENS = RANDOM_WHISPER.endOfText + 1;
const PROMPT = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;

let folders = 0;
const free = (): string => join(folder, String(folders++));

async function smallModel(directory: string): Promise<SmallModel> {
  return { name: 'small', directory, manifest: await readManifest(directory) };
}

/** The largest difference; values that are alike, infinities too, have none. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  const differences = Array.from(a, (value, i) => (value === b[i] ? 0 : Math.abs(value - (b[i] ?? Number.NaN))));
  return differences.reduce((largest, value) => (value <= largest ? largest : value), 0);
}

const random = await smallModel(await writeRandomWhisper(free(), { type: 'F16' }));

/** Logits of a prompt and some text over two windows of different sound. */
async function choices(t: Test, directory: string): Promise<Choices> {
  const network = await WhisperNetwork.load(directory, { threads: 1 });
  t.teardown(() => network.close());
  const { startOfTranscript, noTimestamps } = network.special;
  const windows = [randomAudio(1, 16_000), randomAudio(2, 16_000)];
  return choicesOf(network, windows, [startOfTranscript, noTimestamps, 40, 90, 200, 7]);
}

/**
 * What follows each token of a text, which is fed to windows of one length: nothing depends on what was chosen before.
 */
async function choicesOf(
  network: WhisperNetwork,
  windows: readonly Float32Array[],
  text: readonly number[],
): Promise<Choices> {
  const audio = Float32Array.from(windows.flatMap((window) => [...window]));
  const decoder = await network.hear(
    audio,
    windows.map(({ length }) => length),
  );
  const fed = windows.flatMap(() => text);
  const rules = ['start', 'begin'] as const;
  try {
    return await decoder.advance({
      batch: windows.length,
      tokens: fed,
      positions: windows.flatMap(() => [...text.keys()]),
      present: fed.map(() => true),
      select: [...fed.keys()],
      rules: fed.map((_, i) => rules[i % text.length] ?? 'text'),
      logits: true,
    });
  } finally {
    decoder.close();
  }
}

/** Logits of the first tokens of the vocabulary: the text's, which every size shares. */
function textLogits({ logits, best }: Choices, texts: number): number[] {
  const vocabulary = logits.length / best.length;
  return best.flatMap((_, row) => [...logits.subarray(row * vocabulary, row * vocabulary + texts)]);
}

t.test("logits are the small model's, in every layout of the stream", async (t) => {
  const small = await choices(t, random.directory);
  const wanted = textLogits(small, TEXT_TOKENS);
  // The first of either window: behind <|startoftranscript|>.
  const atStart = (values: Float32Array): number[] => {
    const each = values.length / small.best.length;
    return [0, small.best.length / 2].flatMap((row) => [...values.subarray(row * each, (row + 1) * each)]);
  };
  const layouts: readonly (readonly [string, WhisperSize])[] = [
    ['three copies and means', SIZE],
    ['three copies, nothing left', { ...SIZE, width: 192, heads: 12 }],
    ['less than two copies', { ...SIZE, width: 96, heads: 6 }],
    [
      'room for an even number, and no layer to spare',
      { ...SIZE, width: 128, heads: 8, encoderLayers: 3, decoderLayers: 2 },
    ],
  ];
  for (const [title, size] of sampled(layouts, 1)) {
    const directory = free();
    await widenModel(size, random, directory);
    t.match((await inspectModel(directory)).config, { vocabularySize: 51_866, width: size.width, melBins: 80 }, title);
    const wide = await choices(t, directory);
    t.same(wide.best, small.best, `${title}: tokens`);
    t.same(wide.frame, small.frame, `${title}: attended frames`);
    const furthest =
      distance(textLogits(wide, TEXT_TOKENS), wanted) / Math.max(...wanted.filter(Number.isFinite).map(Math.abs));
    t.ok(furthest < 1e-3, `${title}: off by ${furthest.toExponential(1)} of the largest`);
    t.ok(distance(wide.logprob, small.logprob) < 1e-3, `${title}: probabilities`);
    t.ok(distance(atStart(wide.noSpeech), atStart(small.noSpeech)) < 1e-3, `${title}: new tokens are never likely`);
    t.ok(distance(atStart(wide.languages), atStart(small.languages)) < 1e-3, `${title}: languages`);
  }
});

t.test('a model that is stored in integers can be widened too', async (t) => {
  const stored = await writeRandomWhisper(free(), { type: 'I8' });
  const small = await choices(t, stored);
  const directory = free();
  await widenModel(SIZE, { ...random, directory: stored }, directory);
  const wide = await choices(t, directory);
  t.same(wide.best, small.best, 'tokens');
  t.ok(distance(wide.logprob, small.logprob) < 0.01, 'probabilities');
});

t.test('the embedded model hears the same, wide as it is', wholeRunOnly, async (t) => {
  const { directory, manifest } = await new ModelRegistry(free()).find(EMBEDDED_MODEL);
  const wide = free();
  // Of few channels: three times as many and more take ten times as long.
  const size = { ...SIZE, width: 576, heads: 9, encoderLayers: 7, decoderLayers: 6 };
  await widenModel(size, { name: EMBEDDED_MODEL, directory, manifest }, wide);
  const { buckets, tailSilenceMs, usesPreviousText } = manifest;
  t.match(await readManifest(wide), {
    buckets,
    tailSilenceMs,
    usesPreviousText,
    provenance: {
      source: /^whisper-base-adapted \(.*\), widened .* to 576 channels, 7 and 6 layers/,
      licence: 'CC-BY-SA-4.0',
    },
  });
  const options = { precision: 'fp32', threads: 2 } as const;
  const small = await WhisperNetwork.load(directory, options);
  const copies = {
    'the same operators': await WhisperNetwork.load(wide, options),
    "a GPU's operators": await WhisperNetwork.load(wide, { ...options, kernels: 'cuda', cache: 'inPlace' }),
  };
  const engine = await WhisperEngine.load({ ...options, name: EMBEDDED_MODEL, buckets, tailSilenceMs, directory });
  t.teardown(() => [small, ...Object.values(copies), engine].forEach((each) => each.close()));
  const { special } = small;
  const prompt = [
    special.startOfTranscript,
    special.languages.get('en') ?? -1,
    special.transcribe,
    special.noTimestamps,
  ];
  let heardTokens = 0;
  for (const name of ['en-computer', 'en-noisy', 'en-names-train', 'melody']) {
    const audio = await fixtureSamples(name);
    const request: DecodeRequest = { audio, prompt: PROMPT, draft: [], temperature: 0, seed: 0 };
    const [heard] = await engine.decode([request]);
    const text = [...prompt, ...(heard?.tokens ?? []).map(({ id }) => id)];
    const window = new Float32Array(Math.ceil(audio.length / 320) * 320 + 16 * tailSilenceMs);
    window.set(audio);
    const logits = async (network: WhisperNetwork): Promise<number[]> =>
      textLogits(await choicesOf(network, [window], text), special.endOfText + 1);
    const wanted = await logits(small);
    for (const [kernels, copy] of Object.entries(copies)) {
      const furthest = distance(await logits(copy), wanted);
      // The copies are stored in half precision. The same sound half a second later is off by 6 to 20.
      t.ok(furthest < 0.25, `${name}, ${kernels}: off by ${furthest.toFixed(2)}`);
    }
    heardTokens += text.length - prompt.length;
  }
  t.ok(heardTokens > 20, 'there is text');
});

t.test('hardly a weight is zero, and none is out of range', async (t) => {
  const directory = free();
  await widenModel(SIZE, random, directory);
  const { parameters } = await inspectModel(directory);
  const weights = await readWeights(directory);
  let zeros = 0;
  for (const name of weights.tensors.keys()) {
    const values = await readWeightValues(weights, findWeight(weights, name));
    zeros += values.filter((value) => value === 0).length;
    if (!values.every(Number.isFinite)) t.fail(`${name} is finite`);
  }
  t.ok(zeros < 0.02 * parameters, `${zeros} of ${parameters} are zero`);
});

t.test('what does not fit is refused, and leaves no folder', async (t) => {
  const tiny = await smallModel(tinyWhisperFolder);
  const scaled = await smallModel(await writeRandomWhisper(free(), { type: 'F16', config: { scale_embedding: true } }));
  const directory = free();
  const refusal = (size: WhisperSize, like: SmallModel, message: RegExp): Promise<unknown> =>
    t.rejects(widenModel(size, like, directory), { name: 'ModelError', code: 'unsupported', message });
  await refusal(SIZE, tiny, /^small cannot be widened to this size: it has heads that are not 16 channels wide$/);
  await refusal({ ...SIZE, width: 64, heads: 4 }, random, /it has 64 channels, and 64 are not more/);
  await refusal({ ...SIZE, encoderLayers: 2 }, random, /it has 2 encoder layers, more than 1$/);
  await refusal({ ...SIZE, decoderLayers: 1 }, random, /it has 2 decoder layers, more than 1$/);
  await refusal(SIZE, scaled, /embeddings that are scaled/);
  await t.rejects(widenModel(SIZE, { ...random, directory: free() }, directory), { code: 'file_missing' });
  await t.rejects(access(directory), 'nothing was written');
});

t.test('a folder that is there is kept', async (t) => {
  const directory = free();
  const note = join(directory, 'mine.txt');
  await mkdir(directory);
  await writeFile(note, 'kept');
  const taken = (target: string, message: RegExp): Promise<unknown> =>
    t.rejects(widenModel(SIZE, random, target), { code: 'name_taken', message });
  await taken(directory, /is there already, and not empty$/);
  await taken(note, /is there already, and is not a folder$/);
  t.same(await readdir(directory), ['mine.txt']);
  await rm(note);
  await widenModel(SIZE, random, directory);
  t.ok((await readdir(directory)).includes('model.safetensors'), 'an empty one is filled');
  const left = (await readdir(folder)).filter((name) => name.endsWith('.new'));
  t.same(left, [], 'no drafts are left');
});
