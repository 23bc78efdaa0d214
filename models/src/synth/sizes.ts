// The shapes of OpenAI's Whisper models (openai/whisper `model.py`, and the configurations on the Hugging Face hub).

/** What tells one size from another. */
export interface WhisperSize {
  readonly width: number;
  readonly heads: number;
  readonly encoderLayers: number;
  readonly decoderLayers: number;
  readonly melBins: 80 | 128;
  /** Languages of its vocabulary: large-v3 added Cantonese. */
  readonly languages: 99 | 100;
  /** Cross-attention heads that follow time (openai/whisper `__init__.py` _ALIGNMENT_HEADS). */
  readonly alignmentHeads: readonly (readonly [layer: number, head: number])[];
}

const small = { melBins: 80, languages: 99 } as const;
const large = { width: 1280, heads: 20, encoderLayers: 32, melBins: 128, languages: 100 } as const;

export const WHISPER_SIZES = {
  tiny: {
    ...small,
    width: 384,
    heads: 6,
    encoderLayers: 4,
    decoderLayers: 4,
    alignmentHeads: pairs('2.2 3.0 3.2 3.3 3.4 3.5'),
  },
  base: {
    ...small,
    width: 512,
    heads: 8,
    encoderLayers: 6,
    decoderLayers: 6,
    alignmentHeads: pairs('3.1 4.2 4.3 4.7 5.1 5.2 5.4 5.6'),
  },
  small: {
    ...small,
    width: 768,
    heads: 12,
    encoderLayers: 12,
    decoderLayers: 12,
    alignmentHeads: pairs('5.3 5.9 8.0 8.4 8.7 8.8 9.0 9.7 9.9 10.5'),
  },
  medium: {
    ...small,
    width: 1024,
    heads: 16,
    encoderLayers: 24,
    decoderLayers: 24,
    alignmentHeads: pairs('13.15 15.4 15.15 16.1 20.0 23.4'),
  },
  'large-v3': {
    ...large,
    decoderLayers: 32,
    alignmentHeads: pairs('7.0 10.17 12.18 13.12 16.1 17.14 19.11 21.4 24.1 25.6'),
  },
  'large-v3-turbo': { ...large, decoderLayers: 4, alignmentHeads: pairs('2.4 2.11 3.3 3.6 3.11 3.14') },
} as const satisfies Record<string, WhisperSize>;

export type WhisperSizeName = keyof typeof WHISPER_SIZES;

export function isWhisperSize(name: string): name is WhisperSizeName {
  return Object.hasOwn(WHISPER_SIZES, name);
}

function pairs(text: string): [layer: number, head: number][] {
  return text.split(' ').map((pair) => {
    const [layer = 0, head = 0] = pair.split('.').map(Number);
    return [layer, head];
  });
}
