// The latency-quality curve as a picture: SVG, readable on light and on dark pages.
import type { CurvePoint } from './curve.js';

const WIDTH = 640;
const HEIGHT = 400;
const MARGIN = { left: 64, right: 24, top: 40, bottom: 56 } as const;
const COLOURS = { 'align-att': '#d1495b', 'local-agreement': '#2e86ab', both: '#3f8f46' } as const;

const label = (at: readonly [number, number], text: string, more = ''): string =>
  `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${more}>${text}</text>`;

/** One line for each policy and interval, its points labelled with the hold-back; low and left is best. */
export function curvePlot(points: readonly CurvePoint[], title: string): string {
  const right = Math.ceil(Math.max(...points.map(({ p50Ms }) => p50Ms)) / 200) * 200 + 100;
  const top = Math.max(0.02, Math.ceil(Math.max(...points.map(({ corrected }) => corrected)) * 50) / 50);
  const x = (ms: number): number => MARGIN.left + (ms / right) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (share: number): number => HEIGHT - MARGIN.bottom - (share / top) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const axes = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
    label([x(part * right), HEIGHT - MARGIN.bottom + 18], String(Math.round(part * right)), 'text-anchor="middle"'),
    label([MARGIN.left - 8, y(part * top) + 4], `${(part * top * 100).toFixed(1)} %`, 'text-anchor="end"'),
    `<path d="M${MARGIN.left} ${y(part * top).toFixed(1)}H${WIDTH - MARGIN.right}" stroke="#8884" fill="none"/>`,
  ]);
  const lines = [...new Set(points.map(lineOf))].map((line, at) => {
    const own = points.filter((point) => lineOf(point) === line).sort((a, b) => a.p50Ms - b.p50Ms);
    const [first] = own;
    if (first === undefined) return '';
    const colour = COLOURS[first.stability];
    const dashes = points[0]?.partialIntervalMs === first.partialIntervalMs ? '' : ' stroke-dasharray="5 4"';
    const path = own.map(({ p50Ms, corrected }) => `${x(p50Ms).toFixed(1)} ${y(corrected).toFixed(1)}`).join('L');
    return [
      `<path d="M${path}" stroke="${colour}" fill="none"${dashes}/>`,
      ...own.map(({ p50Ms, corrected, holdbackMs }) => {
        const [cx, cy] = [x(p50Ms), y(corrected)];
        const dot = `<circle cx="${cx.toFixed(1)}" cy="${cy.toFixed(1)}" r="3.5" fill="${colour}"/>`;
        return dot + (holdbackMs === undefined ? '' : label([cx + 5, cy - 5], String(holdbackMs), 'font-size="10"'));
      }),
      label([WIDTH - MARGIN.right, MARGIN.top + 14 * at], line, `text-anchor="end" style="fill:${colour}"`),
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<style>text{fill:#222}@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>',
    label([MARGIN.left, 20], title, 'font-size="14"'),
    ...axes,
    ...lines,
    label(
      [(MARGIN.left + WIDTH) / 2, HEIGHT - 14],
      "from a word's end to when it is stable, median, ms of audio",
      'text-anchor="middle"',
    ),
    label([MARGIN.left, MARGIN.top - 6], 'stable words that the final corrects'),
    '</svg>',
    '',
  ].join('\n');
}

function lineOf({ stability, partialIntervalMs }: CurvePoint): string {
  return `${stability}, a partial every ${partialIntervalMs} ms`;
}
