// Takes the transcript out of the page: to the clipboard or into a file.
import { joinTexts } from '@sotto/client';
import type { TranscriptFormat } from '../../../src/captions/transcript-formats.js';
import type { Segment } from './live-stream.js';

const MEDIA_TYPES: Readonly<Record<TranscriptFormat, string>> = {
  txt: 'text/plain',
  srt: 'application/x-subrip',
  vtt: 'text/vtt',
  tsv: 'text/tab-separated-values',
  json: 'application/json',
};

export const FORMATS = Object.keys(MEDIA_TYPES) as TranscriptFormat[];

/** Rejects where the browser refuses. */
export async function copyTranscript(segments: readonly Segment[]): Promise<void> {
  const text = joinTexts(segments.map(({ text }) => text));
  if (navigator.clipboard !== undefined) await navigator.clipboard.writeText(text);
  else copyThroughSelection(text);
}

/** Starts a download, in the same formats as `sotto transcribe`. */
export async function saveTranscript(format: TranscriptFormat, segments: readonly Segment[]): Promise<void> {
  const { formatTranscript } = await import('../../../src/captions/transcript-formats.js');
  const blob = new Blob([formatTranscript(format, segments)], { type: `${MEDIA_TYPES[format]};charset=utf-8` });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = `sotto-${fileTime(new Date())}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** `2026-11-23-0935`, local time. */
function fileTime(now: Date): string {
  const [month, day, hour, minute] = [now.getMonth() + 1, now.getDate(), now.getHours(), now.getMinutes()].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${now.getFullYear()}-${month}-${day}-${hour}${minute}`;
}

/** The clipboard interface exists in secure contexts only; the old command everywhere. */
function copyThroughSelection(text: string): void {
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  if (!isCopied) throw new Error('The browser refused to copy.');
}
