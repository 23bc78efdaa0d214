// Folds the events of one stream into segments, each with when its client saw what.
import type { FinalMessage, PartialMessage, ServerMessage } from '@sotto/protocol';

/**
 * An event and when it came. `atMs`: milliseconds since the moment at which the stream's first sample was spoken,
 * client's monotonic clock.
 */
export interface TimedEvent {
  readonly atMs: number;
  readonly event: ServerMessage;
}

export interface TimedPartial {
  readonly atMs: number;
  readonly partial: PartialMessage;
}

/** All that the client saw of one utterance. */
export interface SegmentTrace {
  readonly segmentId: number;
  /** The server's start of speech, milliseconds of audio. */
  readonly startMs: number;
  readonly speechEndedAtMs?: number;
  readonly partials: readonly TimedPartial[];
  readonly final?: { readonly atMs: number; readonly message: FinalMessage };
  /** Whether the server answered it with `recognition_failed` in the place of a final. */
  readonly hasFailed: boolean;
}

/** Breaches of the protocol's promises; all 0 on a sound server. */
export interface EventLoss {
  /** Segments that began and got neither a final nor `recognition_failed`. */
  finalsMissing: number;
  /** Finals without a segment, or second ones. */
  finalsUnexpected: number;
  /** Finals that came out of the order of their segments. */
  finalsOutOfOrder: number;
  /** Marks sent and not echoed. */
  marksMissing: number;
  /** Partials whose stable text did not begin with the one before. */
  stableBroken: number;
  /** Streams that ended without `stopped`. */
  stoppedMissing: number;
}

export interface StreamTrace {
  readonly segments: readonly SegmentTrace[];
  readonly loss: EventLoss;
  /** Codes of the `error` messages that came. */
  readonly errorCodes: readonly string[];
}

interface OpenSegment {
  segmentId: number;
  startMs: number;
  speechEndedAtMs?: number;
  partials: TimedPartial[];
  final?: { atMs: number; message: FinalMessage };
  hasFailed: boolean;
}

/** Folds events (in the order in which they came); `marks` are the ids that the client sent. */
export function traceStream(events: readonly TimedEvent[], marks: readonly string[]): StreamTrace {
  const segments = new Map<number, OpenSegment>();
  const echoed = new Set<string>();
  const errorCodes: string[] = [];
  const loss = {
    finalsMissing: 0,
    finalsUnexpected: 0,
    finalsOutOfOrder: 0,
    marksMissing: 0,
    stableBroken: 0,
    stoppedMissing: 1,
  };
  let lastFinal = -Infinity;
  for (const { atMs, event } of events) {
    if (event.type === 'speechStarted') {
      segments.set(event.segmentId, {
        segmentId: event.segmentId,
        startMs: event.startMs,
        partials: [],
        hasFailed: false,
      });
    } else if (event.type === 'speechEnded') {
      const segment = segments.get(event.segmentId);
      if (segment !== undefined) segment.speechEndedAtMs = atMs;
    } else if (event.type === 'partial') {
      const segment = segments.get(event.segmentId);
      const before = segment?.partials.at(-1)?.partial.stable ?? '';
      if (!event.stable.startsWith(before)) loss.stableBroken++;
      segment?.partials.push({ atMs, partial: event });
    } else if (event.type === 'final') {
      const segment = segments.get(event.segmentId);
      if (segment === undefined || segment.final !== undefined) loss.finalsUnexpected++;
      else segment.final = { atMs, message: event };
      if (event.segmentId < lastFinal) loss.finalsOutOfOrder++;
      lastFinal = Math.max(lastFinal, event.segmentId);
    } else if (event.type === 'mark') {
      echoed.add(event.id);
    } else if (event.type === 'stopped') {
      loss.stoppedMissing = 0;
    } else if (event.type === 'error') {
      errorCodes.push(event.code);
      const failed = event.segmentId === undefined ? undefined : segments.get(event.segmentId);
      if (failed !== undefined) failed.hasFailed = true;
    }
  }
  loss.finalsMissing = [...segments.values()].filter(
    ({ final, hasFailed }) => final === undefined && !hasFailed,
  ).length;
  loss.marksMissing = marks.filter((id) => !echoed.has(id)).length;
  return { segments: [...segments.values()], loss, errorCodes };
}

/** Everything that was lost or broken, as one number. */
export const lossTotal = (loss: EventLoss): number => Object.values(loss).reduce((sum, count) => sum + count, 0);
