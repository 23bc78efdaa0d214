// What the server's processes hold of the machine's memory.
import { readFileSync } from 'node:fs';

/** Linux counts pages of this size, bytes, on x64 and in most builds for ARM. */
const PAGE_BYTES = 4_096;

/** Names by process: children that live. */
const children = new Map<number, string>();

/** Counts a process of ours as long as it lives. @param name `engine`, `polisher`, `decoder` */
export function countChild(pid: number, name: string, exited: Promise<unknown>): void {
  children.set(pid, name);
  void exited.then(() => children.delete(pid));
}

/**
 * Resident memory, bytes, of the server and of its children by their names; of these where the system tells (Linux).
 */
export function memoryByProcess(): Map<string, number> {
  const held = new Map([['server', process.memoryUsage.rss()]]);
  for (const [pid, name] of children) held.set(name, (held.get(name) ?? 0) + (residentBytes(pid) ?? 0));
  return held;
}

/** Undefined where the process is gone, or the system does not tell. */
export function residentBytes(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES;
  } catch {
    return undefined;
  }
}
