// The progress of a pull: one line that is redrawn on a terminal, a line every ten percent elsewhere.
import type { PullProgress } from '@sotto/models';

interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface ProgressBar {
  readonly update: (progress: PullProgress) => void;
  /** Leaves the last state on a line of its own. */
  readonly end: () => void;
}

const REDRAW_MS = 100;
const BAR_CELLS = 24;

export function showPullProgress(output: ProgressOutput, now: () => number = () => performance.now()): ProgressBar {
  const startedAt = now();
  let drawnAt = -Infinity;
  let tenths = -1;
  let last: PullProgress | undefined;

  const line = ({ receivedBytes, totalBytes, fetchedBytes }: PullProgress): string => {
    const share = totalBytes === 0 ? 1 : receivedBytes / totalBytes;
    const cells = Math.round(share * BAR_CELLS);
    const perSecond = fetchedBytes / Math.max(0.001, (now() - startedAt) / 1_000);
    const left = perSecond > 0 ? Math.ceil((totalBytes - receivedBytes) / perSecond) : 0;
    const bar = `${'█'.repeat(cells)}${'░'.repeat(BAR_CELLS - cells)}`;
    const eta = receivedBytes < totalBytes && left > 0 ? `, ${duration(left)} left` : '';
    return `${bar} ${Math.floor(share * 100)} % of ${size(totalBytes)}, ${size(perSecond)}/s${eta}`;
  };

  return {
    update: (progress) => {
      last = progress;
      if (output.isTTY) {
        const isDone = progress.receivedBytes === progress.totalBytes;
        if (!isDone && now() - drawnAt < REDRAW_MS) return;
        drawnAt = now();
        output.write(`\r\u001b[K${line(progress).slice(0, (output.columns ?? 80) - 1)}`);
        return;
      }
      const reached = Math.floor((10 * progress.receivedBytes) / Math.max(1, progress.totalBytes));
      if (reached > tenths) output.write(`${line(progress)}\n`);
      tenths = Math.max(tenths, reached);
    },
    end: () => {
      if (output.isTTY && last !== undefined) output.write('\n');
    },
  };
}

function size(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1e3)} kB`;
}

function duration(seconds: number): string {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
