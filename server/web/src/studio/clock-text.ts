// Times as people read them.

/** `1:05`, or `1:02:05` from an hour on. */
export function clockText(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1_000);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60];
  const hours = Math.floor(seconds / 3_600);
  const rest = parts.map((part, at) => (at === 0 && hours === 0 ? String(part) : String(part).padStart(2, '0')));
  return [...(hours > 0 ? [String(hours)] : []), ...rest].join(':');
}

/** `1:05.32`: to the hundredth of a second. */
export function preciseClockText(ms: number): string {
  const hundredths = Math.round(Math.max(0, ms) / 10);
  return `${clockText(hundredths * 10)}.${String(hundredths % 100).padStart(2, '0')}`;
}

/** `340 ms`, or `2.1 s` from two seconds on. */
export function durationText(ms: number | undefined): string {
  if (ms === undefined) return '–';
  const shown = Math.max(0, ms);
  return shown < 2_000 ? `${Math.round(shown)} ms` : `${(shown / 1_000).toFixed(1)} s`;
}
