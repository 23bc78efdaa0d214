// Which linear maps are calculated in integers, and how finely what they multiply is rounded.
import type { WhisperConfig } from './config.js';

/**
 * How many bytes hold a number that a map multiplies. One: 8 bits, on which the encoder's frames lose nothing that
 * matters. Two: steps of 0.006 of a row's root mean square at most (base), on which the decoder's tokens lose nothing
 * that was seen. Steps as coarse as that want all that is calculated between the maps to come out the same, to the last
 * bit, whether a token comes alone or in a draft, as the decode graph's attention does: else what differs there is
 * rounded to the next step now and then, and carried on (measured before it did, largest difference of a
 * log-probability: 8e-4; with three bytes 9e-5). A single row's time goes into reading the weights, so a byte more
 * costs it little; eight rows it costs work.
 */
export type ActivationBytes = 1 | 2;

/** The linear maps of the encode graph: nearly all of its work. */
export function encodeMaps({ encoderLayers, decoderLayers }: WhisperConfig): Map<string, ActivationBytes> {
  const maps = new Map<string, ActivationBytes>();
  for (let i = 0; i < encoderLayers; i++) {
    const layer = `encoder.layers.${i}`;
    for (const map of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) maps.set(`${layer}.self_attn.${map}`, 1);
    // The first one reads what the convolutions left, where a few channels are so much larger than the others that
    // these would be lost in one byte (measured with the embedded model: that map alone moved the encoder's states by
    // 10.7 %, all the others together by 3.1 %). Two bytes are no faster there than float32 (base, 30 s, one thread of
    // a CPU without VNNI: 44 and 43 ms, and 11 to add their digits up).
    if (i > 0) maps.set(`${layer}.fc1`, 1);
    maps.set(`${layer}.fc2`, 1);
  }
  for (let i = 0; i < decoderLayers; i++) {
    for (const map of ['k_proj', 'v_proj']) maps.set(`decoder.layers.${i}.encoder_attn.${map}`, 1);
  }
  return maps;
}

/** The linear maps of the decode graph. */
export function decodeMaps(config: WhisperConfig): Map<string, ActivationBytes> {
  const maps = new Map<string, ActivationBytes>([[vocabularyMap(config), 2]]);
  for (let i = 0; i < config.decoderLayers; i++) {
    const layer = `decoder.layers.${i}`;
    for (const map of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) maps.set(`${layer}.self_attn.${map}`, 2);
    for (const map of ['q_proj', 'out_proj']) maps.set(`${layer}.encoder_attn.${map}`, 2);
    for (const map of ['fc1', 'fc2']) maps.set(`${layer}.${map}`, 2);
  }
  return maps;
}

/** The map from the decoder's last states to the logits. */
export function vocabularyMap({ tiedEmbedding }: WhisperConfig): string {
  return tiedEmbedding ? 'decoder.embed_tokens' : 'proj_out';
}
