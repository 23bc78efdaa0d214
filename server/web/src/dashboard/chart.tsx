// One chart over the last hour.
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { languageTag } from '../i18n/language.js';
import { theme } from '../theme.js';
import { samples, type Sample } from './panel-data.js';

export interface Line {
  readonly label: string;
  readonly read: (sample: Sample) => number | undefined;
}

export interface ChartProps {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
}

const HEIGHT = 150;
/** Lines by order: the accent first. */
const COLOURS = ['--accent', '--good', '--soft'] as const;

export function Chart({ title, unit, lines }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const data = (): uPlot.AlignedData => [
    samples.value.map(({ at }) => at / 1_000),
    ...lines.map(({ read }) => samples.value.map((sample) => read(sample) ?? null)),
  ];
  const look = [theme.value, languageTag.value, ...lines.map(({ label }) => label)].join(' ');
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string): string => resolved(style.getPropertyValue(name), theme.value === 'dark');
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 }, ticks: { show: false } };
    const options: uPlot.Options = {
      width: element.clientWidth,
      height: HEIGHT,
      legend: { show: lines.length > 1, live: false },
      cursor: { show: false },
      axes: [axis, { ...axis, size: 44 }],
      scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
      series: [
        {},
        ...lines.map(({ label }, i) => ({ label, stroke: colour(COLOURS[i] ?? '--ink'), width: 1.5, spanGaps: false })),
      ],
    };
    const made = new uPlot(options, data(), element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [look]);
  useEffect(() => plot.current?.setData(data()), [samples.value]);
  const last = samples.value.at(-1);
  const now = last === undefined ? undefined : lines.map(({ read }) => read(last)).find((value) => value !== undefined);
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <strong>{now === undefined ? '–' : `${round(now)} ${unit}`}</strong>
      </figcaption>
      <div ref={box} />
    </figure>
  );
}

/** The half of `light-dark(a, b)` that holds: a canvas does not know the function. */
function resolved(value: string, isDark: boolean): string {
  const [, light, dark] = /^\s*light-dark\((.+?),\s*(.+)\)\s*$/.exec(value) ?? [];
  return (isDark ? dark : light) ?? value;
}

function round(value: number): string {
  return new Intl.NumberFormat(languageTag.value, { maximumSignificantDigits: 3 }).format(value);
}
