// Speech with numbers in it that the server's engine `marked` hears: what must come of it is known word by word.

/** A number stands in the low bytes of so many samples in a row, 10 ms at 16 kHz. */
const MARK_SAMPLES = 160;
/** From one number to the next at least, samples. */
const DISTANCE_SAMPLES = 4_800;
/** A number stands where speech is at least so loud, against the loudest place of its clip. */
const LOUDNESS_MIN = 0.3;
const NUMBERS = 255;
const RATE = 16_000;

/**
 * Clips of speech with silence around them, and the places in them that are loud: no cut between utterances is there.
 */
export interface SpeechToMark {
  /** The low byte of each is 0. */
  readonly samples: Int16Array;
  readonly places: readonly number[];
}

export interface MarkedSpeech {
  /** `pcm_s16le`, 16 kHz, mono. */
  readonly samples: Int16Array;
  /** The words that must come, in their order. */
  readonly words: readonly string[];
}

/** @param clips 16 kHz mono, @param gapMs silence before each and behind the last */
export function speechToMark(clips: readonly Float32Array[], gapMs: number): SpeechToMark {
  const gap = (gapMs * RATE) / 1_000;
  const samples = new Int16Array(clips.reduce((sum, { length }) => sum + length + gap, gap));
  const places: number[] = [];
  let at = gap;
  for (const clip of clips) {
    for (const [index, sample] of clip.entries()) samples[at + index] = Math.round(sample * 32_767) & ~0xff;
    places.push(...loudPlaces(clip).map((place) => at + place));
    at += clip.length + gap;
  }
  return { samples, places };
}

/** @param first number of the first word; behind 255 comes 1 */
export function mark({ samples, places }: SpeechToMark, first: number): MarkedSpeech {
  const marked = samples.slice();
  const numbers = places.slice(0, NUMBERS).map((_, index) => ((first - 1 + index) % NUMBERS) + 1);
  for (const [index, number] of numbers.entries()) {
    const place = places[index] ?? 0;
    for (let at = place; at < place + MARK_SAMPLES; at++) marked[at] = (marked[at] ?? 0) | number;
  }
  return { samples: marked, words: numbers.map(String) };
}

/** The loudest frames of a clip, none near another, in their order. */
function loudPlaces(clip: Float32Array): number[] {
  const frames = Array.from({ length: Math.floor(clip.length / MARK_SAMPLES) }, (_, index) => {
    const at = index * MARK_SAMPLES;
    let energy = 0;
    for (const sample of clip.subarray(at, at + MARK_SAMPLES)) energy += sample * sample;
    return { at, energy };
  }).toSorted((a, b) => b.energy - a.energy);
  const enough = (frames[0]?.energy ?? 0) * LOUDNESS_MIN ** 2;
  const places: number[] = [];
  for (const { at, energy } of frames) {
    if (energy < enough) break;
    if (places.every((place) => Math.abs(place - at) >= DISTANCE_SAMPLES)) places.push(at);
  }
  return places.toSorted((a, b) => a - b);
}
