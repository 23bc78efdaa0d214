// Takes the transcript out of the page: as one text, or into a file.
import { joinTexts } from '@sotto/protocol';
import type { TranscriptSegment } from '../../../src/captions/cues.js';
import type { TranscriptFormat } from '../../../src/captions/transcript-formats.js';
import { shownText, type Segment } from './segment.js';

const MEDIA_TYPES: Readonly<Record<TranscriptFormat, string>> = {
  txt: 'text/plain',
  srt: 'application/x-subrip',
  vtt: 'text/vtt',
  tsv: 'text/tab-separated-values',
  json: 'application/json',
};

/** The formats that the page offers: those that people open. */
export const FORMATS = ['txt', 'srt', 'vtt', 'json'] as const satisfies readonly TranscriptFormat[];

/** What is seen of it, as one text. */
export function textOf(segments: readonly Segment[]): string {
  return joinTexts(segments.map(shownText));
}

/** Starts a download, in the same formats as `sotto transcribe`. */
export async function saveTranscript(format: TranscriptFormat, segments: readonly Segment[]): Promise<void> {
  const { formatTranscript } = await import('../../../src/captions/transcript-formats.js');
  const blob = new Blob(
    [formatTranscript(format, format === 'json' ? segments.map(asRecord) : segments.map(asShown))],
    { type: `${MEDIA_TYPES[format]};charset=utf-8` },
  );
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `sotto-${fileTime(new Date())}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A segment as it is read: words have their times only where they are the words that were said. */
function asShown(segment: Segment): TranscriptSegment {
  const { text, startMs, endMs } = segment;
  return shownText(segment) === text.trim() ? segment : { text: shownText(segment), startMs, endMs };
}

/** All that is known of a segment: what was said, with its times, and what was made of it. */
function asRecord({ text, startMs, endMs, language, words, polished }: Segment): TranscriptSegment {
  const more = {
    ...(words === undefined ? {} : { words }),
    ...(polished === undefined ? {} : { polished: polished.text }),
  };
  return Object.assign({ text, startMs, endMs, language }, more);
}

/** `2026-11-23-0935`, local time. */
function fileTime(now: Date): string {
  const [month, day, hour, minute] = [now.getMonth() + 1, now.getDate(), now.getHours(), now.getMinutes()].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${now.getFullYear()}-${month}-${day}-${hour}${minute}`;
}
