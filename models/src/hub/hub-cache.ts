// The hub's cache folder, laid out as huggingface_hub lays it out, so that Python tools and Sotto share what was
// fetched.
import { access, mkdir, readFile, rename, statfs, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { HubError } from './hub-error.js';
import type { RepositoryFile } from './repository.js';

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * The part of the cache that belongs to one repository: `blobs` by hash, `snapshots` of links by commit, `refs` by
 * revision.
 */
export class RepositoryCache {
  readonly #folder: string;

  constructor(cacheFolder: string, id: string) {
    this.#folder = join(cacheFolder, `models--${id.replaceAll('/', '--')}`);
  }

  blob({ hash }: RepositoryFile): string {
    return join(this.#folder, 'blobs', hash.hex);
  }

  snapshot(commit: string): string {
    return join(this.#folder, 'snapshots', commit);
  }

  /** Whether the file's content is here, whole. */
  has(file: RepositoryFile): Promise<boolean> {
    return exists(this.blob(file));
  }

  /** The commit that a revision was when it was last fetched; undefined if never. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(join(this.#folder, 'refs', revision), 'utf8').catch(() => '');
    return COMMIT.test(text.trim()) ? text.trim() : undefined;
  }

  /** Makes the folder for blobs. @throws HubError `disk_full` where `bytes` more do not fit */
  async makeRoom(bytes: number): Promise<void> {
    const folder = join(this.#folder, 'blobs');
    await mkdir(folder, { recursive: true });
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize < bytes) {
      const [wanted, free] = [bytes, bavail * bsize].map((value) => `${(value / 1e9).toFixed(1)} GB`);
      throw new HubError('disk_full', `${folder} has ${free} left, ${wanted} are needed: free some, or set HF_HOME`);
    }
  }

  /** Links blobs that are here into the snapshot of a commit, and remembers what the revision is. */
  async link(commit: string, revision: string, files: readonly RepositoryFile[]): Promise<void> {
    for (const file of files) {
      const link = join(this.snapshot(commit), file.path);
      await mkdir(dirname(link), { recursive: true });
      const target = relative(dirname(link), this.blob(file));
      const draft = `${link}.${process.pid}.new`;
      await unlink(draft).catch(() => undefined);
      await symlink(target, draft);
      await rename(draft, link);
    }
    if (COMMIT.test(revision)) return;
    const ref = join(this.#folder, 'refs', revision);
    await mkdir(dirname(ref), { recursive: true });
    await writeFile(ref, commit);
  }
}

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
