// CTranslate2's variables as the tensors of a Whisper: its names, its joined projections, its eight-bit weights.
import { ModelError } from '../../model-error.js';
import { halfOfFloat } from '../../whisper/weight-values.js';
import type { SourceDimensions, SourceTensor } from '../model-source.js';
import { PIECE_BYTES, type SourceFile } from '../source-file.js';
import { UNTIED_VOCABULARY } from '../whisper-tensors.js';
import type { Variable } from './model-file.js';

const FLOATS = { float32: 'F32', float16: 'F16', bfloat16: 'BF16' } as const;

/** Settings of the decoder, and what is checked or read elsewhere: no weights. */
const isSetting = ({ shape }: Variable): boolean => shape.length === 0;

/** @throws ModelError `unsupported` naming the variable */
export async function whisperTensors(
  file: SourceFile,
  variables: ReadonlyMap<string, Variable>,
  { width, encoderLayers, decoderLayers }: SourceDimensions,
): Promise<Map<string, SourceTensor>> {
  const tensors = new Map<string, SourceTensor>();
  const left = new Set([...variables].filter(([, variable]) => !isSetting(variable)).map(([name]) => name));

  /** Rows of a variable, all of them by default. */
  const put = async (name: string, from: string, rows?: readonly [first: number, count: number]): Promise<void> => {
    const variable = variables.get(from);
    // What is missing is said by the check of the whole.
    if (variable === undefined) return;
    const [first, count] = rows ?? [0, variable.shape[0] ?? 0];
    if (first + count > (variable.shape[0] ?? 0)) {
      throw new ModelError(
        'unsupported',
        `${file.path}: ${from} is ${variable.shape.join(' x ')}, less than a Whisper's`,
      );
    }
    const scale = variables.get(`${from}_scale`);
    tensors.set(name, await rowsOf(file, from, variable, scale, first, count));
    left.delete(from);
    left.delete(`${from}_scale`);
  };
  const linear = async (name: string, from: string, rows?: readonly [number, number]): Promise<void> => {
    await put(`${name}.weight`, `${from}/weight`, rows);
    await put(`${name}.bias`, `${from}/bias`, rows);
  };
  const norm = async (name: string, from: string): Promise<void> => {
    await put(`${name}.weight`, `${from}/gamma`);
    await put(`${name}.bias`, `${from}/beta`);
  };
  /** Several maps of one input, one below the other. Keys have no bias in Whisper: theirs is zeros. */
  const joined = async (name: string, from: string, parts: readonly string[]): Promise<void> => {
    for (const [i, part] of parts.entries()) {
      await put(`${name}.${part}.weight`, `${from}/weight`, [i * width, width]);
      if (part === 'k_proj') await refuseBias(file, variables.get(`${from}/bias`), i * width, width, from);
      else await put(`${name}.${part}.bias`, `${from}/bias`, [i * width, width]);
    }
  };
  const block = async (name: string, from: string): Promise<void> => {
    await norm(`${name}.self_attn_layer_norm`, `${from}/self_attention/layer_norm`);
    await joined(`${name}.self_attn`, `${from}/self_attention/linear_0`, ['q_proj', 'k_proj', 'v_proj']);
    await linear(`${name}.self_attn.out_proj`, `${from}/self_attention/linear_1`);
    await norm(`${name}.final_layer_norm`, `${from}/ffn/layer_norm`);
    await linear(`${name}.fc1`, `${from}/ffn/linear_0`);
    await linear(`${name}.fc2`, `${from}/ffn/linear_1`);
  };

  await linear('encoder.conv1', 'encoder/conv1');
  await linear('encoder.conv2', 'encoder/conv2');
  await put('encoder.embed_positions.weight', 'encoder/position_encodings/encodings');
  for (let i = 0; i < encoderLayers; i++) await block(`encoder.layers.${i}`, `encoder/layer_${i}`);
  await norm('encoder.layer_norm', 'encoder/layer_norm');
  await put('decoder.embed_tokens.weight', 'decoder/embeddings/weight');
  await put('decoder.embed_positions.weight', 'decoder/position_encodings/encodings');
  for (let i = 0; i < decoderLayers; i++) {
    const [name, from] = [`decoder.layers.${i}`, `decoder/layer_${i}`];
    await block(name, from);
    await norm(`${name}.encoder_attn_layer_norm`, `${from}/attention/layer_norm`);
    await linear(`${name}.encoder_attn.q_proj`, `${from}/attention/linear_0`);
    await joined(`${name}.encoder_attn`, `${from}/attention/linear_1`, ['k_proj', 'v_proj']);
    await linear(`${name}.encoder_attn.out_proj`, `${from}/attention/linear_2`);
  }
  await norm('decoder.layer_norm', 'decoder/layer_norm');
  const [projection, embedding] = ['decoder/projection/weight', 'decoder/embeddings/weight'];
  if (variables.get(projection)?.offset !== variables.get(embedding)?.offset) await put(UNTIED_VOCABULARY, projection);
  left.delete(projection);
  left.delete(`${projection}_scale`);

  const [unknown] = left;
  if (unknown !== undefined) {
    throw new ModelError('unsupported', `${file.path} holds ${unknown}, which a Whisper of its size does not have`);
  }
  return tensors;
}

async function rowsOf(
  file: SourceFile,
  name: string,
  { type, shape, offset, length }: Variable,
  scale: Variable | undefined,
  first: number,
  count: number,
): Promise<SourceTensor> {
  const rowBytes = length / Math.max(1, shape[0] ?? 1);
  const [from, bytes] = [offset + first * rowBytes, count * rowBytes];
  const rows = [count, ...shape.slice(1)];
  if (type === 'int8') {
    if (scale?.type !== 'float32' || scale.shape[0] !== shape[0] || scale.shape.length !== 1) {
      throw new ModelError('unsupported', `${file.path}: ${name} is int8 without a scale for each row`);
    }
    const scales = await file.read(scale.offset + 4 * first, 4 * count);
    return { type: 'F16', shape: rows, pieces: () => unpackedRows(file, from, bytes, rowBytes, scales) };
  }
  if (type === 'int16' || type === 'int32') {
    throw new ModelError(
      'unsupported',
      `${file.path}: ${name} is ${type}, which is not read: convert the model with --quantization float16`,
    );
  }
  return { type: FLOATS[type], shape: rows, pieces: () => file.pieces(from, bytes) };
}

/** Eight-bit rows as halves: CTranslate2 multiplies by the scale when it rounds. */
async function* unpackedRows(
  file: SourceFile,
  offset: number,
  length: number,
  rowBytes: number,
  scales: Buffer,
): AsyncGenerator<Uint8Array> {
  const rowsOfPiece = Math.max(1, Math.floor(PIECE_BYTES / rowBytes));
  let row = 0;
  for await (const piece of file.pieces(offset, length, rowsOfPiece * rowBytes)) {
    const halves = new Uint16Array(piece.length);
    for (let at = 0; at < piece.length; row++) {
      const scale = scales.readFloatLE(4 * row);
      for (const end = at + rowBytes; at < end; at++) halves[at] = halfOfFloat(piece.readInt8(at) / scale);
    }
    yield new Uint8Array(halves.buffer);
  }
}

async function refuseBias(
  file: SourceFile,
  bias: Variable | undefined,
  first: number,
  count: number,
  name: string,
): Promise<void> {
  if (bias === undefined) return;
  const [rows = 0, ...more] = bias.shape;
  if (more.length > 0 || first + count > rows) {
    throw new ModelError('unsupported', `${file.path}: the bias of ${name} is ${bias.shape.join(' x ')}`);
  }
  const bytes = bias.length / rows;
  const values = await file.read(bias.offset + first * bytes, count * bytes);
  // Plus and minus zero of every type of float.
  const isZero = values.every((byte, i) => byte === 0 || (byte === 0x80 && i % bytes === bytes - 1));
  if (!isZero)
    throw new ModelError('unsupported', `${file.path}: the keys of ${name} have a bias, which a Whisper's have not`);
}
