// Where the ffmpeg of this machine is: an optional helper for what no decoder of ours reads.
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Turns the helper off. */
export const FFMPEG_OFF = 'off';

/** What a command without settings of its own uses. */
export function ffmpegSetting(): string {
  return process.env['SOTTO_FFMPEG'] || 'ffmpeg';
}

/** One for the process, as its decoders are. */
let program = 'ffmpeg';

/** `name`: of a program on the PATH, a path, or `off`. */
export function useFfmpeg(name: string): void {
  program = name;
}

/** The program's path; undefined where it is off, or not there. */
export function findFfmpeg(name = program): string | undefined {
  if (name === FFMPEG_OFF) return undefined;
  if (/[/\\]/.test(name)) return isProgram(name) ? name : undefined;
  const suffix = process.platform === 'win32' && !name.endsWith('.exe') ? '.exe' : '';
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, `${name}${suffix}`)).find((path) => isProgram(path));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
