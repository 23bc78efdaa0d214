// Which text the server heard for which recording of a playlist.
import type { FinalMessage } from '@sotto/protocol';
import type { LoadedRecording, PlacedRecording } from '../audio/playlist.js';
import type { ObservedStream } from './stream-metrics.js';

/** One recording as it was heard. */
export interface Hypothesis {
  readonly recording: LoadedRecording;
  /** Texts of its finals, joined by a space. */
  readonly text: string;
}

/**
 * Gives each final to the recording with which it shares the most time, and joins the texts in order. A recording that
 * no final belongs to was heard as nothing; a final that lies in silence alone goes to the nearest recording, where it
 * counts as inserted words.
 */
export function hypothesesOf(placed: readonly PlacedRecording[], finals: readonly FinalMessage[]): Hypothesis[] {
  const texts = placed.map(() => [] as string[]);
  for (const final of [...finals].sort((a, b) => a.startMs - b.startMs)) {
    const closeness = placed.map(
      // Positive: time in common. Negative: distance.
      ({ startMs, endMs }) => Math.min(endMs, final.endMs) - Math.max(startMs, final.startMs),
    );
    const nearest = closeness.indexOf(Math.max(...closeness));
    if (final.text.trim() !== '') texts[nearest]?.push(final.text.trim());
  }
  return placed.map(({ recording }, index) => ({ recording, text: (texts[index] ?? []).join(' ') }));
}

/** What the server heard, recording by recording, over all streams. */
export const hypothesesOfStreams = (streams: readonly ObservedStream[]): Hypothesis[] =>
  streams.flatMap(({ playlist, trace }) =>
    hypothesesOf(
      playlist.placed,
      trace.segments.flatMap(({ final }) => (final === undefined ? [] : [final.message])),
    ),
  );
