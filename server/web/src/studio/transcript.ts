// The transcript of the Studio: settled segments in the order of their times, polished where that has come, kept over a
// reload of the page.
import { effect, signal } from '@preact/signals';
import type { PolishedMessage } from '@sotto/client';
import { forgetSegments, keepSegments, recallSegments } from './kept-segments.js';
import type { Segment } from './segment.js';

/** Settled segments kept; beyond it the oldest are forgotten. A long day of speech. */
const SEGMENTS_MAX = 10_000;
/** How long changes are gathered before they are written down, milliseconds. */
const KEEP_AFTER_MS = 500;

export const segments = signal<readonly Segment[]>([]);

/** Where what comes next begins, milliseconds. */
export function transcriptEndMs(): number {
  return segments.value.at(-1)?.endMs ?? 0;
}

export function addSegment(segment: Segment): void {
  const before = segments.value.findLastIndex(({ startMs }) => startMs <= segment.startMs);
  segments.value = segments.value.toSpliced(before + 1, 0, segment).slice(-SEGMENTS_MAX);
}

export function polishSegment(key: string, { text, model, fallback }: PolishedMessage): void {
  const polished = { text, model, ...(fallback === undefined ? {} : { fallback }) };
  change(key, (segment) => ({ ...segment, polished }));
}

export function toggleRaw(key: string): void {
  change(key, (segment) => ({ ...segment, isRaw: segment.isRaw !== true }));
}

export function clearSegments(): void {
  segments.value = [];
}

/**
 * Brings back what was there before the page was loaded anew, and writes down what comes. `unsettled` tells what has
 * not settled yet when the page goes. Returns whether there was anything.
 */
export function keepTranscript(unsettled: () => Segment | undefined): boolean {
  segments.value = recallSegments();
  const wasThere = segments.value.length > 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const them = segments.value;
    clearTimeout(timer);
    if (them.length === 0) forgetSegments();
    else timer = setTimeout(() => keepSegments(them), KEEP_AFTER_MS);
  });
  addEventListener('pagehide', () => {
    const last = unsettled();
    const all = last === undefined ? segments.value : [...segments.value, last];
    if (all.length > 0) keepSegments(all);
  });
  return wasThere;
}

function change(key: string, update: (segment: Segment) => Segment): void {
  segments.value = segments.value.map((segment) => (segment.key === key ? update(segment) : segment));
}
