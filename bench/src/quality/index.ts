// Word and character error rates with Whisper's normalisers. They live in models, because calibration measures with
// them too.
export {
  comparedUnit,
  comparedUnits,
  countErrors,
  type ErrorCounts,
  errorRate,
  normalizeEnglish,
  scoreText,
  totalErrors,
} from '@sotto/models';
