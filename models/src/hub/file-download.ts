// One file on its way: fetched in pieces by several connections, kept on disk as it comes, checked against the hub's
// hash.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, writeFile, type FileHandle } from 'node:fs/promises';
import * as v from 'valibot';
import { exists } from './hub-cache.js';
import { HubError } from './hub-error.js';
import { request, type Patience } from './hub-request.js';
import type { HubSettings } from './hub-settings.js';
import type { RepositoryFile } from './repository.js';

/** Bytes of a piece: what a cut download fetches again at most, for each connection. */
export const PIECE_BYTES = 32 * 1024 * 1024;

export interface FileDownloadOptions {
  readonly file: RepositoryFile;
  readonly url: string;
  /**
   * Where the whole file goes; beside it `.incomplete` grows, with `.incomplete.json` saying which pieces are there.
   */
  readonly target: string;
  readonly settings: HubSettings;
  readonly patience: Patience;
  readonly pieceBytes: number;
  readonly signal: AbortSignal | undefined;
  /**
   * So many bytes more are here, from an earlier download or from the hub; negative where they were not what they
   * should be.
   */
  readonly onBytes: (bytes: number, from: 'disk' | 'hub') => void;
}

const Progress = v.object({ pieceBytes: v.number(), done: v.array(v.number()) });

export class FileDownload {
  readonly #options: FileDownloadOptions;
  readonly #pieces: number;
  readonly #done: Set<number>;
  readonly #handle: FileHandle;
  #isClosed = false;

  /** Goes on where an earlier download stopped. */
  static async open(options: FileDownloadOptions): Promise<FileDownload> {
    const path = `${options.target}.incomplete`;
    const done = await readProgress(path, options);
    const handle = await open(path, (await exists(path)) ? 'r+' : 'w+');
    await handle.truncate(options.file.bytes);
    return new FileDownload(options, done, handle);
  }

  private constructor(options: FileDownloadOptions, done: Set<number>, handle: FileHandle) {
    this.#options = options;
    this.#handle = handle;
    this.#pieces = Math.ceil(options.file.bytes / options.pieceBytes);
    this.#done = done;
    for (const piece of done) options.onBytes(this.#end(piece) - this.#start(piece), 'disk');
  }

  /** Numbers of the pieces that are wanted still. */
  get missing(): number[] {
    return Array.from({ length: this.#pieces }, (_, piece) => piece).filter((piece) => !this.#done.has(piece));
  }

  /** Fetches a piece unless it is here. @throws HubError */
  async fetch(piece: number): Promise<void> {
    const { url, settings, patience, signal, onBytes } = this.#options;
    const end = this.#end(piece);
    let at = this.#start(piece);
    const headers = (): Record<string, string> => ({
      range: `bytes=${at}-${end - 1}`,
      // Ranges of a compressed body would be ranges of something else.
      'accept-encoding': 'identity',
    });
    if (this.#done.has(piece)) return;
    await request({ url, settings, patience, signal, headers }, async (response, alive) => {
      // A server without ranges sends the whole file: what is before the piece is not wanted.
      let skip = response.status === 206 ? 0 : at;
      for await (const chunk of response.body ?? []) {
        alive();
        const bytes = chunk.subarray(Math.min(skip, chunk.length), skip + end - at);
        skip -= Math.min(skip, chunk.length);
        if (bytes.length === 0) continue;
        await this.#handle.write(bytes, 0, bytes.length, at);
        at += bytes.length;
        onBytes(bytes.length, 'hub');
        if (at === end) break;
      }
      if (at < end) throw new TypeError(`it broke off ${end - at} bytes before the end`);
    });
    this.#done.add(piece);
    const progress = { pieceBytes: this.#options.pieceBytes, done: [...this.#done] };
    await writeFile(`${this.#options.target}.incomplete.json`, JSON.stringify(progress));
  }

  /**
   * Checks the hash and puts the file in its place; false if it is not what the hub says, and then nothing of it is
   * kept.
   */
  async finish(): Promise<boolean> {
    const { file, target, onBytes } = this.#options;
    const path = `${target}.incomplete`;
    await this.#handle.sync();
    await this.close();
    const isRight = (await hashOf(path, file)) === file.hash.hex;
    if (isRight) await rename(path, target);
    else await rm(path, { force: true });
    await rm(`${path}.json`, { force: true });
    if (!isRight) onBytes(-file.bytes, 'disk');
    return isRight;
  }

  /** Leaves what has come for another time. May be called twice. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#handle.close();
  }

  #start(piece: number): number {
    return piece * this.#options.pieceBytes;
  }

  #end(piece: number): number {
    return Math.min(this.#start(piece + 1), this.#options.file.bytes);
  }
}

async function readProgress(path: string, { pieceBytes, file }: FileDownloadOptions): Promise<Set<number>> {
  if (!(await exists(path))) return new Set();
  const text = await readFile(`${path}.json`, 'utf8').catch(() => '');
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return new Set();
  }
  const progress = v.safeParse(Progress, content);
  // Cut at other places by another version: begun anew.
  if (!progress.success || progress.output.pieceBytes !== pieceBytes) return new Set();
  const pieces = Math.ceil(file.bytes / pieceBytes);
  return new Set(progress.output.done.filter((piece) => Number.isInteger(piece) && piece >= 0 && piece < pieces));
}

async function hashOf(path: string, { hash, bytes }: RepositoryFile): Promise<string> {
  const digest = createHash(hash.kind);
  // Git's blob id is of the content behind a header (gitformat-pack).
  if (hash.kind === 'sha1') digest.update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) digest.update(chunk as Buffer);
  return digest.digest('hex');
}

/** @throws HubError `hash_mismatch` */
export function refuseContent(file: RepositoryFile, url: string): never {
  throw new HubError(
    'hash_mismatch',
    `${url}: ${file.path} is not what the hub says it is (${file.hash.kind} ${file.hash.hex}), twice in a row`,
  );
}
