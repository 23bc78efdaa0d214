// A finished transcript as a file: plain text, JSON, SubRip or WebVTT.
import { joinTexts } from '@sotto/client';
import { CUE_LINE_COLUMNS, cuesOf, type Cue, type TranscriptSegment } from './transcribe-cues.js';
import { wrapText } from './wrap-text.js';

export const TRANSCRIPT_FORMATS = ['txt', 'json', 'srt', 'vtt'] as const;

export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number];

/** The file's text, ending in a newline. Segments without words (noise) are left out. */
export function formatTranscript(format: TranscriptFormat, segments: readonly TranscriptSegment[]): string {
  const spoken = segments.filter(({ text }) => text.trim() !== '');
  switch (format) {
    case 'txt':
      return spoken.map(({ text }) => `${text.trim()}\n`).join('');
    case 'json':
      return `${JSON.stringify({ text: joinTexts(spoken.map(({ text }) => text)), segments: spoken }, undefined, 2)}\n`;
    case 'srt':
      return spoken
        .flatMap(cuesOf)
        .map((cue, index) => `${index + 1}\n${cueTimes(cue, ',')}\n${cueLines(cue)}\n\n`)
        .join('');
    case 'vtt': {
      const cues = spoken.flatMap(cuesOf).map((cue) => `\n${cueTimes(cue, '.')}\n${escapeVtt(cueLines(cue))}\n`);
      return `WEBVTT\n${cues.join('')}`;
    }
  }
}

function cueTimes({ startMs, endMs }: Cue, decimalMark: ',' | '.'): string {
  return `${timestamp(startMs, decimalMark)} --> ${timestamp(Math.max(endMs, startMs + 1), decimalMark)}`;
}

function cueLines({ text }: Cue): string {
  return wrapText(text, CUE_LINE_COLUMNS)
    .map((line) => line.text)
    .join('\n');
}

/** hours:minutes:seconds and milliseconds. */
function timestamp(ms: number, decimalMark: string): string {
  const total = Math.max(0, Math.round(ms));
  const clock = [total / 3_600_000, (total / 60_000) % 60, (total / 1_000) % 60].map((part) => digits(part, 2));
  return `${clock.join(':')}${decimalMark}${digits(total % 1_000, 3)}`;
}

function digits(value: number, length: number): string {
  return String(Math.floor(value)).padStart(length, '0');
}

function escapeVtt(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
