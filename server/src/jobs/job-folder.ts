// The folder whose files jobs may name: nothing outside of it is ever read.
import { constants, type Stats } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { isAbsolute, join, normalize, relative, sep } from 'node:path';
import { JobError } from './job-error.js';

export interface FolderFile {
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly size: number;
}

export class JobFolder {
  readonly #folder: string;

  /** Empty: no file may be named. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  get isEnabled(): boolean {
    return this.#folder !== '';
  }

  /**
   * A file by its path in the folder; it is opened when its bytes are read. Rejects with JobError `path_refused` or
   * `path_unknown`, the same for what is outside and what is not there.
   */
  async open(path: string): Promise<FolderFile> {
    if (!this.isEnabled) {
      throw new JobError('path_refused', 'This server takes no paths: upload the file, or set --job-folder.');
    }
    const wanted = normalize(path);
    if (path.includes('\0') || isAbsolute(wanted) || isOutside(wanted)) {
      throw new JobError('path_refused', 'The path must be relative, and stay in the folder.');
    }
    const inside = join(this.#folder, wanted);
    const { file, stats } = await openInside(this.#folder, inside);
    await file.close();
    if (!stats.isFile()) throw unknown();
    return { bytes: bytesOf(this.#folder, inside), size: stats.size };
  }
}

/** Opened when it is read, and checked again. */
async function* bytesOf(folder: string, path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const { file } = await openInside(folder, path);
  yield* file.createReadStream() as AsyncIterable<Buffer>;
}

async function openInside(folder: string, path: string): Promise<{ file: FileHandle; stats: Stats }> {
  try {
    const root = await realpath(folder);
    const real = await realpath(path);
    // Where links lead, and not by their names.
    if (isOutside(relative(root, real))) throw unknown();
    // A link that takes the file's place after that is not followed, and a pipe does not hold the open.
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return { file, stats: await file.stat() };
  } catch (error) {
    if (error instanceof JobError) throw error;
    throw unknown();
  }
}

function isOutside(path: string): boolean {
  return path === '..' || path.startsWith(`..${sep}`) || isAbsolute(path);
}

function unknown(): JobError {
  return new JobError('path_unknown', 'There is no such file in the folder.');
}
