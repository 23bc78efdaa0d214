// Streaming sample rate conversion in plain TypeScript: a polyphase windowed-sinc low-pass whose state lives on between
// calls.

/**
 * Zero crossings of the sinc on either side, counted at the lower of both rates: the length, and so the steepness, of
 * the filter.
 */
const ZERO_CROSSINGS = 40;
/** Kaiser's beta: 8.6 keeps the stop band 90 dB down (Kaiser 1974; Oppenheim & Schafer, 7.5.3). */
const KAISER_BETA = 8.6;
/**
 * The middle of the transition band as a share of the lower Nyquist frequency: with the length above it ends at
 * Nyquist, so nothing folds back.
 */
const CUTOFF = 0.93;

/**
 * Converts one mono stream. Output sample n is input time n / outputRate (the filter's delay is taken off), and the
 * result does not depend on how the stream was cut into chunks. From 48 kHz to 16 kHz the pass band reaches 6.9 kHz; 8
 * kHz and all beyond fall by 80 dB or more.
 */
export class StreamResampler {
  readonly #up: number;
  readonly #down: number;
  /** One row of taps for each phase, length 2 * half each. */
  readonly #phases: readonly Float32Array[];
  /** Input samples that the filter sees on either side of a point in time. */
  readonly #half: number;
  /** Input from `#start` on, not all of it used up. */
  #pending: Float32Array;
  #start: number;
  /** Outputs made so far. */
  #made = 0;
  #received = 0;
  readonly inputRate: number;
  readonly outputRate: number;

  /** @throws {RangeError} if a rate (Hz) is not a positive integer */
  constructor(inputRate: number, outputRate: number) {
    this.inputRate = inputRate;
    this.outputRate = outputRate;
    for (const rate of [inputRate, outputRate]) {
      if (!Number.isInteger(rate) || rate <= 0) throw new RangeError(`${rate} Hz is not a sample rate.`);
    }
    const divisor = greatestCommonDivisor(inputRate, outputRate);
    this.#up = outputRate / divisor;
    this.#down = inputRate / divisor;
    const share = Math.min(1, outputRate / inputRate);
    this.#half = Math.ceil(ZERO_CROSSINGS / share);
    this.#phases = Array.from({ length: this.#up }, (_, phase) => taps(phase / this.#up, this.#half, share));
    // Silence before the first sample.
    this.#pending = new Float32Array(this.#half - 1);
    this.#start = 1 - this.#half;
  }

  /** Converts the next samples; the last 1-2 ms are held back until the filter has seen what follows. */
  push(samples: Float32Array): Float32Array {
    this.#received += samples.length;
    return this.inputRate === this.outputRate ? samples : this.#convert(samples);
  }

  /** Ends the stream with silence: what was held back. In all, n samples become ceil(n * outputRate / inputRate). */
  flush(): Float32Array {
    if (this.inputRate === this.outputRate) return new Float32Array(0);
    const total = Math.ceil((this.#received * this.#up) / this.#down);
    const missing = total - this.#made;
    return this.#convert(new Float32Array(this.#half + 1)).subarray(0, missing);
  }

  #convert(samples: Float32Array): Float32Array {
    const input = new Float32Array(this.#pending.length + samples.length);
    input.set(this.#pending);
    input.set(samples, this.#pending.length);
    const end = this.#start + input.length;

    // Output n sits between input samples `at` and `at + 1`, and needs input up to `at + half`.
    const output: number[] = [];
    let at = Math.floor((this.#made * this.#down) / this.#up);
    for (; at + this.#half < end; at = Math.floor((this.#made * this.#down) / this.#up)) {
      const row = this.#phases[(this.#made * this.#down) % this.#up] ?? new Float32Array(0);
      const first = at - this.#half + 1 - this.#start;
      let sum = 0;
      for (let tap = 0; tap < row.length; tap++) sum += (row[tap] ?? 0) * (input[first + tap] ?? 0);
      output.push(sum);
      this.#made++;
    }
    const kept = Math.min(end, at - this.#half + 1);
    this.#pending = input.slice(kept - this.#start);
    this.#start = kept;
    return Float32Array.from(output);
  }
}

/**
 * Weights of the input samples at -half+1 .. half around a point that lies `fraction` behind sample 0; they add up to
 * one.
 */
function taps(fraction: number, half: number, share: number): Float32Array {
  const cutoff = CUTOFF * share;
  const row = Float64Array.from({ length: 2 * half }, (_, tap) => {
    const distance = tap - half + 1 - fraction;
    return cutoff * sinc(cutoff * distance) * kaiser(distance / half);
  });
  const sum = row.reduce((total, weight) => total + weight, 0);
  return Float32Array.from(row, (weight) => weight / sum);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** The Kaiser window at -1 .. 1. */
function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : besselI0(KAISER_BETA * Math.sqrt(1 - x * x)) / besselI0(KAISER_BETA);
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
