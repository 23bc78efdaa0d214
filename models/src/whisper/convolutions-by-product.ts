// The convolutions along time as matrix products over shifted copies. cuDNN, which CUDA's Conv is, plans anew whenever
// batch or length change (measured on a busy H100: 30 ms of the host's time for each convolution, a third of what an
// encode of 30 s with large-v3-turbo costs it).
import type { GraphBuilder, TensorName } from './graph-builder.js';
import type { LayerBuilder } from './layers.js';
import { fftLength, fourierBasis, frequencyBins, hopLength } from './mel-filters.js';

/**
 * The greatest common divisor of `fftLength` and `hopLength`: a Fourier frame is five pieces of so many samples, frames
 * begin two pieces apart.
 */
const piece = 80;

/** PCM [batch, samples] -> real, then imaginary parts [batch, 2 * frequencyBins, samples / hopLength]. */
export function addSpectrumByProduct({ graph }: LayerBuilder, audio: TensorName): TensorName {
  const half = fftLength / 2;
  const padded = graph.op('Pad', [audio, graph.integers(0, half, 0, half)], { mode: 'reflect' });
  const pieces = graph.op('Reshape', [padded, graph.integers(0, -1, piece)]);
  // Without the last frame of torch.stft.
  const frames = addShifted(graph, pieces, fftLength / piece, hopLength / piece, hopLength / piece);
  const basis = graph.floats(transposed(fourierBasis(), 2 * frequencyBins, fftLength), [fftLength, 2 * frequencyBins]);
  return graph.op('Transpose', [graph.op('MatMul', [frames, basis])], { perm: [0, 2, 1] });
}

/** Features [batch, melBins, 2 T] -> [batch, T, width], through both convolutions of the encoder and their GELUs. */
export function addConvolutionsByProduct(layers: LayerBuilder, features: TensorName): TensorName {
  const { graph, config } = layers;
  const { melBins, width } = config;
  const first = convolve(layers, graph.op('Transpose', [features], { perm: [0, 2, 1] }), 'encoder.conv1', melBins, 1);
  return convolve(layers, first, 'encoder.conv2', width, 2);
}

/** x [batch, places, inputs], three taps, padded by one on both sides -> [batch, places / stride, width]. */
function convolve(layers: LayerBuilder, x: TensorName, name: string, inputs: number, stride: number): TensorName {
  const { graph, config } = layers;
  const { width } = config;
  const padded = graph.op('Pad', [x, graph.integers(0, 1, 0, 0, 1, 0)]);
  const taps = addShifted(graph, padded, 3, stride);
  const rows = graph.op('Reshape', [taps, graph.integers(-1, 3 * inputs)]);
  // PyTorch keeps [width, inputs, taps]. Turned round once, when the session is made.
  const weight = graph.op('Transpose', [layers.weight(`${name}.weight`, [width, inputs, 3])], { perm: [0, 2, 1] });
  const matrix = graph.op('Reshape', [weight, graph.integers(width, 3 * inputs)]);
  const product = graph.op('Gemm', [rows, matrix, layers.weight(`${name}.bias`, [width])], { transB: 1 });
  const shape = graph.op('Concat', [layers.sizeOf(taps, 0), layers.sizeOf(taps, 1), graph.integers(width)], {
    axis: 0,
  });
  return graph.op('Reshape', [layers.gelu(product), shape]);
}

/**
 * x [batch, places, channels] -> [batch, n, count * channels]: at each n the places n * stride to n * stride + count -
 * 1, side by side.
 * @param unused places at the end that are left out
 */
function addShifted(graph: GraphBuilder, x: TensorName, count: number, stride: number, unused = 0): TensorName {
  const shifted = Array.from({ length: count }, (_, shift) => {
    // As many for every shift.
    const behind = count - 1 - shift + unused;
    const end = behind === 0 ? END : -behind;
    return graph.op('Slice', [
      x,
      graph.integers(shift),
      graph.integers(end),
      graph.integers(1),
      graph.integers(stride),
    ]);
  });
  return graph.op('Concat', shifted, { axis: 2 });
}

/** Beyond every end. */
const END = 2 ** 31 - 1;

function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const turned = new Float32Array(matrix.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) turned[column * rows + row] = matrix[row * columns + column] ?? 0;
  }
  return turned;
}
