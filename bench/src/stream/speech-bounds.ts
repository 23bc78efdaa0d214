// When speech truly began and ended around a server's segment: from the manifest's times where it has them, else from
// the server.
import type { Span } from '../audio/recordings.js';

/** How far behind the segment's start its first word may begin, milliseconds: pre-roll and slow detection. */
const ONSET_REACH_MS = 1_500;
/** How far before the segment's end its last word may end, milliseconds: hang-over and padding. */
const OFFSET_REACH_MS = 3_000;
/** A word counts as inside if no more than this much of it, milliseconds, lies beyond the segment's border. */
const BORDER_SLACK_MS = 100;

export interface SpeechBound {
  readonly atMs: number;
  readonly source: 'reference' | 'server';
}

/**
 * Start of the first true word (or utterance) that begins inside the segment, if it does so near the segment's start;
 * else the server's own start.
 * @param spans true words or utterances on the stream's timeline, ascending
 */
export function speechStartOf(segment: { startMs: number; endMs: number }, spans: readonly Span[]): SpeechBound {
  const first = spans.find((span) => span.startMs >= segment.startMs - slackOf(span));
  return first !== undefined && first.startMs < segment.endMs && first.startMs - segment.startMs <= ONSET_REACH_MS
    ? { atMs: first.startMs, source: 'reference' }
    : { atMs: segment.startMs, source: 'server' };
}

/**
 * End of the last true word (or utterance) that ends inside the segment, if it does so near the segment's end; else the
 * server's own end.
 */
export function speechEndOf(
  segment: { startMs: number; endMs: number; lastWordEndMs?: number },
  spans: readonly Span[],
): SpeechBound {
  const last = spans.findLast((span) => span.endMs <= segment.endMs + slackOf(span));
  return last !== undefined && last.endMs > segment.startMs && segment.endMs - last.endMs <= OFFSET_REACH_MS
    ? { atMs: last.endMs, source: 'reference' }
    : { atMs: segment.lastWordEndMs ?? segment.endMs, source: 'server' };
}

const slackOf = (span: Span): number => Math.min(BORDER_SLACK_MS, (span.endMs - span.startMs) / 2);
