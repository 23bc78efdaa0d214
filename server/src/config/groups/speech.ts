// When speech begins and ends, where clients do not say.
import { SESSION_DEFAULTS } from '../../session/session-settings.js';
import { choice, fraction, integer } from '../setting.js';

export const SPEECH_SETTINGS = {
  vad: choice(['silero', 'null'], 'silero', {
    meaning:
      'What separates speech from silence. null takes everything for silence: with the null engine, no model at all, for benchmarks of the gateway.',
  }),
  vadRuns: integer(0, {
    unit: 'runs',
    min: 0,
    max: 64,
    meaning:
      'VAD runs at the same time, one thread each; one run serves several hundred streams. 0: one for every four cores, 1 to 4.',
  }),
  partialIntervalMs: integer(SESSION_DEFAULTS.partialIntervalMs, {
    unit: 'milliseconds',
    min: 100,
    max: 10_000,
    meaning: 'New audio between two partials, where the client does not say. Shorter costs more compute.',
  }),
  speechThreshold: fraction(SESSION_DEFAULTS.endpointing.threshold, {
    min: 0.05,
    max: 0.95,
    meaning: 'Speech probability at which speech begins, where the client does not say.',
  }),
  minSilenceMs: integer(SESSION_DEFAULTS.endpointing.minSilenceMs, {
    unit: 'milliseconds',
    min: 96,
    max: 10_000,
    meaning:
      'Silence that ends an utterance, where the client does not say. Shorter: earlier finals, more cuts inside sentences.',
  }),
  sentenceSilenceMs: integer(SESSION_DEFAULTS.endpointing.sentenceSilenceMs, {
    unit: 'milliseconds',
    min: 0,
    max: 10_000,
    meaning:
      'Silence that ends an utterance whose text is a complete sentence, where the client does not name minSilenceMs. 0: as long as for any other.',
  }),
  minSpeechMs: integer(SESSION_DEFAULTS.endpointing.minSpeechMs, {
    unit: 'milliseconds',
    min: 0,
    max: 5_000,
    meaning: 'Speech shorter than this is ignored, where the client does not say.',
  }),
  prefixPaddingMs: integer(SESSION_DEFAULTS.endpointing.prefixPaddingMs, {
    unit: 'milliseconds',
    min: 0,
    max: 2_000,
    meaning: 'Audio kept before the detected start of speech, where the client does not say.',
  }),
  maxUtteranceMs: integer(SESSION_DEFAULTS.endpointing.maxUtteranceMs, {
    unit: 'milliseconds',
    min: 2_000,
    max: 28_000,
    meaning: 'An utterance is cut at its best pause before it grows longer, where the client does not say.',
  }),
} as const;
