// The graphs against the Python reference on the same weights: log-mel, encoder states, logits. The decodes are in
// test/server/asr/golden-decode.test.ts.
import { compileWhisper, OrtSession, type Tensor } from '@sotto/models';
import t from 'tap';
import { tokenRules } from '../../models/src/whisper/token-choice.js';
import { goldenModels } from '../support/golden-models.js';
import { fixtureSamples } from '../support/fixtures.js';
import { readGolden, readGoldenTensors, weightsSha256, type GoldenTensor } from '../support/golden.js';

const cases = goldenModels.flatMap((model) => (['cpu', 'cuda'] as const).map((kernels) => ({ ...model, kernels })));

for (const { name, directory, kernels } of cases) {
  t.test(`${name}: the graphs of ${kernels} operators compute what the reference computes`, async (t) => {
    const { weightsSha256: expected, probes } = readGolden(name);
    if (
      !t.equal(await weightsSha256(directory), expected, 'the golden file is of these weights (else: write_golden.py)')
    )
      return;
    const tensors = readGoldenTensors(name);
    const compiled = await compileWhisper(directory, 'float32', { kernels });
    const options = { externalDataFolder: compiled.weightsFolder, intraOpThreads: 2 };
    const encode = await OrtSession.load(compiled.encode.model, options);
    const decode = await OrtSession.load(compiled.decode.model, options);
    t.teardown(() => {
      encode.close();
      decode.close();
    });
    const { width, melBins, decoderLayers, decoderHeads } = compiled.config;
    for (const { clip, samples, bucketSamples, melFrames, encoderFrames, sequence, positions } of probes) {
      const golden = (part: string): GoldenTensor => {
        const tensor = tensors.get(`${clip}.${part}`);
        if (!tensor) throw new Error(`the golden file has no ${clip}.${part}`);
        return tensor;
      };
      const audio = new Float32Array(bucketSamples);
      audio.set((await fixtureSamples(clip)).subarray(0, samples));
      const heard = await encode.run({ audio: { type: 'float32', dims: [1, bucketSamples], data: audio } });

      const mel = floats(heard['logMel']);
      const melSample = sample(
        melBins,
        melFrames.length,
        (bin, i) => mel[(bin * bucketSamples) / 160 + (melFrames[i] ?? 0)],
      );
      const melError = largestDifference(melSample, golden('logMel').data);
      t.ok(melError < 1e-3, `${clip}: log-mel within 1e-3 (${melError.toExponential(1)})`);

      const states = floats(heard['encoded']);
      const stateSample = sample(encoderFrames.length, width, (i, j) => states[(encoderFrames[i] ?? 0) * width + j]);
      const stateError = relativeError(stateSample, golden('encoded').data);
      t.ok(stateError < 1e-3, `${clip}: encoder states within 1e-3 (${stateError.toExponential(1)})`);

      const n = sequence.length;
      const feeds: Record<string, Tensor> = {
        tokens: int64(sequence, [1, n]),
        positions: int64([...sequence.keys()], [1, n]),
        mask: { type: 'bool', dims: [1, 1, n], data: new Uint8Array(n).fill(1) },
        select: int64(positions),
        rules: int64(positions.map(() => tokenRules.start)),
        audioFrames: int64([bucketSamples / 320]),
      };
      for (const [key, tensor] of Object.entries(heard)) {
        if (key.startsWith('cross') || key === 'alignmentKeys') feeds[key] = tensor;
      }
      for (let i = 0; i < decoderLayers; i += 1) {
        const empty = {
          type: 'float32',
          dims: [1, decoderHeads, 0, width / decoderHeads],
          data: new Float32Array(0),
        } as const;
        feeds[`pastKey_${i}`] = feeds[`pastValue_${i}`] = empty;
      }
      const { logits } = await decode.run(feeds, ['logits']);
      const logitError = relativeError(floats(logits), golden('logits').data);
      t.ok(logitError < 1e-3, `${clip}: logits within 1e-3 (${logitError.toExponential(1)})`);
    }
  });
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new Error('not float32');
}

function int64(values: readonly number[], dims: readonly number[] = [values.length]): Tensor {
  return { type: 'int64', dims, data: BigInt64Array.from(values, BigInt) };
}

function sample(rows: number, columns: number, at: (row: number, column: number) => number | undefined): Float32Array {
  return Float32Array.from(
    { length: rows * columns },
    (_, i) => at(Math.floor(i / columns), i % columns) ?? Number.NaN,
  );
}

function largestDifference(left: Float32Array, right: Float32Array): number {
  if (left.length !== right.length) return Number.POSITIVE_INFINITY;
  return left.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (right[i] ?? 0))), 0);
}

/** Largest difference by the largest magnitude of the reference. */
function relativeError(left: Float32Array, right: Float32Array): number {
  return largestDifference(left, right) / right.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
