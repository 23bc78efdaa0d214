// The words of a child process that does what each request says, and how to start it.
import { fileURLToPath } from 'node:url';
import { type ChildOptions, NativeChild } from '../../server/src/native-host/native-child.js';
import { childModule } from './child-module.js';

export interface ScriptedWork {
  readonly load: { readonly how: 'well' | 'fail' | 'exit' | 'hang'; readonly text: string };
  readonly facts: { readonly greeting: string; readonly args: readonly string[] };
  readonly request:
    | { readonly do: 'echo' | 'refuse' | 'lose'; readonly text: string }
    | { readonly do: 'wait'; readonly ms: number }
    | { readonly do: 'untilAborted' | 'countAborted' | 'eat' | 'spin' };
  readonly answer: string;
  readonly part: string;
  readonly told: string;
  readonly tells: string;
  readonly code: 'refused' | 'failed';
}

export const SCRIPTED_CHILD = fileURLToPath(childModule(new URL('scripted-child-main.ts', import.meta.url).href));

export function startScriptedChild(options: Partial<ChildOptions<ScriptedWork>> = {}): NativeChild<ScriptedWork> {
  return new NativeChild<ScriptedWork>({
    name: 'the script',
    main: SCRIPTED_CHILD,
    load: { how: 'well', text: 'there' },
    loadTimeoutMs: 60_000,
    silenceTimeoutMs: 60_000,
    closeTimeoutMs: 10_000,
    ...options,
  });
}

export function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
