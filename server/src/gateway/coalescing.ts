// Which messages overtake each other while they wait for a slow reader.
import type { PolishedDeltaMessage, PolishedMessage, ServerMessage } from '@sotto/protocol';

/** What an outbox must know of its messages. */
export interface Coalescing<M> {
  /**
   * What a message is about: it takes the place of one with the same subject that still waits. Undefined: it stands
   * alone.
   */
  subjectOf(message: M): string | undefined;
  /** Whether no later message may replace it. */
  isKept(message: M): boolean;
  /** What says all that both say, of one subject. */
  join(older: M, newer: M): M;
}

/** Of a session's messages: partials and acks coalesce, deltas of one polished text are joined. */
export const SESSION_COALESCING: Coalescing<ServerMessage> = {
  subjectOf,
  isKept,
  join: (older, newer) =>
    newer.type === 'polishedDelta' && older.type === 'polishedDelta' ? joinDeltas(older, newer) : newer,
};

/** Whether no later message may replace it. */
function isKept({ type }: ServerMessage): boolean {
  return type === 'final' || type === 'polished';
}

/**
 * What a partial, delta or ack is about; the final replaces the partial, `polished` its deltas. Undefined: the message
 * stands alone.
 */
function subjectOf(message: ServerMessage): string | undefined {
  switch (message.type) {
    case 'ack':
      return 'ack';
    case 'partial':
    case 'final':
      return `segment ${message.segmentId}`;
    case 'polishedDelta':
    case 'polished':
      return polishSubject(message);
    default:
      return undefined;
  }
}

/** Which text a message is of. */
export function polishSubject({ scope, segmentId }: PolishedDeltaMessage | PolishedMessage): string {
  return scope === 'segment' ? `polish ${segmentId}` : 'polish session';
}

/** One delta that says what both say, one after the other. `first` may be absent. */
export function joinDeltas(first: PolishedDeltaMessage | undefined, next: PolishedDeltaMessage): PolishedDeltaMessage {
  if (first === undefined || next.from <= first.from) return next;
  return { ...first, text: first.text.slice(0, next.from - first.from) + next.text };
}
