// Where a segment is best parted in two: at a quiet place.

/** Sound that is weighed together, samples: 100 ms, a short pause. */
const SPAN = 1_600;
/** How finely places are compared, samples: 20 ms. */
const STEP = 320;

/** A sample of the middle third, in the middle of the 100 ms with the least energy; of equals the first. */
export function quietPlace(audio: Float32Array): number {
  const third = Math.floor(audio.length / 3);
  return quietestPlace(audio, third, 2 * third) ?? Math.floor(audio.length / 2);
}

/** The same of a part of the audio; undefined where that has no 100 ms. */
export function quietestPlace(audio: Float32Array, from: number, to: number): number | undefined {
  let quietest: { energy: number; at: number } | undefined;
  for (let start = from; start + SPAN <= Math.min(to, audio.length); start += STEP) {
    let energy = 0;
    for (const sample of audio.subarray(start, start + SPAN)) energy += sample * sample;
    if (quietest === undefined || energy < quietest.energy) quietest = { energy, at: start + SPAN / 2 };
  }
  return quietest?.at;
}
