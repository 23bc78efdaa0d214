// The constants of Whisper's log-mel spectrogram: the windowed Fourier basis and the mel filter bank (openai/whisper
// `audio.py`).

/** Hz. */
export const sampleRate = 16_000;
/** Samples of one Fourier frame: 25 ms. */
export const fftLength = 400;
/** Samples between frames: 10 ms. */
export const hopLength = 160;
/** Frequencies 0..8000 Hz. */
export const frequencyBins = fftLength / 2 + 1;
/** Samples per encoder frame: the encoder's second convolution halves the rate. */
export const samplesPerEncoderFrame = 2 * hopLength;

/**
 * cos rows, then sin rows, times the periodic Hann window: [2 * frequencyBins, fftLength]. The DFT of a frame is their
 * product with it.
 */
export function fourierBasis(): Float32Array {
  const basis = new Float32Array(2 * frequencyBins * fftLength);
  for (let n = 0; n < fftLength; n++) {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * n) / fftLength);
    for (let k = 0; k < frequencyBins; k++) {
      // The angle is reduced before the multiplication: exact for any k and n.
      const angle = (2 * Math.PI * ((k * n) % fftLength)) / fftLength;
      basis[k * fftLength + n] = window * Math.cos(angle);
      basis[(frequencyBins + k) * fftLength + n] = -window * Math.sin(angle);
    }
  }
  return basis;
}

/**
 * Triangular filters of equal area on Slaney's mel scale, 0..8000 Hz: [melBins, frequencyBins], as
 * `librosa.filters.mel` makes them.
 */
export function melFilterBank(melBins: number): Float32Array {
  const top = hzToMel(sampleRate / 2);
  const edges = Array.from({ length: melBins + 2 }, (_, i) => melToHz((top * i) / (melBins + 1)));
  const filters = new Float32Array(melBins * frequencyBins);
  for (let m = 0; m < melBins; m++) {
    const [low, centre, high] = [edges[m] ?? 0, edges[m + 1] ?? 0, edges[m + 2] ?? 0];
    const area = 2 / (high - low);
    for (let k = 0; k < frequencyBins; k++) {
      const hz = (k * sampleRate) / fftLength;
      const rise = (hz - low) / (centre - low);
      const fall = (high - hz) / (high - centre);
      filters[m * frequencyBins + k] = area * Math.max(0, Math.min(rise, fall));
    }
  }
  return filters;
}

/** Slaney's scale: linear below 1 kHz (3 mel per 200 Hz), logarithmic above (27 mel per factor 6.4). */
const kneeHz = 1000;
const kneeMel = 15;
const melPerHz = 3 / 200;
const melPerNeper = 27 / Math.log(6.4);

function hzToMel(hz: number): number {
  return hz < kneeHz ? hz * melPerHz : kneeMel + Math.log(hz / kneeHz) * melPerNeper;
}

function melToHz(mel: number): number {
  return mel < kneeMel ? mel / melPerHz : kneeHz * Math.exp((mel - kneeMel) / melPerNeper);
}
