// How much processor time each file of a test process took, with the children that it has waited for: what `npm test`
// is cut by, since wall time says little on a busy machine.
import { appendFileSync, readFileSync } from 'node:fs';

/** Where the runner reads it: a line for each file, `seconds<TAB>name`. */
export const CPU_FILE = new URL('../../.tap/cpu.tsv', import.meta.url);
/** Linux counts in these, whatever the kernel's own clock (`getconf CLK_TCK`). */
const TICKS_PER_SECOND = 100;

/** Seconds of this process and its ended children; of this process alone where there is no /proc. */
export function cpuSeconds() {
  try {
    // proc(5): utime, stime, cutime and cstime are fields 14 to 17; the second is a name in brackets.
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ');
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return ticks / TICKS_PER_SECOND;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
}

/** Notes what a file took. */
export function noteCpu(name, seconds) {
  appendFileSync(CPU_FILE, `${seconds.toFixed(2)}\t${name}\n`);
}
