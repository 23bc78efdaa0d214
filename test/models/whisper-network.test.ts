// The graphs against what they stand for: the log-mel spectrogram by its definition, rows and steps by themselves,
// weights in every form.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  buildPrompt,
  type Choices,
  compileWhisper,
  OrtSession,
  type Tensor,
  type WhisperDecoder,
  WhisperNetwork,
} from '@sotto/models';
import t, { type Test } from 'tap';
import { melFilterBank } from '../../models/src/whisper/mel-filters.js';
import {
  RANDOM_WHISPER,
  randomAudio,
  writeRandomWhisper,
  type RandomWhisperOptions,
} from '../support/random-whisper.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-network-'));
t.teardown(() => rm(folder, { recursive: true }));
let models = 0;

function write(options: RandomWhisperOptions = {}): Promise<string> {
  return writeRandomWhisper(join(folder, String(models++)), options);
}

async function encoder(t: Test, directory: string): Promise<OrtSession> {
  const { encode, weightsFolder } = await compileWhisper(directory, 'float32');
  const session = await OrtSession.load(encode.model, { externalDataFolder: weightsFolder, intraOpThreads: 1 });
  t.teardown(() => session.close());
  return session;
}

async function network(t: Test, directory: string): Promise<WhisperNetwork> {
  const loaded = await WhisperNetwork.load(directory, { threads: 1 });
  t.teardown(() => loaded.close());
  return loaded;
}

const pcm = (...rows: readonly Float32Array[]): Tensor => ({
  type: 'float32',
  dims: [rows.length, rows[0]?.length ?? 0],
  data: Float32Array.from(rows.flatMap((row) => [...row])),
});

function distance(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  if (a.length !== b.length) return Infinity;
  return Math.max(...Array.from(a, (value, i) => Math.abs(Number(value) - Number(b[i]))));
}

/** Feeds one row tokens from a place of its text on. */
function feed(decoder: WhisperDecoder, tokens: readonly number[], from: number): Promise<Choices> {
  return decoder.advance({
    batch: 1,
    tokens,
    positions: tokens.map((_, i) => from + i),
    present: tokens.map(() => true),
    select: tokens.map((_, i) => i),
    rules: tokens.map(() => 'text'),
    logits: true,
  });
}

/** Logits with 0 in place of those that are ruled out. */
function finite(logits: Float32Array): Float32Array {
  return logits.map((logit) => (logit === -Infinity ? 0 : logit));
}

/** Whisper's log-mel spectrogram by its definition, in double precision: one slow sum per frame and frequency. */
function logMelByDefinition(audio: Float32Array, melBins: number): number[] {
  const filters = melFilterBank(melBins);
  const at = (i: number): number => audio[i < 0 ? -i : i >= audio.length ? 2 * audio.length - 2 - i : i] ?? 0;
  const frames = audio.length / 160;
  const mel = new Float64Array(melBins * frames);
  for (let frame = 0; frame < frames; frame++) {
    for (let k = 0; k <= 200; k++) {
      let re = 0;
      let im = 0;
      for (let n = 0; n < 400; n++) {
        const x = at(frame * 160 + n - 200) * (0.5 - 0.5 * Math.cos((2 * Math.PI * n) / 400));
        re += x * Math.cos((2 * Math.PI * k * n) / 400);
        im -= x * Math.sin((2 * Math.PI * k * n) / 400);
      }
      for (let m = 0; m < melBins; m++) {
        mel[m * frames + frame] = (mel[m * frames + frame] ?? 0) + (filters[m * 201 + k] ?? 0) * (re * re + im * im);
      }
    }
  }
  const log = Array.from(mel, (power) => Math.log10(Math.max(1e-10, power)));
  const floor = Math.max(...log) - 8;
  return log.map((value) => (Math.max(value, floor) + 4) / 4);
}

t.test('the mel filters are triangles of equal area that overlap by half', async (t) => {
  for (const bins of [80, 128]) {
    const filters = melFilterBank(bins);
    t.equal(filters.length, bins * 201);
    for (let m = 0; m < bins; m++) t.ok(filters.subarray(m * 201, (m + 1) * 201).some((weight) => weight > 0));
  }
  // transformers.audio_utils.mel_filter_bank for 80 bins, Slaney's scale and norm: a weight of the first filter, one of
  // the last, and the sum.
  const filters = melFilterBank(80);
  t.ok(Math.abs((filters[1] ?? 0) - 0.02486259) < 1e-7, String(filters[1]));
  t.ok(Math.abs((filters[79 * 201 + 197] ?? 0) - 0.00134628) < 1e-7, String(filters[79 * 201 + 197]));
  const sum = filters.reduce((total, weight) => total + weight, 0);
  t.ok(Math.abs(sum - 1.9990241) < 1e-6, String(sum));
});

t.test('the log-mel spectrogram is what its definition says, for 80 and 128 bins', async (t) => {
  const audio = randomAudio(3, 3_200);
  audio.fill(0, 2_400);
  for (const melBins of [80, 128] as const) {
    const session = await encoder(t, await write({ melBins }));
    const { logMel } = await session.run({ audio: pcm(audio) }, ['logMel']);
    t.same(logMel.dims, [1, melBins, 20]);
    const error = distance(logMel.data, logMelByDefinition(audio, melBins));
    t.ok(error < 1e-3, `${melBins} bins: within ${error}`);
  }
  const session = await encoder(t, await write());
  const { logMel } = await session.run({ audio: pcm(new Float32Array(3_200)) }, ['logMel']);
  t.ok(
    logMel.data.every((value) => Math.abs(Number(value) + 1.5) < 1e-6),
    'silence is the floor: (log10(1e-10) + 4) / 4',
  );
});

t.test('a row does not feel the rows beside it', async (t) => {
  const session = await encoder(t, await write());
  const [quiet, loud] = [randomAudio(1, 6_400).map((x) => x / 1000), randomAudio(2, 6_400)];
  const both = await session.run({ audio: pcm(quiet, loud) }, ['encoded']);
  for (const [i, row] of [quiet, loud].entries()) {
    const { encoded } = await session.run({ audio: pcm(row) }, ['encoded']);
    const size = encoded.data.length;
    const error = distance(both.encoded.data.slice(i * size, (i + 1) * size), encoded.data);
    t.ok(error < 1e-5, `row ${i}: within ${error}`);
  }
});

t.test('the same weights give the same states as one file, as shards and without the prefix', async (t) => {
  const states = async (options: RandomWhisperOptions): Promise<Tensor> => {
    const session = await encoder(t, await write({ seed: 4, ...options }));
    return (await session.run({ audio: pcm(randomAudio(1, 6_400)) }, ['encoded'])).encoded;
  };
  const plain = await states({});
  t.same(await states({ sharded: true }), plain);
  t.same(await states({ bare: true }), plain);
  const half = distance((await states({ type: 'F16' })).data, plain.data);
  const brain = distance((await states({ type: 'BF16' })).data, plain.data);
  t.ok(half > 0 && half < 0.1, `half precision is near: ${half}`);
  t.ok(brain > half && brain < 1, `bfloat16 is less near: ${brain}`);
});

t.test('tokens fed one by one, at once, or with gaps that are forgotten choose the same', async (t) => {
  const whisper = await network(t, await write({ decoderHeads: 8 }));
  const audio = randomAudio(1, 16_000);
  const text = [whisper.special.startOfTranscript, 5, 200, 17, 80, 33, 9];
  const whole = await whisper.hear(audio, [12_000]);
  const wanted = await feed(whole, text, 0);
  whole.close();
  t.equal(wanted.logits.length, text.length * RANDOM_WHISPER.vocabulary);

  const steps = await whisper.hear(audio, [12_000]);
  const gaps = await whisper.hear(audio, [12_000]);
  for (const [i, token] of text.entries()) {
    const one = await feed(steps, [token], i);
    const place = gaps.places;
    // Two tokens that nobody wants, remembered and forgotten, then the one that counts.
    await feed(gaps, [77, 78], i);
    gaps.forget(0, place, place + 2);
    const gapped = await feed(gaps, [token], i);
    const size = RANDOM_WHISPER.vocabulary;
    for (const [name, found] of [
      ['one by one', one],
      ['with gaps', gapped],
    ] as const) {
      const row = wanted.logits.slice(i * size, (i + 1) * size);
      t.ok(distance(finite(found.logits), finite(row)) < 1e-4, `${name}: logits ${i}`);
      t.same([found.best[0], found.frame[0]], [wanted.best[i], wanted.frame[i]], `${name}: choice ${i}`);
    }
  }
  steps.close();
  gaps.close();
});

t.test('windows that are no whole frames are refused', async (t) => {
  const whisper = await network(t, await write());
  const refused = { name: 'OrtError', code: 'invalid_argument', message: /whole 20 ms frames/ };
  await t.rejects(whisper.hear(new Float32Array(321), [321]), refused);
  await t.rejects(whisper.hear(new Float32Array(0), [0]), refused);
});

t.test('prompts: with and without previous text, languages and committed text', async (t) => {
  const { config, special } = await network(t, await write());
  const { startOfTranscript: start, startOfPrevious: previousStart, noTimestamps, transcribe, translate } = special;
  const zh = special.languages.get('zh') ?? -1;
  const none = { previous: [], committed: [] };
  const build = (request: Parameters<typeof buildPrompt>[2]) => buildPrompt(config, special, request);
  t.same(build({ languageToken: zh, task: 'transcribe', ...none }), {
    tokens: [start, zh, transcribe, noTimestamps],
    startIndex: 0,
  });
  t.same(build({ languageToken: undefined, task: 'translate', ...none }).tokens, [start, noTimestamps]);
  t.same(build({ languageToken: zh, task: 'translate', previous: [1, 2], committed: [3] }), {
    tokens: [previousStart, 1, 2, start, zh, translate, noTimestamps, 3],
    startIndex: 3,
  });
  const previous = Array.from({ length: 100 }, (_, i) => i);
  t.same(
    build({ languageToken: zh, task: 'transcribe', previous, committed: [] }).tokens.slice(0, 32),
    [previousStart, ...previous.slice(-31)],
    'the last half of the context but one',
  );
  const committed = Array.from({ length: 40 }, () => 7);
  const tight = build({ languageToken: zh, task: 'transcribe', previous, committed });
  t.equal(tight.tokens.length, config.maxTargetPositions - 1, 'room for one token is left');
  const full = Array.from({ length: 59 }, () => 7);
  t.equal(build({ languageToken: zh, task: 'transcribe', previous, committed: full }).startIndex, 0, 'no room: none');
});
