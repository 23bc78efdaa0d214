// How good a transcript is: the public door of normalisers and error rates.
export { comparedUnit, comparedUnits } from './compared-units.js';
export { normalizeEnglish } from './english-normalizer.js';
export { align, type Aligned } from './align.js';
export { countErrors, type ErrorCounts, errorRate, NO_ERRORS, scoreText, totalErrors } from './error-rate.js';
