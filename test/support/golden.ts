// What the Python reference computed (models/reference/write_golden.py): reads its files for the tests.
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { fixturesFolder } from './fixtures.js';

const ids = v.array(v.number());

const Golden = v.object({
  model: v.string(),
  weightsSha256: v.string(),
  probes: v.array(
    v.object({
      clip: v.string(),
      samples: v.number(),
      bucketSamples: v.number(),
      melFrames: ids,
      encoderFrames: ids,
      /** Prompt and text, fed at once. */
      sequence: ids,
      /** Where in it logits were kept. */
      positions: ids,
    }),
  ),
  decodes: v.array(
    v.object({
      clip: v.string(),
      /** The clip's first samples were decoded. */
      samples: v.number(),
      kind: v.string(),
      bucketSamples: v.number(),
      prompt: v.object({
        language: v.nullable(v.string()),
        task: v.picklist(['transcribe', 'translate']),
        previous: ids,
        committed: ids,
      }),
      drafts: v.array(v.object({ kind: v.string(), tokens: ids, accepted: v.number() })),
      expected: v.object({
        language: v.string(),
        languageProbability: v.number(),
        noSpeechProbability: v.number(),
        tokens: ids,
        logprobs: v.array(v.number()),
        frames: ids,
        endLogprob: v.nullable(v.number()),
      }),
    }),
  ),
});

export type Golden = v.InferOutput<typeof Golden>;
export type GoldenDecode = Golden['decodes'][number];

export function readGolden(model: string): Golden {
  return v.parse(Golden, JSON.parse(readFileSync(join(fixturesFolder, `golden/${model}.json`), 'utf8')));
}

/** A float32 tensor, row-major. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * The tensors beside the golden file: `CLIP.logMel` [mels, frames], `CLIP.encoded` [frames, width], `CLIP.logits`
 * [positions, vocabulary].
 */
export function readGoldenTensors(model: string): Map<string, GoldenTensor> {
  const bytes = readFileSync(join(fixturesFolder, `golden/${model}.safetensors`));
  const start = 8 + Number(bytes.readBigUInt64LE());
  const Header = v.record(v.string(), v.looseObject({ shape: v.optional(ids), data_offsets: v.optional(ids) }));
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, { shape, data_offsets: [from, to] = [] }] of Object.entries(
    v.parse(Header, JSON.parse(bytes.toString('utf8', 8, start))),
  )) {
    if (shape === undefined || from === undefined || to === undefined) continue;
    const data = new Float32Array((to - from) / 4);
    for (let i = 0; i < data.length; i += 1) data[i] = bytes.readFloatLE(start + from + 4 * i);
    tensors.set(name, { shape, data });
  }
  return tensors;
}

/** SHA-256 of a model's weights: a golden file of other weights is stale, not wrong. */
export async function weightsSha256(directory: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(join(directory, 'model.safetensors')), hash);
  return hash.digest('hex');
}
