// Several channels to one.

/** -3 dB, by which ITU-R BS.775 brings the centre and the surround channels into left and right. */
const MINUS_3_DB = Math.SQRT1_2;
/** Left and right are halved. */
const [SIDE, CENTRE, SURROUND] = [0.5, MINUS_3_DB, MINUS_3_DB / 2];
/**
 * What each channel adds to the mean of left and right, by number of channels (ITU-R BS.775-4, annex 4, with back
 * channels as surround): L R C LFE, then back and side. The low-frequency channel is left out.
 */
const GAINS: Readonly<Record<number, readonly number[]>> = {
  3: [SIDE, SIDE, CENTRE],
  4: [SIDE, SIDE, SURROUND, SURROUND],
  5: [SIDE, SIDE, CENTRE, SURROUND, SURROUND],
  6: [SIDE, SIDE, CENTRE, 0, SURROUND, SURROUND],
  7: [SIDE, SIDE, CENTRE, 0, SURROUND, SURROUND, SURROUND],
  8: [SIDE, SIDE, CENTRE, 0, SURROUND, SURROUND, SURROUND, SURROUND],
};
/** A mean with less than this share of its channels' energy has cancelled them: independent channels keep a half. */
const KEPT_ENERGY_MIN = 0.05;

/** What the channels of a file are: those of a film, or of so many microphones. */
export type ChannelMeaning = 'surround' | 'any';

/** One channel of all; what is louder than full scale is clipped. */
export function mix(channels: readonly Float32Array[], meaning: ChannelMeaning): Float32Array {
  const [first = new Float32Array(0), second] = channels;
  if (channels.length === 1) return first;
  const gains = meaning === 'surround' ? GAINS[channels.length] : undefined;
  if (gains !== undefined) return weighted(channels, gains);
  const mean = weighted(
    channels,
    channels.map(() => 1 / channels.length),
  );
  if (second === undefined || channels.length > 2) return mean;
  const [left, right] = [energyOf(first), energyOf(second)];
  if (energyOf(mean) >= (KEPT_ENERGY_MIN * (left + right)) / 2) return mean;
  // One channel is the other upside down.
  return right > 2 * left ? second : first;
}

function weighted(channels: readonly Float32Array[], gains: readonly number[]): Float32Array {
  const mono = new Float32Array(channels[0]?.length ?? 0);
  for (const [number, channel] of channels.entries()) {
    const gain = gains[number] ?? 0;
    if (gain === 0) continue;
    for (let at = 0; at < mono.length; at++) mono[at] = (mono[at] ?? 0) + (channel[at] ?? 0) * gain;
  }
  if (gains.reduce((sum, gain) => sum + gain, 0) <= 1.001) return mono;
  return mono.map((sample) => Math.max(-1, Math.min(1, sample)));
}

function energyOf(samples: Float32Array): number {
  let energy = 0;
  for (let at = 0; at < samples.length; at++) energy += (samples[at] ?? 0) ** 2;
  return energy;
}
