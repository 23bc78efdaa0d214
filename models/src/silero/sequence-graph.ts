// Silero VAD v6 over many frames of one stream at once: the published graph, which takes a frame at a time, made anew
// with its weights. Everything but the LSTM sees all frames together.
import { readFile } from 'node:fs/promises';
import proto from 'onnx-proto';
import { ModelError } from '../model-error.js';
import { GraphBuilder, type TensorName } from '../whisper/graph-builder.js';

const { onnx } = proto;

const HIDDEN = 128;
/** Samples that are mirrored behind a frame. */
const PADDING = 64;
const HOP = 128;
const STRIDES = [1, 2, 2, 1] as const;

/**
 * An ONNX model with inputs `frames` float32 [frames, 576], one after the other, each with the 64 samples before it,
 * and `state` float32 [2, 1, 128]; outputs `probabilities` float32 [frames] and `stateN` like `state`. The same numbers
 * as frame by frame, but for the order of sums. Throws ModelError `file_missing` or `file_invalid`.
 * @param file Silero's ONNX file for 8 and 16 kHz
 */
export async function sileroSequenceModel(file: string): Promise<Uint8Array> {
  const weights = await readWeights(file);
  const graph = new GraphBuilder('silero');
  const constant = (name: string): TensorName => {
    const { values, dims } = weights(name);
    return graph.floats(values, dims);
  };
  const frames = graph.input('frames', 'float32', ['frames', 'samples']);
  const state = graph.input('state', 'float32', [2, 1, HIDDEN]);

  const padded = graph.op('Pad', [frames, graph.integers(0, 0, 0, PADDING)], { mode: 'reflect' });
  const basis = weights('stft.forward_basis_buffer');
  const spectrum = graph.op(
    'Conv',
    [graph.op('Unsqueeze', [padded, graph.integers(1)]), graph.floats(basis.values, basis.dims)],
    { kernel_shape: basis.dims.slice(2), strides: [HOP] },
  );
  const parts = graph.ops('Split', [spectrum], { axis: 1, num_outputs: 2 }, [true, true]);
  const [real = '', imaginary = ''] = parts.map((part) => graph.op('Mul', [part, part]));
  let heard = graph.op('Sqrt', [graph.op('Add', [real, imaginary])]);
  for (const [i, stride] of STRIDES.entries()) {
    const name = `encoder.${i}.reparam_conv`;
    const convolved = graph.op('Conv', [heard, constant(`${name}.weight`), constant(`${name}.bias`)], {
      kernel_shape: [3],
      strides: [stride],
      pads: [1, 1],
    });
    heard = graph.op('Relu', [convolved]);
  }

  const [hidden = '', cell = ''] = [0, 1].map((i) => graph.op('Gather', [state, graph.integers(i)], { axis: 0 }));
  const gates = (name: string): Float32Array => inOnnxOrder(weights(name).values);
  const biases = new Float32Array([...gates('decoder.rnn.bias_ih'), ...gates('decoder.rnn.bias_hh')]);
  const [each = '', lastHidden = '', lastCell = ''] = graph.ops(
    'LSTM',
    [
      graph.op('Reshape', [heard, graph.integers(-1, 1, HIDDEN)]),
      graph.floats(gates('decoder.rnn.weight_ih'), [1, 4 * HIDDEN, HIDDEN]),
      graph.floats(gates('decoder.rnn.weight_hh'), [1, 4 * HIDDEN, HIDDEN]),
      graph.floats(biases, [1, 8 * HIDDEN]),
      '',
      hidden,
      cell,
    ],
    { hidden_size: HIDDEN },
    [true, true, true],
  );
  const remembered = graph.op('Relu', [graph.op('Reshape', [each, graph.integers(-1, HIDDEN)])]);
  const scores = graph.op('Gemm', [
    remembered,
    graph.floats(weights('decoder.decoder.2.weight').values, [HIDDEN, 1]),
    constant('decoder.decoder.2.bias'),
  ]);
  const probabilities = graph.op('Sigmoid', [graph.op('Reshape', [scores, graph.integers(-1)])]);
  graph.output('probabilities', probabilities, 'float32', ['frames']);
  graph.output('stateN', graph.op('Concat', [lastHidden, lastCell], { axis: 0 }), 'float32', [2, 1, HIDDEN]);
  return graph.build().model;
}

interface Weight {
  readonly values: Float32Array;
  readonly dims: readonly number[];
}

/** The weights of the branch for 16 kHz, by their names in PyTorch. */
async function readWeights(file: string): Promise<(name: string) => Weight> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new ModelError('file_missing', `${file} cannot be read`, { cause });
  });
  const nodes = nodesAt16kHz(bytes);
  return (name) => {
    const tensor = nodes.find(({ output }) => output?.[0]?.endsWith(`__${name}`))?.attribute?.[0]?.t;
    if (!tensor?.rawData || tensor.dataType !== onnx.TensorProto.DataType.FLOAT) {
      throw new ModelError('file_invalid', `${file} has no ${name}: is it Silero VAD v6?`);
    }
    return { values: new Float32Array(new Uint8Array(tensor.rawData).buffer), dims: (tensor.dims ?? []).map(Number) };
  };
}

/** None where it is no such model. */
function nodesAt16kHz(bytes: Uint8Array): proto.onnx.INodeProto[] {
  try {
    const { graph } = onnx.ModelProto.decode(bytes);
    const branches = graph?.node?.find(({ opType }) => opType === 'If')?.attribute;
    return branches?.find(({ name }) => name === 'then_branch')?.g?.node ?? [];
  } catch {
    return [];
  }
}

/** The gates of an LSTM: PyTorch has input, forget, cell, output; ONNX input, output, forget, cell. */
function inOnnxOrder(rows: Float32Array): Float32Array {
  const size = rows.length / 4;
  const gates = [0, 3, 1, 2].map((gate) => rows.subarray(gate * size, (gate + 1) * size));
  return new Float32Array(gates.flatMap((gate) => [...gate]));
}
