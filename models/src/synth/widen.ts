// A small model in a large one's dimensions: it hears exactly what the small one hears, and costs what the large one
// does.
import { copyFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { ModelError } from '../model-error.js';
import { parseJson } from '../parse-json.js';
import { writeManifest, type ModelManifest } from '../registry/manifest.js';
import { compileWhisper } from '../whisper/compile.js';
import type { WhisperConfig } from '../whisper/config.js';
import { readWeights } from '../whisper/safetensors.js';
import { dimensionsOf, shapeOf, type NetworkShape } from './network-shape.js';
import { visitTensors } from './network-tensors.js';
import { writeJson, writeModelFolder } from '../model-folder/write-model-folder.js';
import type { WhisperSize } from './sizes.js';
import type { SynthOptions } from './synthesize.js';
import { vocabularySize } from './tokenizer-file.js';
import { WideLayout } from './wide-layout.js';
import { WideTensors } from './wide-tensors.js';
import { writeSafetensors } from '../model-folder/write-safetensors.js';

/** The model that is widened. */
export interface SmallModel {
  readonly name: string;
  /** Folder of its Hugging Face files. */
  readonly directory: string;
  readonly manifest: ModelManifest;
}

/**
 * Writes a model of a size's width, heads, layers and vocabulary with another one's transcripts: benchmarks then get
 * real streams, with their texts, pauses and drafts, at the size's cost. It keeps the small model's tokenizer, mel bins
 * (the first convolution is 0.1 % of the work) and calibration.
 *
 * **The stream.** The small model's channels are the first ones. Behind them lie copies of them, in twos, and last some
 * that hold their mean, so that LayerNorm subtracts the same and divides by a multiple of the same (WideLayout).
 * Whatever is added to the stream is a linear map of something, and can be written to the copies, and its mean to the
 * means; only the convolutions end in a GELU, and an additional first layer sees to their mean (Centring).
 *
 * **The rest** costs what it should because nearly all of it is random numbers rather than zeros, on which a GPU draws
 * less power and runs faster. They come in pairs that cancel out to the last bit but a sum's rounding: additional heads
 * and neurons are twins whose results are added once and subtracted once, and of a channel and its copy the one is read
 * with the opposite weights. That goes for additional layers as a whole. Tokens that the small model lacks have rows of
 * their own, and logits far below all others.
 *
 * Zero remain additional biases, what a head without a twin would add, and what the second convolution's channels of
 * the mean would hear.
 *
 * The numbers of a small model in half precision stay as they are to the bit, so that in float32 the same tokens come
 * out (one that is stored in integers is rounded to halves first). A calculation in half precision rounds at other
 * places, as it does from batch to batch; the int8 encoder of a CPU rounds by the largest value of a row, of which
 * there are more, and larger ones.
 *
 * @throws ModelError `unsupported` where the small model does not fit into the size, `file_missing` or `file_invalid`
 * where it is no model, `name_taken` where the folder is there
 */
export async function widenModel(
  size: WhisperSize,
  like: SmallModel,
  directory: string,
  { seed = 1, onProgress }: SynthOptions = {},
): Promise<void> {
  // Every tensor is there, and of the shape that the configuration says.
  const { config: small } = await compileWhisper(like.directory, 'float32');
  const { melBins, maxSourcePositions, maxTargetPositions } = small;
  const vocabulary = vocabularySize(size.languages);
  const wide = shapeOf(size, { melBins, vocabulary, maxSourcePositions, maxTargetPositions });
  checkFit(like.name, small, wide);
  const tensors = new WideTensors(await readWeights(like.directory), small, wide, seed);
  visitTensors(wide, tensors);
  await writeModelFolder(directory, async (draft) => {
    await writeJson(draft, 'config.json', {
      ...(await readObject(like.directory, 'config.json')),
      ...dimensionsOf(wide),
    });
    // What follows from the dimensions where it is not said, is said.
    await writeJson(draft, 'generation_config.json', {
      ...(await readObject(like.directory, 'generation_config.json')),
      is_multilingual: small.isMultilingual,
      alignment_heads: small.alignmentHeads,
      suppress_tokens: small.suppressTokens,
      begin_suppress_tokens: small.beginSuppressTokens,
    });
    await writeJson(draft, 'preprocessor_config.json', await readObject(like.directory, 'preprocessor_config.json'));
    await copyFile(join(like.directory, 'tokenizer.json'), join(draft, 'tokenizer.json'));
    const { buckets, tailSilenceMs, usesPreviousText, provenance } = like.manifest;
    await writeManifest(draft, {
      buckets,
      tailSilenceMs,
      usesPreviousText,
      default: false,
      provenance: {
        source: `${like.name}${provenance ? ` (${provenance.source})` : ''}, widened with random numbers to ${wide.width} channels, ${wide.encoderLayers} and ${wide.decoderLayers} layers`,
        ...(provenance?.licence !== undefined && { licence: provenance.licence }),
      },
    });
    await writeSafetensors(join(draft, 'model.safetensors'), tensors.list, onProgress);
  });
}

/** Throws ModelError `unsupported` naming what does not fit. */
function checkFit(name: string, small: WhisperConfig, wide: NetworkShape): void {
  const { width, encoderHeads, decoderHeads } = small;
  const headWidth = wide.width / wide.heads;
  const centring = new WideLayout(width, wide.width).needsCentring ? 1 : 0;
  const misfits = [
    [
      [encoderHeads, decoderHeads].some((heads) => width / heads !== headWidth),
      `heads that are not ${headWidth} channels wide`,
    ],
    [
      width >= wide.width || (wide.width - width) % 2 !== 0,
      `${width} channels, and ${wide.width} are not more by an even number`,
    ],
    [Math.max(small.encoderInner, small.decoderInner) > wide.inner, `feed-forward blocks wider than ${wide.inner}`],
    [
      small.encoderLayers + centring > wide.encoderLayers,
      `${small.encoderLayers} encoder layers, more than ${wide.encoderLayers - centring}`,
    ],
    [
      small.decoderLayers > wide.decoderLayers,
      `${small.decoderLayers} decoder layers, more than ${wide.decoderLayers}`,
    ],
    [small.vocabularySize > wide.vocabulary, `${small.vocabularySize} tokens, more than ${wide.vocabulary}`],
    [!small.tiedEmbedding, 'an output projection of its own'],
    [small.scaleEmbedding, 'embeddings that are scaled by its width'],
  ] as const;
  const misfit = misfits.find(([applies]) => applies)?.[1];
  if (misfit !== undefined) {
    throw new ModelError('unsupported', `${name} cannot be widened to this size: it has ${misfit}`);
  }
}

/** An object of a JSON file, empty where there is no such file. */
async function readObject(directory: string, name: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(directory, name);
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '{}';
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  });
  return parseJson(v.record(v.string(), v.unknown()), text, file);
}
