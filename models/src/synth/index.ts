// Models with random weights, for measurements.
export { isWhisperSize, WHISPER_SIZES, type WhisperSize, type WhisperSizeName } from './sizes.js';
export { synthesizeModel, type SynthOptions } from './synthesize.js';
