// Sounds in which nobody speaks, made by rule: what a microphone hears of a room, of machines, of music and of people
// who say nothing. The same seed gives the same sounds.
import { seededRandom } from '../audio/seeded-random.js';

/** Samples a second. */
const RATE = 16_000;

/** A sound of some length, at any level: it is brought to one afterwards. */
type Sound = (samples: number, random: () => number) => Float32Array;

export interface NoiseStretch {
  readonly kind: string;
  /** Root mean square over the whole stretch, dB below full scale; loud moments are louder. */
  readonly levelDb: number;
  readonly samples: Float32Array;
}

/** Levels at which each sound is played, dB below full scale. */
export const NOISE_LEVELS_DB = [-60, -45, -32, -20] as const;

const white: Sound = (samples, random) => Float32Array.from({ length: samples }, () => gaussian(random));

/** Falls by 3 dB an octave: seven states of first order (Paul Kellet's filter). */
const pink: Sound = (samples, random) => {
  const poles = [0.99886, 0.99332, 0.969, 0.8665, 0.55, -0.7616] as const;
  const gains = [0.0555179, 0.0750759, 0.153852, 0.3104856, 0.5329522, -0.016898] as const;
  const states = poles.map(() => 0);
  return Float32Array.from({ length: samples }, () => {
    const input = gaussian(random);
    let sum = 0.5362 * input;
    for (const [at, pole] of poles.entries()) {
      states[at] = pole * (states[at] ?? 0) + (gains[at] ?? 0) * input;
      sum += states[at] ?? 0;
    }
    return sum;
  });
};

/** Falls by 6 dB an octave. */
const brown: Sound = (samples, random) => {
  let state = 0;
  return Float32Array.from({ length: samples }, () => (state = 0.995 * state + gaussian(random)));
};

/** Mains and its harmonics, with a little of the room. */
const hum: Sound = (samples, random) => {
  const base = random() < 0.5 ? 50 : 60;
  const room = pink(samples, random);
  return Float32Array.from({ length: samples }, (_, at) => {
    let sum = 0.05 * (room[at] ?? 0);
    for (let harmonic = 1; harmonic <= 8; harmonic += 1) {
      sum += Math.sin((2 * Math.PI * base * harmonic * at) / RATE) / harmonic ** 1.5;
    }
    return sum;
  });
};

/** Air that is moved by blades. */
const fan: Sound = (samples, random) => {
  const turns = 8 + 20 * random();
  return bandPass(pink(samples, random), 300, 0.7).map(
    (value, at) => value * (1 + 0.3 * Math.sin((2 * Math.PI * turns * at) / RATE)),
  );
};

/** Keys, doors, cups: short bursts at odd times, each with a tone of its own. */
const clicks: Sound = (samples, random) => {
  const out = pink(samples, random).map((value) => 0.01 * value);
  for (let at = 0; at < samples; at += Math.floor(RATE * (0.08 + random() ** 2))) {
    const tone = 300 + 4_000 * random();
    const decay = 20 + 200 * random();
    const loud = 0.3 + 2 * random();
    for (let after = 0; after < RATE / 5 && at + after < samples; after += 1) {
      const envelope = Math.exp((-decay * after) / RATE);
      const ring = 0.5 * gaussian(random) + Math.sin((2 * Math.PI * tone * after) / RATE);
      out[at + after] = (out[at + after] ?? 0) + loud * envelope * ring;
    }
  }
  return out;
};

/** In and out, through the nose and through the mouth. */
const breath: Sound = (samples, random) => {
  const period = RATE * (2.5 + 2 * random());
  const [inwards, outwards] = [
    bandPass(white(samples, random), 1_800, 0.8),
    bandPass(white(samples, random), 700, 1.2),
  ];
  return Float32Array.from({ length: samples }, (_, at) => {
    const phase = (at % period) / period;
    const [sound, from, to, loud] = phase < 0.45 ? [inwards, 0.05, 0.4, 0.6] : [outwards, 0.5, 0.95, 1];
    const within = (phase - from) / (to - from);
    const envelope = within > 0 && within < 1 ? Math.sin(Math.PI * within) ** 2 : 0;
    return loud * envelope * (sound[at] ?? 0);
  });
};

/** Chords under a melody, plucked, over a beat: no voice in it. */
const music: Sound = (samples, random) => {
  const out = new Float32Array(samples);
  const scale = [0, 2, 4, 5, 7, 9, 11, 12];
  const beat = Math.floor(RATE * (0.35 + 0.3 * random()));
  const root = 110 * 2 ** (Math.floor(12 * random()) / 12);
  const pluck = (from: number, frequency: number, loud: number, seconds: number): void => {
    for (let after = 0; after < seconds * RATE && from + after < samples; after += 1) {
      const envelope = Math.min(1, after / 80) * Math.exp((-3 * after) / (seconds * RATE));
      let sum = 0;
      for (let harmonic = 1; harmonic <= 5; harmonic += 1) {
        sum += Math.sin((2 * Math.PI * frequency * harmonic * after) / RATE) / harmonic ** 1.7;
      }
      out[from + after] = (out[from + after] ?? 0) + loud * envelope * sum;
    }
  };
  for (let count = 0; count * beat < samples; count += 1) {
    const at = count * beat;
    const degree = Math.floor(scale.length * random());
    pluck(at, 2 * root * 2 ** ((scale[degree] ?? 0) / 12), 0.5, 0.8);
    if (count % 4 === 0) {
      const chord = [0, 5, 7, 9][Math.floor(4 * random())] ?? 0;
      for (const third of [0, 4, 7]) pluck(at, root * 2 ** ((chord + third) / 12), 0.4, 2.5);
    }
    for (let after = 0; after < RATE / 12 && at + after < samples; after += 1) {
      out[at + after] = (out[at + after] ?? 0) + 0.6 * gaussian(random) * Math.exp((-60 * after) / RATE);
    }
  }
  return out;
};

/** Telephones, alarms, feedback: tones that come and go and glide. */
const tones: Sound = (samples, random) => {
  let phase = 0;
  let frequency = 440;
  let isOn = true;
  let left = 0;
  let glide = 0;
  return Float32Array.from({ length: samples }, () => {
    if (left <= 0) {
      isOn = !isOn || random() < 0.3;
      left = RATE * (0.1 + random());
      frequency = 300 + 2_500 * random();
      glide = random() < 0.3 ? (random() - 0.5) * 0.05 : 0;
    }
    left -= 1;
    frequency = Math.min(4_000, Math.max(100, frequency + glide));
    phase += (2 * Math.PI * frequency) / RATE;
    return (isOn ? Math.sin(phase) : 0) + 0.005 * gaussian(random);
  });
};

/** Wind on the microphone: low, in gusts. */
const wind: Sound = (samples, random) => {
  const gusts = brown(Math.ceil(samples / 800) + 2, random);
  return bandPass(brown(samples, random), 150, 0.5).map((value, at) => {
    const [from, part] = [Math.floor(at / 800), (at % 800) / 800];
    return value * Math.abs((gusts[from] ?? 0) * (1 - part) + (gusts[from + 1] ?? 0) * part);
  });
};

export const NOISES: Readonly<Record<string, Sound>> = {
  white,
  pink,
  brown,
  hum,
  fan,
  clicks,
  breath,
  music,
  tones,
  wind,
};

/**
 * Every kind at every level, round by round, and digital silence once a round, until the time is over.
 * @param seconds of one stretch
 */
export function* noiseStretches(minutes: number, seconds: number, seed: number): Generator<NoiseStretch> {
  const random = seededRandom(seed);
  let left = minutes * 60;
  while (left > 0) {
    const round = Object.entries(NOISES).flatMap(([kind, sound]) =>
      NOISE_LEVELS_DB.map((levelDb) => ({ kind, sound, levelDb })),
    );
    round.push({ kind: 'silence', sound: (samples) => new Float32Array(samples), levelDb: -60 });
    for (const { kind, sound, levelDb } of round) {
      if (left <= 0) return;
      left -= seconds;
      yield { kind, levelDb, samples: atLevel(sound(seconds * RATE, random), levelDb) };
    }
  }
}

/** Scales to a level (root mean square); what then is beyond full scale is cut off, as a microphone does. */
export function atLevel(samples: Float32Array, levelDb: number): Float32Array {
  const power = samples.reduce((sum, value) => sum + value * value, 0) / Math.max(1, samples.length);
  const gain = power === 0 ? 0 : 10 ** (levelDb / 20) / Math.sqrt(power);
  return samples.map((value) => Math.max(-1, Math.min(1, gain * value)));
}

/** Box and Muller, 1958. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Second order, constant peak gain (Robert Bristow-Johnson's cookbook). */
function bandPass(input: Float32Array, frequency: number, quality: number): Float32Array {
  const angle = (2 * Math.PI * frequency) / RATE;
  const alpha = Math.sin(angle) / (2 * quality);
  const [a0, a1, a2] = [1 + alpha, -2 * Math.cos(angle), 1 - alpha];
  let [x1, x2, y1, y2] = [0, 0, 0, 0];
  return input.map((x) => {
    const y = (alpha * (x - x2) - a1 * y1 - a2 * y2) / a0;
    [x2, x1, y2, y1] = [x1, x, y1, y];
    return y;
  });
}
