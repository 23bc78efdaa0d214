// How loud the input is, as a bar that screen readers can ask for.
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { level } from '../studio/studio.js';

/** The range shown, dBFS. */
const MIN_DB = -60;
const MAX_DB = 0;

export function LevelMeter(): JSX.Element {
  const t = words.value;
  const { rmsDb, peakDb } = level.value;
  const db = Math.round(Math.max(MIN_DB, Math.min(MAX_DB, rmsDb)));
  return (
    <div
      class="level"
      role="meter"
      aria-label={t.level}
      aria-valuemin={MIN_DB}
      aria-valuemax={MAX_DB}
      aria-valuenow={db}
      aria-valuetext={t.levelValue(db)}
    >
      <span class="level-rms" style={{ transform: `scaleX(${share(rmsDb)})` }} />
      <span
        class="level-peak"
        hidden={peakDb <= MIN_DB}
        data-clipped={peakDb > -0.5}
        style={{ left: `${share(peakDb) * 100}%` }}
      />
    </div>
  );
}

function share(db: number): number {
  return Math.max(0, Math.min(1, (db - MIN_DB) / (MAX_DB - MIN_DB)));
}
