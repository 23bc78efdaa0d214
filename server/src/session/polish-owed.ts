// What is owed of a session's polish: texts that wait, and what is gathered for the end.
import type { FinalMessage, PolishedMessage, PolishFallback } from '@sotto/protocol';
import type { PolishStyle } from '../polish/polishing.js';

/** Which text a message is about, as the wire tells it. */
export type Subject = Pick<PolishedMessage, 'scope' | 'segmentId' | 'firstSegmentId' | 'lastSegmentId'>;

export interface Item {
  readonly subject: Subject;
  readonly text: string;
  readonly language: string;
  readonly style: PolishStyle;
  readonly deltas: boolean;
  /** When its final was sent, or the session stopped. */
  readonly since: number;
  /** Set where it is not to be polished. */
  readonly fallback?: PolishFallback;
}

/** Text of the scope `session` that is not polished yet. */
export interface Part {
  readonly first: FinalMessage;
  last: FinalMessage;
  text: string;
  style: PolishStyle;
  deltas: boolean;
}

/** What is owed of a session's polish. */
export interface SessionPolishState {
  readonly owed: readonly Omit<Item, 'since'>[];
  readonly part: Part | undefined;
  readonly previous: string;
}
