// Memory and CPU time of a process with all its children, read from Linux' /proc.
import { readdir, readFile } from 'node:fs/promises';

/** One process of the tree. */
export interface ProcessUsage {
  readonly pid: number;
  readonly command: string;
  /** Resident memory, bytes. Pages that processes share count in each. */
  readonly rssBytes: number;
  /** Proportional memory, bytes: a page that n processes share counts 1/n in each. */
  readonly pssBytes: number;
  /** User and system time since the process began, milliseconds. */
  readonly cpuMs: number;
}

export interface TreeUsage {
  readonly processes: readonly ProcessUsage[];
  readonly rssBytes: number;
  readonly pssBytes: number;
  readonly cpuMs: number;
}

/** Clock ticks of /proc/PID/stat in a second: USER_HZ, fixed at 100 on every Linux architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** CPU time of one process of the tree. */
export interface ProcessCpu {
  readonly pid: number;
  /** What it was started with, spaces between. */
  readonly commandLine: string;
  /** User and system time since the process began, milliseconds. */
  readonly cpuMs: number;
  /** The same of its first thread alone, which in Node runs the event loop. */
  readonly mainThreadCpuMs: number;
}

/** Usage of a process and its descendants; undefined where there is no /proc or the process is gone. */
export async function processTree(root: number): Promise<TreeUsage | undefined> {
  const stats = await readAllStats();
  const members = membersOf(root, stats);
  if (members.length === 0) return undefined;
  const processes = (await Promise.all(members.map((pid) => usageOf(pid, stats.get(pid))))).filter(
    (usage) => usage !== undefined,
  );
  const total = (pick: (usage: ProcessUsage) => number): number =>
    processes.reduce((sum, usage) => sum + pick(usage), 0);
  return {
    processes,
    rssBytes: total((usage) => usage.rssBytes),
    pssBytes: total((usage) => usage.pssBytes),
    cpuMs: total((usage) => usage.cpuMs),
  };
}

/**
 * CPU time of a process and its descendants, without what reading their memory costs them; undefined where there is no
 * /proc or the process is gone.
 */
export async function processCpu(root: number): Promise<ProcessCpu[] | undefined> {
  const stats = await readAllStats();
  const members = membersOf(root, stats);
  if (members.length === 0) return undefined;
  return await Promise.all(
    members.map(async (pid) => ({
      pid,
      commandLine: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim(),
      cpuMs: stats.get(pid)?.cpuMs ?? 0,
      mainThreadCpuMs: await mainThreadCpuMs(pid),
    })),
  );
}

/** Open file handles of processes together. */
export async function openFiles(pids: readonly number[]): Promise<number> {
  const lists = await Promise.all(pids.map((pid) => readdir(`/proc/${pid}/fd`).catch(() => [])));
  return lists.reduce((sum, { length }) => sum + length, 0);
}

/** A process and its descendants, parents first; none when it is gone. */
function membersOf(root: number, stats: ReadonlyMap<number, Stat>): number[] {
  if (!stats.has(root)) return [];
  const members = [root];
  for (const parent of members) for (const [pid, stat] of stats) if (stat.parent === parent) members.push(pid);
  return members;
}

/** From the scheduler, in nanoseconds; where it does not tell, in clock ticks of 10 ms. */
async function mainThreadCpuMs(pid: number): Promise<number> {
  const told = await readFile(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').catch(() => undefined);
  const ns = Number(told?.split(' ')[0] ?? NaN);
  return ns > 0 ? ns / 1e6 : ((await readStat(`${pid}/task/${pid}`))?.cpuMs ?? 0);
}

interface Stat {
  readonly parent: number;
  readonly command: string;
  readonly cpuMs: number;
}

async function readAllStats(): Promise<Map<number, Stat>> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = await Promise.all(pids.map(async (pid) => [pid, await readStat(`${pid}`)] as const));
  const found = new Map<number, Stat>();
  for (const [pid, stat] of stats) if (stat !== undefined) found.set(pid, stat);
  return found;
}

/** @param folder of the process, or of one of its threads, in /proc */
async function readStat(folder: string): Promise<Stat | undefined> {
  const text = await readFile(`/proc/${folder}/stat`, 'utf8').catch(() => undefined);
  // The command stands in parentheses and may hold spaces and parentheses itself: fields count from the last one (man
  // proc_pid_stat).
  const match = text === undefined ? null : /^\d+ \((.*)\) (.*)$/s.exec(text);
  if (match === null) return undefined;
  const fields = (match[2] ?? '').split(' ');
  const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
  return {
    parent: parent ?? 0,
    command: match[1] ?? '',
    cpuMs: (((user ?? 0) + (system ?? 0)) * 1000) / TICKS_PER_SECOND,
  };
}

async function usageOf(pid: number, stat: Stat | undefined): Promise<ProcessUsage | undefined> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => undefined);
  if (rollup === undefined || stat === undefined) return undefined;
  const bytes = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? 0) * 1024;
  return { pid, command: stat.command, rssBytes: bytes('Rss'), pssBytes: bytes('Pss'), cpuMs: stat.cpuMs };
}
