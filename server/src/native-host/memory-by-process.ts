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
 * What a child maps of files or shares, Node's own 44 MB above all, is the server's too, and in memory once: it is
 * counted there alone.
 */
export function memoryByProcess(): Map<string, number> {
  const held = new Map([['server', process.memoryUsage.rss()]]);
  for (const [pid, name] of children) {
    const { resident, shared } = pagesOf(pid) ?? { resident: 0, shared: 0 };
    held.set(name, (held.get(name) ?? 0) + (resident - shared) * PAGE_BYTES);
  }
  return held;
}

/** Undefined where the process is gone, or the system does not tell. */
export function residentBytes(pid: number): number | undefined {
  const pages = pagesOf(pid);
  return pages && pages.resident * PAGE_BYTES;
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html */
function pagesOf(pid: number): { readonly resident: number; readonly shared: number } | undefined {
  try {
    const [, resident, shared] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ').map(Number);
    return { resident: resident ?? 0, shared: shared ?? 0 };
  } catch {
    return undefined;
  }
}
