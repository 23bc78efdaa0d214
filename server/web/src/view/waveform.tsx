// The last seconds of sound as bars, newest at the right; drawn only while sound comes.
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { isRunning, loudness } from '../studio/studio.js';
import { theme } from '../theme.js';

const BAR_PX = 3;
const GAP_PX = 2;
/** What is drawn as no more than a dot, dBFS. */
const FLOOR_DB = -54;

export function Waveform(): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const running = isRunning.value;
  useEffect(() => {
    let frame = 0;
    let drawn = -1;
    const draw = (): void => {
      if (canvas.current !== null && loudness.count !== drawn) drawBars(canvas.current);
      drawn = loudness.count;
      if (running) frame = requestAnimationFrame(draw);
    };
    const redraw = (): void => {
      drawn = -1;
      if (!running) draw();
    };
    // After the style of the theme is in force.
    frame = requestAnimationFrame(draw);
    addEventListener('resize', redraw);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener('resize', redraw);
    };
  }, [running, theme.value]);
  return <canvas ref={canvas} class="waveform" aria-hidden="true" />;
}

function drawBars(canvas: HTMLCanvasElement): void {
  const context = canvas.getContext('2d');
  if (context === null) return;
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = devicePixelRatio;
  const [wide, high] = [Math.round(width * scale), Math.round(height * scale)];
  // A canvas that is given a size, be it its own, takes new memory.
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  else context.clearRect(0, 0, width, height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.fillStyle = getComputedStyle(canvas).color;
  context.beginPath();
  for (let age = 0, x = width - BAR_PX; x >= 0; age++, x -= BAR_PX + GAP_PX) {
    const db = loudness.at(age) ?? FLOOR_DB;
    const share = Math.max(0, Math.min(1, (db - FLOOR_DB) / -FLOOR_DB));
    const bar = Math.max(BAR_PX, share ** 2.2 * height);
    context.roundRect(x, (height - bar) / 2, BAR_PX, bar, BAR_PX / 2);
  }
  context.fill();
}
