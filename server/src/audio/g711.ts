// G.711: the 8-bit companded telephone encodings, expanded to linear samples (ITU-T Recommendation G.711, 11/88).

/** Each of the 256 codes as a linear sample in -1..1. */
export type G711Table = Float32Array;

/**
 * mu-law (G.711 tables 2a and 2b): all bits inverted, then sign, 3 bits of segment, 4 bits of step. Segment s holds 16
 * steps of 2^(s+3), behind the bias of 132 (in 16-bit units). Positive full scale is 32124.
 */
export const MULAW: G711Table = expand((code) => {
  const bits = ~code & 0xff;
  const segment = (bits >> 4) & 7;
  const magnitude = ((((bits & 15) << 3) + 132) << segment) - 132;
  return bits & 0x80 ? -magnitude : magnitude;
});

/**
 * A-law (G.711 tables 1a and 1b): even bits inverted, then sign (1 is positive), 3 bits of segment, 4 bits of step.
 * Segments 0 and 1 share the step of 16 (in 16-bit units); from there it doubles. Values are the middle of each step;
 * positive full scale is 32256.
 */
export const ALAW: G711Table = expand((code) => {
  const bits = code ^ 0x55;
  const segment = (bits >> 4) & 7;
  const step = ((bits & 15) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 256) << (segment - 1);
  return bits & 0x80 ? magnitude : -magnitude;
});

function expand(linear: (code: number) => number): G711Table {
  return Float32Array.from({ length: 256 }, (_, code) => linear(code) / 32_768);
}
