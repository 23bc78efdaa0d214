// A Whisper as CTranslate2's model.bin (OpenNMT/CTranslate2 `model_spec.py`), float32 or int8 with a scale for each
// row.
import { floatBytes, int32, type SmallNetwork, type SmallTensor } from './network.js';

interface Variable {
  readonly shape: readonly number[];
  readonly type: number;
  readonly bytes: Buffer;
}

export interface Ctranslate2Options {
  readonly specification?: string;
  readonly version?: number;
  readonly int8?: boolean;
  /** Last word on the variables. */
  readonly change?: (variables: Map<string, Variable>) => void;
}

const [FLOAT, INT8, INT16] = [0, 1, 2];

export function ctranslate2Model(network: SmallNetwork, options: Ctranslate2Options = {}): Buffer {
  const variables = new Map<string, Variable>();
  const find = (name: string): SmallTensor => {
    const tensor = network.tensors.get(name);
    if (!tensor) throw new Error(`no ${name}`);
    return tensor;
  };
  const put = (name: string, { shape, values }: SmallTensor): void => {
    if (!options.int8 || !name.endsWith('weight')) {
      variables.set(name, { shape, type: FLOAT, bytes: floatBytes(values) });
      return;
    }
    const rows = shape[0] ?? 1;
    const scales = new Float32Array(rows).fill(128);
    variables.set(name, {
      shape,
      type: INT8,
      bytes: Buffer.from(Int8Array.from(values, (value) => 128 * value).buffer),
    });
    variables.set(`${name}_scale`, { shape: [rows], type: FLOAT, bytes: floatBytes(scales) });
  };
  const linear = (to: string, from: string): void => {
    put(`${to}/weight`, find(`${from}.weight`));
    put(`${to}/bias`, find(`${from}.bias`));
  };
  const norm = (to: string, from: string): void => {
    put(`${to}/gamma`, find(`${from}.weight`));
    put(`${to}/beta`, find(`${from}.bias`));
  };
  const joined = (to: string, from: string, parts: readonly string[]): void => {
    const { width } = network;
    const weights = parts.flatMap((part) => [...find(`${from}.${part}.weight`).values]);
    const biases = parts.flatMap((part) =>
      part === 'k_proj' ? Array<number>(width).fill(0) : [...find(`${from}.${part}.bias`).values],
    );
    put(`${to}/weight`, { shape: [parts.length * width, width], values: Float32Array.from(weights) });
    put(`${to}/bias`, { shape: [parts.length * width], values: Float32Array.from(biases) });
  };
  for (const name of ['conv1', 'conv2']) linear(`encoder/${name}`, `encoder.${name}`);
  for (const side of ['encoder', 'decoder']) {
    const [to, from] = [`${side}/layer_0`, `${side}.layers.0`];
    put(`${side}/position_encodings/encodings`, find(`${side}.embed_positions.weight`));
    norm(`${to}/self_attention/layer_norm`, `${from}.self_attn_layer_norm`);
    joined(`${to}/self_attention/linear_0`, `${from}.self_attn`, ['q_proj', 'k_proj', 'v_proj']);
    linear(`${to}/self_attention/linear_1`, `${from}.self_attn.out_proj`);
    if (side === 'decoder') {
      norm(`${to}/attention/layer_norm`, `${from}.encoder_attn_layer_norm`);
      linear(`${to}/attention/linear_0`, `${from}.encoder_attn.q_proj`);
      joined(`${to}/attention/linear_1`, `${from}.encoder_attn`, ['k_proj', 'v_proj']);
      linear(`${to}/attention/linear_2`, `${from}.encoder_attn.out_proj`);
    }
    norm(`${to}/ffn/layer_norm`, `${from}.final_layer_norm`);
    linear(`${to}/ffn/linear_0`, `${from}.fc1`);
    linear(`${to}/ffn/linear_1`, `${from}.fc2`);
    norm(`${side}/layer_norm`, `${from.split('.')[0]}.layer_norm`);
    variables.set(`${side}/num_heads`, { shape: [], type: INT16, bytes: Buffer.from([network.heads, 0]) });
  }
  put('decoder/embeddings/weight', find('decoder.embed_tokens.weight'));
  variables.set('decoder/activation', { shape: [], type: INT8, bytes: Buffer.from([3]) });
  options.change?.(variables);
  return Buffer.concat([
    int32(options.version ?? 6),
    text(options.specification ?? 'WhisperSpec'),
    int32(3, variables.size),
    ...[...variables].flatMap(([name, { shape, type, bytes }]) => [
      text(name),
      Buffer.from([shape.length]),
      int32(...shape),
      Buffer.from([type]),
      int32(bytes.length),
      bytes,
    ]),
    int32(1),
    text('decoder/projection/weight'),
    text('decoder/embeddings/weight'),
  ]);
}

/** Length, the zero at the end included. */
function text(value: string): Buffer {
  const bytes = Buffer.from(`${value}\0`);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(bytes.length);
  return Buffer.concat([length, bytes]);
}
