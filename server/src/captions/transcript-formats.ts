// A finished transcript as a file of text: plain, JSON, SubRip, WebVTT, or tab-separated.
import { joinTexts } from '@sotto/protocol';
import { captionLines } from './caption-lines.js';
import { cuesOf, type Cue, type TranscriptSegment } from './cues.js';
import { paceCues } from './cues.js';
import { cueTime, webVtt } from './web-vtt.js';

export const TRANSCRIPT_FORMATS = ['txt', 'json', 'srt', 'vtt', 'tsv'] as const;

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
      return subtitles(spoken).map(subRipCue).join('');
    case 'vtt':
      return webVtt(subtitles(spoken));
    case 'tsv':
      return `start\tend\ttext\n${spoken.map(tsvRow).join('')}`;
  }
}

function subtitles(segments: readonly TranscriptSegment[]): Cue[] {
  return paceCues(segments.flatMap(cuesOf));
}

function subRipCue({ startMs, endMs, text }: Cue, index: number): string {
  const times = `${cueTime(startMs, ',')} --> ${cueTime(Math.max(endMs, startMs + 1), ',')}`;
  return `${index + 1}\n${times}\n${captionLines(text).join('\n')}\n\n`;
}

/** Whole milliseconds, as the command line tool of Whisper writes them. */
function tsvRow({ startMs, endMs, text }: TranscriptSegment): string {
  return `${Math.round(startMs)}\t${Math.round(endMs)}\t${text.trim().replaceAll(/\s+/gu, ' ')}\n`;
}
