// A piece of a transcript, as pages show it.
import type { FinalMessage, PolishedMessage } from '@sotto/client';

/** A settled stretch of speech; its times count from the start of the transcript. */
export interface Segment extends Pick<FinalMessage, 'text' | 'startMs' | 'endMs' | 'language' | 'words'> {
  /** Its own among all segments. */
  readonly key: string;
  readonly polished?: Pick<PolishedMessage, 'text' | 'model' | 'fallback'>;
  /** Whether the reader wants to see what was said instead of what was made of it. */
  readonly isRaw?: boolean;
}

/** What a reader sees of a segment. */
export function shownText({ text, polished, isRaw }: Segment): string {
  return polished === undefined || isRaw === true ? text.trim() : polished.text.trim();
}
