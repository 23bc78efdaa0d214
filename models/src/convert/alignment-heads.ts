// The cross-attention heads of OpenAI's models that follow time (openai/whisper `__init__.py` _ALIGNMENT_HEADS).
import type { SourceDimensions } from './model-source.js';

/** By width, decoder layers, mel bins and whether the vocabulary is multilingual; `layer.head` each. */
const HEADS: Readonly<Record<string, string>> = {
  '384/4/80/en': '1.0 2.0 2.5 3.0 3.1 3.2 3.3 3.4',
  '384/4/80/multi': '2.2 3.0 3.2 3.3 3.4 3.5',
  '512/6/80/en': '3.3 4.7 5.1 5.5 5.7',
  '512/6/80/multi': '3.1 4.2 4.3 4.7 5.1 5.2 5.4 5.6',
  '768/12/80/en': '6.6 7.0 7.3 7.8 8.2 8.5 8.7 9.0 9.4 9.8 9.10 10.0 10.1 10.2 10.3 10.6 10.11 11.2 11.4',
  '768/12/80/multi': '5.3 5.9 8.0 8.4 8.7 8.8 9.0 9.7 9.9 10.5',
  '1024/24/80/en': '11.4 14.1 14.12 14.14 15.4 16.0 16.4 16.9 17.12 17.14 18.7 18.10 18.15 20.0 20.3 20.9 20.14 21.12',
  '1024/24/80/multi': '13.15 15.4 15.15 16.1 20.0 23.4',
  // large-v2; large-v1 has the same shape, and is hardly used any more.
  '1280/32/80/multi':
    '10.12 13.17 16.11 16.12 16.13 17.15 17.16 18.4 18.11 18.19 19.11 21.2 21.3 22.3 22.9 22.12 23.5 23.7 23.13 25.5 ' +
    '26.1 26.12 27.15',
  '1280/32/128/multi': '7.0 10.17 12.18 13.12 16.1 17.14 19.11 21.4 24.1 25.6',
  '1280/4/128/multi': '2.4 2.11 3.3 3.6 3.11 3.14',
};

/** The heads of the model that has this shape, as fine-tunes of it have; `undefined` for a shape of another's. */
export function alignmentHeadsOf(
  dimensions: SourceDimensions,
  isMultilingual: boolean,
): [number, number][] | undefined {
  const { width, decoderLayers, melBins } = dimensions;
  const heads = HEADS[`${width}/${decoderLayers}/${melBins}/${isMultilingual ? 'multi' : 'en'}`];
  return heads?.split(' ').map((pair) => {
    const [layer = 0, head = 0] = pair.split('.').map(Number);
    return [layer, head];
  });
}
