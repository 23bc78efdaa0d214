// Models for measurements: random weights, or a small model in a large one's dimensions.
export { isWhisperSize, WHISPER_SIZES, type WhisperSize, type WhisperSizeName } from './sizes.js';
export { synthesizeModel, type SynthOptions } from './synthesize.js';
export { widenModel, type SmallModel } from './widen.js';
