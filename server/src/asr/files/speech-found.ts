// Whether a recording holds about as much speech as one that is sent to be transcribed.
import type { TranscribedSegment } from './file-transcriber.js';

/** A shorter recording may well be one word; less than this share of a longer one is hardly any. */
const [RECORDING_MS_MIN, SHARE_MIN] = [5_000, 0.05];

/** Counts speech as it is recognised. */
export class SpeechFound {
  #speechMs = 0;

  add({ text, startMs, endMs }: Pick<TranscribedSegment, 'text' | 'startMs' | 'endMs'>): void {
    if (text.trim() !== '') this.#speechMs += endMs - startMs;
  }

  /** What to tell whoever sent a recording of this length; undefined: nothing. */
  warning(recordingMs: number): string | undefined {
    if (recordingMs < RECORDING_MS_MIN || this.#speechMs >= recordingMs * SHARE_MIN) return undefined;
    const [speech, all] = [this.#speechMs, recordingMs].map((ms) => (ms / 1_000).toFixed(1));
    return `Hardly any speech was found: ${speech} s of ${all} s. Is it another track or channel, or too quiet?`;
  }
}
