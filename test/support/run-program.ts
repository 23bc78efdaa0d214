// Any program, run to its end.
import { execFile } from 'node:child_process';

export interface ProgramRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runProgram(program: string, args: readonly string[]): Promise<ProgramRun> {
  return new Promise((resolve) => {
    const child = execFile(program, args, (_, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }));
  });
}
