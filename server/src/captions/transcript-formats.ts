// A finished transcript as a file of text: plain, JSON, SubRip, WebVTT, or tab-separated.
import { joinTexts } from '@sotto/protocol';
import { captionLines } from './caption-lines.js';
import { cuesOf, type Cue, type TranscriptSegment } from './cues.js';
import { paceCues } from './cues.js';
import { speakerOf, withSpeaker } from './speakers.js';
import { cueTime, webVtt } from './web-vtt.js';

export const TRANSCRIPT_FORMATS = ['txt', 'json', 'srt', 'vtt', 'tsv'] as const;

export type TranscriptFormat = (typeof TRANSCRIPT_FORMATS)[number];

/**
 * The file's text, ending in a newline. Segments without words (noise) are left out. Where each channel is a speaker,
 * texts and subtitles name it: before the text, as WebVTT's voice, or in a column of its own.
 */
export function formatTranscript(format: TranscriptFormat, segments: readonly TranscriptSegment[]): string {
  const spoken = segments.filter(({ text }) => text.trim() !== '');
  switch (format) {
    case 'txt':
      return spoken.map((segment) => `${withSpeaker(segment).text.trim()}\n`).join('');
    case 'json':
      return `${JSON.stringify({ text: joinTexts(spoken.map(({ text }) => text)), segments: spoken }, undefined, 2)}\n`;
    case 'srt':
      return subtitles(spoken.map(withSpeaker)).map(subRipCue).join('');
    case 'vtt':
      return webVtt(subtitles(spoken));
    case 'tsv':
      return tsv(spoken);
  }
}

function subtitles(segments: readonly TranscriptSegment[]): Cue[] {
  return paceCues(
    segments.flatMap((segment) => cuesOf(segment).map((cue) => ({ ...cue, speaker: speakerOf(segment) }))),
  );
}

function subRipCue({ startMs, endMs, text }: Cue, index: number): string {
  const times = `${cueTime(startMs, ',')} --> ${cueTime(Math.max(endMs, startMs + 1), ',')}`;
  return `${index + 1}\n${times}\n${captionLines(text).join('\n')}\n\n`;
}

/** Whole milliseconds, as the command line tool of Whisper writes them. */
function tsv(segments: readonly TranscriptSegment[]): string {
  const hasSpeakers = segments.some((segment) => speakerOf(segment) !== undefined);
  const rows = segments.map((segment) => [
    Math.round(segment.startMs),
    Math.round(segment.endMs),
    ...(hasSpeakers ? [speakerOf(segment) ?? ''] : []),
    segment.text.trim().replaceAll(/\s+/gu, ' '),
  ]);
  const head = ['start', 'end', ...(hasSpeakers ? ['speaker'] : []), 'text'];
  return [head, ...rows].map((row) => `${row.join('\t')}\n`).join('');
}
