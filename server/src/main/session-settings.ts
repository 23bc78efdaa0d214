import type { Settings } from '../config/settings.js';
import type { SessionSettings } from '../session/session-settings.js';

/** What a live session begins with where its client wants nothing else. */
export function sessionSettings(settings: Settings): SessionSettings {
  const { speechThreshold: threshold, minSilenceMs, minSpeechMs, prefixPaddingMs, maxUtteranceMs } = settings;
  const { partialIntervalMs, bufferedAudioMsMax, messageBytesMax } = settings;
  const sentenceSilenceMs = settings.sentenceSilenceMs === 0 ? undefined : settings.sentenceSilenceMs;
  return {
    endpointing: { threshold, minSilenceMs, sentenceSilenceMs, minSpeechMs, prefixPaddingMs, maxUtteranceMs },
    partialIntervalMs,
    bufferedAudioMsMax,
    messageBytesMax,
    polish: {
      segmentMs: settings.polishBudgetMs,
      stopMs: settings.polishStopBudgetMs,
      // The rest of the drain is for what else there is to say.
      drainMs: Math.min(settings.polishStopBudgetMs, settings.drainTimeoutMs / 2),
    },
  };
}
