// Writes cues as WebVTT (https://www.w3.org/TR/webvtt1/).
import { captionLines } from './caption-lines.js';
import type { Cue } from './cues.js';

/** MIME type of a WebVTT file. */
export const VTT_CONTENT_TYPE = 'text/vtt; charset=utf-8';

/**
 * A whole file. `header`: lines that follow the signature, such as HLS's X-TIMESTAMP-MAP.
 *
 * Cue text is escaped: what was said is never markup.
 */
export function webVtt(cues: readonly Cue[], header: readonly string[] = []): string {
  return `${['WEBVTT', ...header].join('\n')}\n${cues.map(vttCue).join('')}`;
}

function vttCue({ startMs, endMs, text, speaker }: Cue): string {
  const end = Math.max(endMs, startMs + 1);
  const voice = speaker === undefined ? '' : `<v ${escapeText(speaker)}>`;
  const lines = escapeText(captionLines(text).join('\n'));
  return `\n${cueTime(startMs, '.')} --> ${cueTime(end, '.')}\n${voice}${lines}\n`;
}

/** hours:minutes:seconds and milliseconds, behind a point (WebVTT) or a comma (SubRip). */
export function cueTime(ms: number, decimalMark: ',' | '.'): string {
  const total = Math.max(0, Math.round(ms));
  const clock = [total / 3_600_000, (total / 60_000) % 60, (total / 1_000) % 60].map((part) => digits(part, 2));
  return `${clock.join(':')}${decimalMark}${digits(total % 1_000, 3)}`;
}

function digits(value: number, length: number): string {
  return String(Math.floor(value)).padStart(length, '0');
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
