// A finished transcript as a file: plain text, JSON, SubRip or WebVTT.
import { joinTexts } from '@sotto/client';
import { captionLines } from '../captions/caption-lines.js';
import { cuesOf, type TranscriptSegment } from '../captions/cues.js';
import { cueTime, webVtt } from '../captions/web-vtt.js';

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
        .map(({ startMs, endMs, text }, index) => {
          const times = `${cueTime(startMs, ',')} --> ${cueTime(Math.max(endMs, startMs + 1), ',')}`;
          return `${index + 1}\n${times}\n${captionLines(text).join('\n')}\n\n`;
        })
        .join('');
    case 'vtt':
      return webVtt(spoken.flatMap(cuesOf));
  }
}
