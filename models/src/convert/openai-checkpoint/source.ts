// OpenAI's `.pt` file read as a Whisper: {"dims": sizes, "model_state_dict": tensors}, never unpickled.
import * as v from 'valibot';
import { ModelError } from '../../model-error.js';
import type { ModelSource, SourceDimensions, SourceTensor } from '../model-source.js';
import { huggingFaceName } from '../openai-names.js';
import { SourceFile } from '../source-file.js';
import { checkDimensions } from '../whisper-tensors.js';
import { readArchive, type ArchivedFile } from './archive.js';
import { PickledTensor, readPickle, type Pickled } from './pickle.js';

/** That of a large model is 200 kB. A hostile one may take some hundred times its length in memory. */
const PICKLE_BYTES_MAX = 2 * 1024 * 1024;

const TYPES: Readonly<Record<string, { readonly type: SourceTensor['type']; readonly bytes: number }>> = {
  HalfStorage: { type: 'F16', bytes: 2 },
  FloatStorage: { type: 'F32', bytes: 4 },
  BFloat16Storage: { type: 'BF16', bytes: 2 },
};

const size = v.pipe(v.number(), v.safeInteger());
/** openai/whisper `model.py` ModelDimensions. */
const Dims = v.object({
  n_mels: size,
  n_vocab: size,
  n_audio_ctx: size,
  n_audio_state: size,
  n_audio_head: size,
  n_audio_layer: size,
  n_text_ctx: size,
  n_text_state: size,
  n_text_head: size,
  n_text_layer: size,
});

/** @throws ModelError `file_missing`, `file_invalid`, `unsupported` or `unsafe_file` */
export async function openCheckpoint(path: string): Promise<ModelSource> {
  const file = await SourceFile.open(path);
  try {
    const archive = await readArchive(file);
    const pickle = archive.get('data.pkl');
    if (pickle === undefined || pickle.length > PICKLE_BYTES_MAX) {
      throw new ModelError('file_invalid', `${path} is a zip, but not a checkpoint of PyTorch: it has no data.pkl`);
    }
    const order = archive.get('byteorder');
    if (order && (await file.read(order.offset, Math.min(order.length, 6))).toString('latin1') !== 'little') {
      throw new ModelError('unsupported', `${path} was written on a big-endian machine`);
    }
    const root = readPickle(await file.read(pickle.offset, pickle.length), path);
    const dimensions = readDims(entryOf(root, 'dims'), path);
    checkDimensions(dimensions, path);
    return {
      format: 'OpenAI',
      path,
      dimensions,
      tensors: readTensors(entryOf(root, 'model_state_dict'), archive, file),
      rules: {},
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function readDims(dims: Pickled | undefined, path: string): SourceDimensions {
  const entries = dims instanceof Map ? [...dims].filter(([key]) => typeof key === 'string') : [];
  const parsed = v.safeParse(Dims, Object.fromEntries(entries));
  if (!parsed.success) {
    throw new ModelError('unsupported', `${path} is not a Whisper of OpenAI's: it lacks "dims" with its ten sizes`);
  }
  const given = parsed.output;
  if (given.n_audio_state !== given.n_text_state) {
    throw new ModelError(
      'unsupported',
      `${path}: its encoder is ${given.n_audio_state} wide and its decoder ${given.n_text_state}`,
    );
  }
  return {
    width: given.n_audio_state,
    encoderHeads: given.n_audio_head,
    decoderHeads: given.n_text_head,
    encoderLayers: given.n_audio_layer,
    decoderLayers: given.n_text_layer,
    inner: 4 * given.n_audio_state,
    melBins: given.n_mels,
    vocabulary: given.n_vocab,
    maxSourcePositions: given.n_audio_ctx,
    maxTargetPositions: given.n_text_ctx,
  };
}

function readTensors(
  state: Pickled | undefined,
  archive: ReadonlyMap<string, ArchivedFile>,
  file: SourceFile,
): Map<string, SourceTensor> {
  if (!(state instanceof Map)) throw new ModelError('unsupported', `${file.path} has no "model_state_dict"`);
  const tensors = new Map<string, SourceTensor>();
  for (const [original, value] of state) {
    const name = typeof original === 'string' ? huggingFaceName(original) : undefined;
    if (name === undefined || !(value instanceof PickledTensor)) {
      const what = typeof original === 'string' ? JSON.stringify(original.slice(0, 80)) : 'a tensor without a name';
      throw new ModelError('unsupported', `${file.path} holds ${what}, which a Whisper does not have`);
    }
    tensors.set(name, tensorOf(value, name, archive, file));
  }
  return tensors;
}

function tensorOf(
  { storage, offset, shape, strides }: PickledTensor,
  name: string,
  archive: ReadonlyMap<string, ArchivedFile>,
  file: SourceFile,
): SourceTensor {
  const stored = archive.get(`data/${storage.key}`);
  const { type, bytes } = TYPES[storage.type] ?? { type: 'F32', bytes: 4 };
  const elements = shape.reduce((product, length) => product * length, 1);
  if (stored === undefined || stored.length !== storage.elements * bytes || offset + elements > storage.elements) {
    throw new ModelError('file_invalid', `${file.path} is damaged: the numbers of ${name} are not all there`);
  }
  if (!isRowMajor(shape, strides)) {
    throw new ModelError(
      'unsupported',
      `${file.path}: ${name} is a transposed view: save the checkpoint again with contiguous tensors`,
    );
  }
  return { type, shape, pieces: () => file.pieces(stored.offset + offset * bytes, elements * bytes) };
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const length = shape[i] ?? 0;
    // One row may lie at any distance from the next, which is not there.
    if (length !== 1 && strides[i] !== step) return false;
    step *= length;
  }
  return shape.length === strides.length;
}

function entryOf(root: Pickled, key: string): Pickled | undefined {
  return root instanceof Map ? root.get(key) : undefined;
}
