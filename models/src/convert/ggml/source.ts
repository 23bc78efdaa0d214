// whisper.cpp's ggml file read as a Whisper (ggml-org/whisper.cpp `convert-pt-to-ggml.py`, `whisper_model_load`).
import { ModelError } from '../../model-error.js';
import type { ModelSource, SourceDimensions, SourceTensor, TextVocabulary } from '../model-source.js';
import { huggingFaceName } from '../openai-names.js';
import { FileCursor, SourceFile } from '../source-file.js';
import { vocabularyOfBytes } from '../vocabulary/text-vocabulary.js';
import { checkDimensions } from '../whisper-tensors.js';
import { blockBytes, isBlockType, unpackBlocks, type BlockType } from './blocks.js';

/** "ggml" as a number; in the file its bytes stand in reverse. */
export const GGML_MAGIC = 0x67676d6c;

/** `enum ggml_type`; what is not here has no name in a message. */
const TYPES: ReadonlyMap<number, string> = new Map(
  Object.entries({
    f32: 0,
    f16: 1,
    q4_0: 2,
    q4_1: 3,
    q5_0: 6,
    q5_1: 7,
    q8_0: 8,
    q2_k: 10,
    q3_k: 11,
    q4_k: 12,
    q5_k: 13,
    q6_k: 14,
  }).map(([name, number]) => [number, name]),
);

const MEL_FILTERS_MAX = 1_000_000;
/** Real tokens take 128 bytes at most, and 400 kB together. */
const TOKENS_MAX = 200_000;
const TOKEN_BYTES_MAX = 256;
const VOCABULARY_BYTES_MAX = 4_000_000;
const NAME_BYTES_MAX = 256;
const RANK_MAX = 4;
const SIZE_MAX = 2 ** 31 - 1;
/** 2 MiB of halves at a time: blocks are unpacked whole. */
const WEIGHTS_OF_PIECE = 1024 * 1024;

/** @throws ModelError `file_missing`, `file_invalid` or `unsupported` */
export async function openGgml(path: string): Promise<ModelSource> {
  const file = await SourceFile.open(path);
  try {
    const cursor = new FileCursor(file);
    if ((await cursor.uint32()) !== GGML_MAGIC)
      throw new ModelError('unsupported', `${path} is not a ggml file of whisper.cpp`);
    const dimensions = await readDimensions(cursor, path);
    await skipMelFilters(cursor);
    const vocabulary = await readVocabulary(cursor, dimensions.vocabulary, path);
    return {
      format: 'whisper.cpp',
      path,
      dimensions,
      vocabulary,
      tensors: await readTensors(cursor, file),
      rules: {},
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readDimensions(cursor: FileCursor, path: string): Promise<SourceDimensions> {
  const next = (): Promise<number> => cursor.count('in the header', SIZE_MAX);
  const vocabulary = await next();
  const maxSourcePositions = await next();
  const width = await next();
  const encoderHeads = await next();
  const encoderLayers = await next();
  const maxTargetPositions = await next();
  const decoderWidth = await next();
  const decoderHeads = await next();
  const decoderLayers = await next();
  const melBins = await next();
  // The type of most weights: each says its own.
  await next();
  if (decoderWidth !== width) {
    throw new ModelError('unsupported', `${path}: its encoder is ${width} wide and its decoder ${decoderWidth}`);
  }
  const dimensions = {
    width,
    encoderHeads,
    decoderHeads,
    encoderLayers,
    decoderLayers,
    inner: 4 * width,
    melBins,
    vocabulary,
    maxSourcePositions,
    maxTargetPositions,
  };
  checkDimensions(dimensions, path);
  return dimensions;
}

async function skipMelFilters(cursor: FileCursor): Promise<void> {
  const [bins, frequencies] = [await cursor.count('mel bins', 1_000), await cursor.count('frequencies', 10_000)];
  if (bins * frequencies <= MEL_FILTERS_MAX) cursor.skip(4 * bins * frequencies);
}

async function readVocabulary(cursor: FileCursor, size: number, path: string): Promise<TextVocabulary> {
  const tokens: Uint8Array[] = [];
  let bytes = 0;
  for (let left = await cursor.count('tokens', TOKENS_MAX); left > 0; left--) {
    const length = await cursor.count('bytes in a token', TOKEN_BYTES_MAX);
    bytes += length;
    if (bytes > VOCABULARY_BYTES_MAX)
      throw new ModelError('file_invalid', `${path} is damaged: its tokens are too long`);
    tokens.push(Uint8Array.from(await cursor.take(length)));
  }
  return vocabularyOfBytes(tokens, size, path);
}

async function readTensors(cursor: FileCursor, file: SourceFile): Promise<Map<string, SourceTensor>> {
  const tensors = new Map<string, SourceTensor>();
  while (!cursor.isAtEnd) {
    const rank = await cursor.count('dimensions', RANK_MAX);
    const nameBytes = await cursor.count('bytes in a name', NAME_BYTES_MAX);
    const type = await cursor.count('as a type', SIZE_MAX);
    const sizes: number[] = [];
    for (let i = 0; i < rank; i++) sizes.push(await cursor.count('as a size', SIZE_MAX));
    const original = (await cursor.take(nameBytes)).toString('utf8');
    const name = huggingFaceName(original);
    if (name === undefined) {
      throw new ModelError(
        'unsupported',
        `${file.path} holds ${JSON.stringify(original)}, which a Whisper does not have`,
      );
    }
    // Innermost first, as ggml counts; biases of convolutions have a size of 1 beside.
    const shape = sizes.toReversed();
    const weights = shape.reduce((product, size) => product * size, 1);
    const tensor = { shape: name.endsWith('.bias') ? shape.filter((size) => size !== 1) : shape };
    const { length, ...values } = valuesOf(file, cursor.position, weights, TYPES.get(type) ?? `type ${type}`, original);
    cursor.skip(length);
    tensors.set(name, { ...tensor, ...values });
  }
  return tensors;
}

/** @throws ModelError `unsupported` for a type that is not read */
function valuesOf(
  file: SourceFile,
  offset: number,
  weights: number,
  type: string,
  name: string,
): Pick<SourceTensor, 'type' | 'pieces'> & { readonly length: number } {
  if (type === 'f32' || type === 'f16') {
    const length = weights * (type === 'f32' ? 4 : 2);
    return { type: type === 'f32' ? 'F32' : 'F16', length, pieces: () => file.pieces(offset, length) };
  }
  if (isBlockType(type) && weights % 32 === 0) {
    const length = blockBytes(type, weights);
    return { type: 'F16', length, pieces: () => unpackedPieces(file, offset, length, type) };
  }
  throw new ModelError(
    'unsupported',
    `${file.path}: ${name} is ${type}, which is not read: f32, f16, q4_0, q4_1, q5_0, q5_1 and q8_0 are`,
  );
}

async function* unpackedPieces(
  file: SourceFile,
  offset: number,
  length: number,
  type: BlockType,
): AsyncGenerator<Uint8Array> {
  for await (const piece of file.pieces(offset, length, blockBytes(type, WEIGHTS_OF_PIECE))) {
    yield new Uint8Array(unpackBlocks(type, piece).buffer);
  }
}
