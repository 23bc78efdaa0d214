// What an overlay's address may say: each option with its default and its bounds, read leniently and written briefly.

export interface OverlayOptions {
  /** A session's watch token; empty: the own microphone. */
  readonly watch: string;
  /** For a server that wants one (own microphone only); empty: none. */
  readonly token: string;
  /** A code such as "en", or "auto" (own microphone only). */
  readonly language: string;
  /** A font that the system has; empty: its sans-serif. */
  readonly font: string;
  /** Height of the letters, pixels. */
  readonly size: number;
  readonly lines: number;
  readonly position: 'bottom' | 'middle' | 'top';
  readonly align: 'left' | 'center' | 'right';
  /** Share of the screen's width, percent. */
  readonly width: number;
  /** Colours are hexadecimal, without `#`: rgb, rgba, rrggbb or rrggbbaa. */
  readonly color: string;
  readonly background: string;
  readonly outlineColor: string;
  /** Pixels around each letter. */
  readonly outline: number;
  readonly uppercase: boolean;
  /** Whether swear words are masked. */
  readonly mask: boolean;
  /** How much later captions appear, milliseconds: as late as the picture. */
  readonly delay: number;
  /** Captions vanish this long after the last change, milliseconds; 0: never. */
  readonly hide: number;
  /** Shows made-up captions, for the editor's preview. */
  readonly sample: boolean;
}

export const OVERLAY_DEFAULTS: OverlayOptions = {
  watch: '',
  token: '',
  language: 'auto',
  font: '',
  size: 48,
  lines: 2,
  position: 'bottom',
  align: 'center',
  width: 80,
  color: 'ffffff',
  background: '00000000',
  outlineColor: '000000',
  outline: 3,
  uppercase: false,
  mask: false,
  delay: 0,
  hide: 8_000,
  sample: false,
};

/** Bounds of the numbers, both ends included. */
export const OVERLAY_BOUNDS = {
  size: [12, 300],
  lines: [1, 8],
  width: [20, 100],
  outline: [0, 20],
  delay: [0, 60_000],
  hide: [0, 600_000],
} as const satisfies Partial<Record<keyof OverlayOptions, readonly [number, number]>>;

export const POSITIONS = ['bottom', 'middle', 'top'] as const;
export const ALIGNMENTS = ['left', 'center', 'right'] as const;

/** The options of a query. What is missing or wrong has its default: an overlay on a stage must show something. */
export function parseOverlayOptions(query: URLSearchParams): OverlayOptions {
  const d = OVERLAY_DEFAULTS;
  const text = (name: keyof OverlayOptions, pattern: RegExp, standard: string): string => {
    const value = query.get(name);
    return value !== null && pattern.test(value) ? value : standard;
  };
  const number = (name: keyof typeof OVERLAY_BOUNDS): number => {
    const value = Number(query.get(name) ?? Number.NaN);
    const [min, max] = OVERLAY_BOUNDS[name];
    return Number.isFinite(value) ? Math.min(max, Math.max(min, value)) : d[name];
  };
  const choice = <const T extends string>(name: keyof OverlayOptions, values: readonly T[], standard: T): T =>
    values.find((value) => value === query.get(name)) ?? standard;
  const flag = (name: keyof OverlayOptions): boolean => ['1', 'true', 'on', 'yes'].includes(query.get(name) ?? '');
  const color = (name: keyof OverlayOptions, standard: string): string =>
    text(name, /^#?(?:[\da-f]{3,4}|[\da-f]{6}|[\da-f]{8})$/i, standard)
      .replace('#', '')
      .toLowerCase();
  return {
    watch: text('watch', /^[\w-]{1,64}$/, d.watch),
    token: text('token', /^[\w.~-]{1,2048}$/, d.token),
    language: text('language', /^[A-Za-z]{2,}(?:[-_][A-Za-z0-9]+)*$/, d.language),
    font: text('font', /^[^;{}"'\\<>]{1,80}$/, d.font),
    size: number('size'),
    lines: Math.round(number('lines')),
    position: choice('position', POSITIONS, d.position),
    align: choice('align', ALIGNMENTS, d.align),
    width: number('width'),
    color: color('color', d.color),
    background: color('background', d.background),
    outlineColor: color('outlineColor', d.outlineColor),
    outline: number('outline'),
    uppercase: flag('uppercase'),
    mask: flag('mask'),
    delay: number('delay'),
    hide: number('hide'),
    sample: flag('sample'),
  };
}

/** A query that says what differs from the defaults; empty where nothing does. */
export function formatOverlayOptions(options: OverlayOptions): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (value === OVERLAY_DEFAULTS[name as keyof OverlayOptions]) continue;
    query.set(name, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  return query.size === 0 ? '' : `?${query.toString()}`;
}
