// Who says a segment, where each channel is a speaker of its own.
import type { TranscriptSegment } from './cues.js';

/** As people read it: `Speaker 1` is channel 0. Undefined where channels were mixed. */
export function speakerOf({ channel }: Pick<TranscriptSegment, 'channel'>): string | undefined {
  return channel === undefined ? undefined : `Speaker ${channel + 1}`;
}

/** The segment with its speaker before its text. */
export function withSpeaker<S extends TranscriptSegment>(segment: S): S {
  const speaker = speakerOf(segment);
  if (speaker === undefined || segment.text.trim() === '') return segment;
  const lead = `${speaker}: `;
  return { ...segment, text: `${lead}${segment.text.trimStart()}`, spokenFrom: lead.length };
}
