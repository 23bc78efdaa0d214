// The tensors of a small model by the names that a widened one has for them.
import type { WhisperConfig } from '../whisper/config.js';
import type { Weights } from '../whisper/safetensors.js';
import { readNamedWeight } from '../whisper/weight-values.js';
import { Centring } from './centring.js';
import type { WideLayout } from './wide-layout.js';

const nothing = new Float32Array();

export class SmallTensors {
  /** The additional first layer of the encoder, where one is needed. */
  readonly centring: Centring | undefined;
  readonly #weights: Weights;
  readonly #config: WhisperConfig;

  constructor(weights: Weights, config: WhisperConfig, layout: WideLayout) {
    this.#weights = weights;
    this.#config = config;
    if (layout.needsCentring) this.centring = new Centring(layout);
  }

  /** Row-major values; none for a layer, or a part of the centring one, that does nothing. */
  async read(name: string): Promise<Float32Array> {
    const { stack, layer, rest } = this.#place(name);
    if (stack === undefined) return readNamedWeight(this.#weights, name);
    if (layer < 0) return this.centring?.tensors.get(rest) ?? nothing;
    const { encoderLayers, decoderLayers } = this.#config;
    if (layer >= (stack === 'encoder' ? encoderLayers : decoderLayers)) return nothing;
    return readNamedWeight(this.#weights, `${stack}.layers.${layer}.${rest}`);
  }

  /** Whether the tensor is one of the centring layer, by which that works. */
  isCentring(name: string): boolean {
    const { layer, rest } = this.#place(name);
    return layer < 0 && this.centring?.tensors.has(rest) === true;
  }

  /** Layers count from the small model's first: the centring one is -1. */
  #place(name: string): { readonly stack: string | undefined; readonly layer: number; readonly rest: string } {
    const [, stack, layer, rest = ''] = /^(encoder|decoder)\.layers\.(\d+)\.(.*)$/.exec(name) ?? [];
    return { stack, layer: Number(layer ?? 0) - (stack === 'encoder' && this.centring ? 1 : 0), rest };
  }
}
