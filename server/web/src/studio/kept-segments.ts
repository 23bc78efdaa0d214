// Segments in the storage of this tab: they outlive a reload, and are gone with the tab.
import type { Segment } from './segment.js';

const KEY = 'sotto.transcript';

/** What this page wrote before it was loaded anew; none where there is nothing, or nothing that it wrote. */
export function recallSegments(): Segment[] {
  try {
    const kept: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '[]');
    return Array.isArray(kept) ? kept.filter(isSegment) : [];
  } catch {
    return [];
  }
}

export function keepSegments(segments: readonly Segment[]): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(segments));
  } catch {
    // Full or forbidden: the transcript lasts as long as the page.
  }
}

export function forgetSegments(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // Forbidden: nothing was kept.
  }
}

function isSegment(value: unknown): value is Segment {
  if (typeof value !== 'object' || value === null) return false;
  const { key, text, startMs, endMs, language } = value as Partial<Record<keyof Segment, unknown>>;
  const isText = [key, text, language].every((field) => typeof field === 'string');
  return isText && typeof startMs === 'number' && typeof endMs === 'number';
}
