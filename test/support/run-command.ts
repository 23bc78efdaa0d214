// Runs the sotto command in a process of its own, as a user does.
import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { SOTTO_ARGUMENTS, SOTTO_ENVIRONMENT } from './sotto-command.js';

export interface CommandRun {
  readonly child: ChildProcess;
  /** Resolves when it has exited. */
  readonly result: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>;
}

/**
 * Starts `sotto` with arguments. Standard input stays open until it is ended, unless `input` is given: then that is all
 * of it.
 */
export function runSotto(
  args: readonly string[],
  { input, env = {}, cwd }: { input?: Uint8Array; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): CommandRun {
  const child = spawn(process.execPath, [...SOTTO_ARGUMENTS, ...args], {
    env: { ...process.env, ...SOTTO_ENVIRONMENT, ...env },
    cwd,
  });
  if (input !== undefined) child.stdin.end(input);
  child.stdin.on('error', () => undefined);
  const result = Promise.all([
    new Promise<number | null>((resolve) => child.once('exit', resolve)),
    text(child.stdout),
    text(child.stderr),
  ]).then(([code, stdout, stderr]) => ({ code, stdout, stderr }));
  return { child, result };
}
