// Where a segment is best parted in two: at its quietest place near the middle.

/** Sound that is weighed together, samples: 100 ms, a short pause. */
const SPAN = 1_600;
/** How finely places are compared, samples: 20 ms. */
const STEP = 320;

/** A sample of the middle third, in the middle of the 100 ms with the least energy; of equals the first. */
export function quietPlace(audio: Float32Array): number {
  const from = Math.floor(audio.length / 3);
  let quietest = { energy: Infinity, at: Math.floor(audio.length / 2) };
  for (let start = from; start + SPAN <= 2 * from; start += STEP) {
    let energy = 0;
    for (const sample of audio.subarray(start, start + SPAN)) energy += sample * sample;
    if (energy < quietest.energy) quietest = { energy, at: start + SPAN / 2 };
  }
  return quietest.at;
}
