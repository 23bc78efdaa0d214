// A kept transcript as clients get it: JSON, subtitles, text, or a Word document, raw or polished.
import { joinTexts } from '@sotto/protocol';
import type { TranscriptSegment } from '../captions/cues.js';
import { withSpeaker } from '../captions/speakers.js';
import { formatTranscript } from '../captions/transcript-formats.js';
import { VTT_CONTENT_TYPE } from '../captions/web-vtt.js';
import { docxOf, DOCX_CONTENT_TYPE } from './docx.js';
import type { KeptSegment, TranscriptRecord } from './transcript.js';

export const DOCUMENT_FORMATS = ['json', 'txt', 'srt', 'vtt', 'tsv', 'docx'] as const;

export type DocumentFormat = (typeof DOCUMENT_FORMATS)[number];

export const DOCUMENT_CONTENT_TYPES: Readonly<Record<DocumentFormat, string>> = {
  json: 'application/json; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  srt: 'application/x-subrip; charset=utf-8',
  vtt: VTT_CONTENT_TYPE,
  tsv: 'text/tab-separated-values; charset=utf-8',
  docx: DOCX_CONTENT_TYPE,
};

export type TextChoice = 'raw' | 'polished';

/** The transcript as a file. Polished text stands where there is any, raw text elsewhere. */
export function transcriptDocument(
  format: DocumentFormat,
  record: TranscriptRecord,
  segments: readonly KeptSegment[],
  choice: TextChoice,
): string | Uint8Array {
  const chosen = choice === 'polished' ? segments.map(polishedSegment) : segments;
  const { polished } = record;
  const whole = choice === 'polished' && polished !== undefined ? polished.split(/\n+/) : undefined;
  switch (format) {
    case 'json':
      return `${JSON.stringify(transcriptJson(record, segments))}\n`;
    case 'txt':
      return whole === undefined ? formatTranscript('txt', chosen) : `${whole.join('\n')}\n`;
    case 'docx':
      return docxOf(
        record.name || 'Transcript',
        whole === undefined ? chosen.map(withSpeaker) : whole.map((text) => ({ text })),
      );
    default:
      return formatTranscript(format, chosen);
  }
}

/** What a list tells of a transcript. */
export function transcriptSummary(record: TranscriptRecord) {
  const { id, source, state, name, model, language, task, audioMs, segments, isIncomplete } = record;
  return {
    id,
    source,
    state,
    createdAt: new Date(record.createdAt).toISOString(),
    updatedAt: new Date(record.updatedAt).toISOString(),
    ...(name !== '' && { name }),
    model,
    language,
    task,
    audioMs,
    segmentCount: segments,
    ...(isIncomplete && { incomplete: true }),
  };
}

function transcriptJson(record: TranscriptRecord, segments: readonly KeptSegment[]) {
  return {
    ...transcriptSummary(record),
    text: joinTexts(segments.map(({ text }) => text)),
    polishedText: polishedTextOf(record, segments),
    segments,
  };
}

function polishedTextOf(record: TranscriptRecord, segments: readonly KeptSegment[]): string | undefined {
  if (record.polished !== undefined) return record.polished;
  if (segments.every(({ polished }) => polished === undefined)) return undefined;
  return joinTexts(segments.map(({ text, polished = text }) => polished));
}

/** The times of words belong to the raw text: they are guessed for another one. */
function polishedSegment(segment: KeptSegment): TranscriptSegment {
  if (segment.polished === undefined) return segment;
  const { startMs, endMs, polished, channel } = segment;
  return { startMs, endMs, text: polished, channel };
}
