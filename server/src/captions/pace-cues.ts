// Gives cues the time that reading them takes, where there is time: a cue may stand until the next one, never longer,
// and never before its words.
import { isWide } from './caption-lines.js';
import { CUE_MS_MAX, type Cue } from './cues.js';

/** Characters read in a second, as style guides have it: 17 to 20 of an alphabet, 9 to 11 Chinese ones. */
export const READING_SPEED = { alphabet: 17, wide: 9 } as const;
/** No cue flashes by: five sixths of a second. */
const CUE_MS_MIN = 833;
/** Two frames between cues, so that the eye sees a change, milliseconds. */
const GAP_MS = 83;

/** The same cues, in order, with later ends where they would be too quick to read. */
export function paceCues(cues: readonly Cue[]): Cue[] {
  return cues.map((cue, index) => {
    const next = cues[index + 1];
    const wanted = Math.min(CUE_MS_MAX, Math.max(CUE_MS_MIN, readingMs(cue.text)));
    const room = next === undefined ? Infinity : next.startMs - GAP_MS;
    return { ...cue, endMs: Math.max(cue.endMs, Math.min(cue.startMs + wanted, room)) };
  });
}

/** How long a text takes to read, milliseconds. */
export function readingMs(text: string): number {
  const characters = [...text.replaceAll(/\s+/gu, ' ')].length;
  return (characters * 1_000) / (isWide(text) ? READING_SPEED.wide : READING_SPEED.alphabet);
}
