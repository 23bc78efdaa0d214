// The graph from PCM to what the decoder looks at: log-mel spectrogram, encoder, cross-attention keys and values of
// every decoder layer.
import type { TensorName } from './graph-builder.js';
import { addConvolutionsByProduct, addSpectrumByProduct } from './convolutions-by-product.js';
import { addCross } from './cross-attention.js';
import type { BlockResult, LayerBuilder } from './layers.js';
import { fftLength, fourierBasis, frequencyBins, hopLength, melFilterBank } from './mel-filters.js';

/** Heads of one decoder layer that follow time. */
export interface AlignmentLayer {
  readonly layer: number;
  readonly heads: readonly number[];
}

/** The alignment heads layer by layer: the order in which both graphs line them up. */
export function alignmentLayers(heads: readonly (readonly [layer: number, head: number])[]): AlignmentLayer[] {
  const layers = [...new Set(heads.map(([layer]) => layer))].sort((a, b) => a - b);
  return layers.map((layer) => ({ layer, heads: heads.filter(([l]) => l === layer).map(([, head]) => head) }));
}

/**
 * Adds the graph. Input `audio` float32 [batch, samples]: 16 kHz, samples a multiple of 320 (T = samples / 320 encoder
 * frames), the window with its silence already behind it. Outputs: what {@link crossTensors} names; in the graph's
 * precision `alignmentKeys` [batch, alignment heads, headWidth, T]; for study `logMel` float32 [batch, melBins, 2 T]
 * and `encoded` [batch, T, width].
 */
export function addEncodeGraph(layers: LayerBuilder): void {
  const { graph, config, precision } = layers;
  const audio = graph.input('audio', 'float32', ['batch', 'samples']);
  const logMel = addLogMel(layers, audio);
  graph.output('logMel', logMel, 'float32', ['batch', config.melBins, 'melFrames']);
  const features = precision === 'float32' ? logMel : layers.cast(logMel, precision);
  const encoded = addEncoder(layers, features);
  const { rows, shape } = encoded;
  graph.output('encoded', layers.unflatten(rows, shape), precision, ['batch', 'frames', config.width]);
  addCrossAttention(layers, rows, layers.sizeOf(audio, 0));
}

/**
 * openai/whisper `audio.py` log_mel_spectrogram: torch.stft(center=True) without its last frame, power, mel, log10, 8
 * decades, scaled.
 */
function addLogMel(layers: LayerBuilder, audio: TensorName): TensorName {
  const { graph, config } = layers;
  const kept = layers.kernels === 'cuda' ? addSpectrumByProduct(layers, audio) : addSpectrum(layers, audio);
  const [real = '', imaginary = ''] = graph.ops('Split', [kept], { axis: 1, num_outputs: 2 }, [true, true]);
  const power = graph.op('Add', [graph.op('Mul', [real, real]), graph.op('Mul', [imaginary, imaginary])]);
  const filters = graph.floats(melFilterBank(config.melBins), [config.melBins, frequencyBins]);
  const constant = (value: number): TensorName => graph.floats(Float32Array.of(value), []);
  const mel = graph.op('Max', [graph.op('MatMul', [filters, power]), constant(1e-10)]);
  const log10 = graph.op('Mul', [graph.op('Log', [mel]), constant(1 / Math.LN10)]);
  const loudest = graph.op('ReduceMax', [log10, graph.integers(1, 2)], { keepdims: 1 });
  const clamped = graph.op('Max', [log10, graph.op('Sub', [loudest, constant(8)])]);
  return graph.op('Mul', [graph.op('Add', [clamped, constant(4)]), constant(0.25)]);
}

/** Real, then imaginary parts: [batch, 2 * frequencyBins, 2 T]. */
function addSpectrum({ graph }: LayerBuilder, audio: TensorName): TensorName {
  const half = fftLength / 2;
  const signal = graph.op('Unsqueeze', [audio, graph.integers(1)]);
  const padded = graph.op('Pad', [signal, graph.integers(0, 0, half, 0, 0, half)], { mode: 'reflect' });
  const basis = graph.floats(fourierBasis(), [2 * frequencyBins, 1, fftLength]);
  const spectrum = graph.op('Conv', [padded, basis], { kernel_shape: [fftLength], strides: [hopLength] });
  return graph.op('Slice', [spectrum, graph.integers(0), graph.integers(-1), graph.integers(2)]);
}

/** Features [batch, melBins, 2 T] -> normalised states as rows [batch * T, width], and the shape [batch, T, width]. */
function addEncoder(layers: LayerBuilder, features: TensorName): { rows: TensorName; shape: TensorName } {
  const { graph, config } = layers;
  const { width, encoderHeads, encoderInner } = config;
  const frames =
    layers.kernels === 'cuda' ? addConvolutionsByProduct(layers, features) : addConvolutions(layers, features);
  const shape = graph.op('Shape', [frames]);
  const positions = graph.op('Slice', [
    layers.weight('encoder.embed_positions.weight', [config.maxSourcePositions, width]),
    graph.integers(0),
    layers.sizeOf(frames, 1),
    graph.integers(0),
  ]);
  let residual = layers.flatten(graph.op('Add', [frames, positions]));
  let result: BlockResult | undefined;
  const norm = (name: string): TensorName => {
    if (result === undefined) return layers.norm(residual, name);
    const [normed, sum] = layers.addAndNorm(residual, result, name);
    residual = sum;
    return normed;
  };
  for (let i = 0; i < config.encoderLayers; i++) {
    const layer = `encoder.layers.${i}`;
    const attention = `${layer}.self_attn`;
    const x = norm(`${attention}_layer_norm`);
    const heard = layers.selfAttention(
      layers.linear(x, `${attention}.q_proj`, width, width),
      layers.linear(x, `${attention}.k_proj`, width, width, false),
      layers.values(x, `${attention}.v_proj`),
      shape,
      encoderHeads,
    );
    result = layers.closingLinear(heard, `${attention}.out_proj`, width, width, `${attention}.v_proj`);
    result = layers.feedForward(norm(`${layer}.final_layer_norm`), layer, encoderInner);
  }
  return { rows: norm('encoder.layer_norm'), shape };
}

/** Features [batch, melBins, 2 T] -> [batch, T, width]. */
function addConvolutions(layers: LayerBuilder, features: TensorName): TensorName {
  const { graph, config } = layers;
  const { width, melBins } = config;
  const convolve = (x: TensorName, name: string, inputs: number, stride: number): TensorName =>
    layers.gelu(
      graph.op(
        'Conv',
        [x, layers.weight(`${name}.weight`, [width, inputs, 3]), layers.weight(`${name}.bias`, [width])],
        { kernel_shape: [3], strides: [stride], pads: [1, 1] },
      ),
    );
  const narrowed = convolve(convolve(features, 'encoder.conv1', melBins, 1), 'encoder.conv2', width, 2);
  return graph.op('Transpose', [narrowed], { perm: [0, 2, 1] });
}

/** What every decoder layer needs of the encoder's states, computed once per window. */
function addCrossAttention(layers: LayerBuilder, rows: TensorName, batch: TensorName): void {
  const { graph, config, precision } = layers;
  const { width, decoderHeads: heads } = config;
  const headWidth = width / heads;
  const split = graph.op('Concat', [batch, graph.integers(-1, heads, headWidth)], { axis: 0 });
  const byHead = (x: TensorName): TensorName => graph.op('Reshape', [x, split]);
  const keys: TensorName[] = [];
  for (let i = 0; i < config.decoderLayers; i++) {
    const attention = `decoder.layers.${i}.encoder_attn`;
    const key = layers.linear(rows, `${attention}.k_proj`, width, width, false);
    addCross(layers, i, { keys: key, values: layers.values(rows, `${attention}.v_proj`), batch });
    keys.push(key);
  }
  // [batch, T, alignment heads, headWidth]
  const aligned = alignmentLayers(config.alignmentHeads).map(({ layer, heads }) =>
    graph.op('Gather', [byHead(keys[layer] ?? ''), graph.integers(...heads)], { axis: 2 }),
  );
  const joined = graph.op('Concat', aligned, { axis: 2 });
  const alignmentKeys = graph.op('Transpose', [joined], { perm: [0, 2, 3, 1] });
  graph.output('alignmentKeys', alignmentKeys, precision, ['batch', config.alignmentHeads.length, headWidth, 'frames']);
}
