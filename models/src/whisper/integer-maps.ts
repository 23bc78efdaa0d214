// Which linear maps are calculated in integers, and how finely what they multiply is rounded.
import type { WhisperConfig } from './config.js';

/**
 * How many bytes hold a number that a map multiplies. One: 8 bits, on which the encoder's frames lose nothing that
 * matters. Three: 23 bits, as good as float32. Attention over a draft adds up in another order than attention over one
 * token, and what differs by a last bit may be rounded to the next step, which the layers behind then carry on: of 8
 * bits that shows in the logits, so that a draft's tokens might not come out as they do one by one. A single row's time
 * goes into reading the weights, so more bytes cost it little; eight rows they cost work (base, 6 s, one thread of a
 * CPU without VNNI, least processor time of a step: three bytes in all maps 26 ms, two 20). Two for the vocabulary
 * alone gain 5 % and were tried: log-probabilities with a draft and without one then differ by over 1e-4.
 */
export type ActivationBytes = 1 | 2 | 3;

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
  const maps = new Map<string, ActivationBytes>([[vocabularyMap(config), 3]]);
  for (let i = 0; i < config.decoderLayers; i++) {
    const layer = `decoder.layers.${i}`;
    for (const map of ['q_proj', 'k_proj', 'v_proj', 'out_proj']) maps.set(`${layer}.self_attn.${map}`, 3);
    for (const map of ['q_proj', 'out_proj']) maps.set(`${layer}.encoder_attn.${map}`, 3);
    for (const map of ['fc1', 'fc2']) maps.set(`${layer}.${map}`, 3);
  }
  return maps;
}

/** The map from the decoder's last states to the logits. */
export function vocabularyMap({ tiedEmbedding }: WhisperConfig): string {
  return tiedEmbedding ? 'decoder.embed_tokens' : 'proj_out';
}
