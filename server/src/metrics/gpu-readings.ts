// What GPUs do now, as NVIDIA's own tool tells it: one process that prints a line for each of them every few seconds.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface GpuReading {
  readonly index: number;
  readonly name: string;
  /** Share of the time that it worked, 0 to 1. */
  readonly busy: number;
  readonly memoryUsedBytes: number;
  readonly memoryBytes: number;
  readonly celsius: number;
  readonly watts: number;
}

const FIELDS = 'index,name,utilization.gpu,memory.used,memory.total,temperature.gpu,power.draw';
const MIB = 2 ** 20;

/** A line of its output; undefined for anything else. What a GPU does not tell is 0. */
export function parseGpuLine(line: string): GpuReading | undefined {
  const parts = line.split(',').map((part) => part.trim());
  if (parts.length !== FIELDS.split(',').length || !/^\d+$/.test(parts[0] ?? '')) return undefined;
  const number = (at: number): number => {
    const value = Number(parts[at]);
    return Number.isFinite(value) ? value : 0;
  };
  return {
    index: number(0),
    name: parts[1] ?? '',
    busy: number(2) / 100,
    memoryUsedBytes: number(3) * MIB,
    memoryBytes: number(4) * MIB,
    celsius: number(5),
    watts: number(6),
  };
}

export class GpuReadings {
  readonly #child: ChildProcess;
  readonly #readings = new Map<number, GpuReading>();

  /** Where the tool is not there, there are no readings. */
  constructor(command = 'nvidia-smi', intervalS = 5) {
    const args = [`--query-gpu=${FIELDS}`, '--format=csv,noheader,nounits', `--loop=${intervalS}`];
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.on('error', () => undefined);
    this.#child.unref();
    if (this.#child.stdout === null) return;
    createInterface(this.#child.stdout).on('line', (line) => {
      const reading = parseGpuLine(line);
      if (reading !== undefined) this.#readings.set(reading.index, reading);
    });
  }

  /** The last of each. */
  get latest(): GpuReading[] {
    return [...this.#readings.values()];
  }

  async close(): Promise<void> {
    this.#child.kill();
  }
}
