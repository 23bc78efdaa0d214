// Several deltas of a polished text as one, for a client that reads slowly or comes back.
import type { PolishedDeltaMessage, PolishedMessage } from '@sotto/protocol';

/** Which text a message is of. */
export function polishSubject({ scope, segmentId }: PolishedDeltaMessage | PolishedMessage): string {
  return scope === 'segment' ? `polish ${segmentId}` : 'polish session';
}

/** One delta that says what both say, one after the other. `first` may be absent. */
export function joinDeltas(first: PolishedDeltaMessage | undefined, next: PolishedDeltaMessage): PolishedDeltaMessage {
  if (first === undefined || next.from <= first.from) return next;
  return { ...first, text: first.text.slice(0, next.from - first.from) + next.text };
}
