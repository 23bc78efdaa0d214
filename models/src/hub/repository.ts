// What the hub says of a repository: the commit of a revision, its files with sizes and hashes.
import * as v from 'valibot';
import { HubError } from './hub-error.js';
import { request, type Patience } from './hub-request.js';
import type { HubSettings } from './hub-settings.js';
import type { RepositoryName } from './repository-name.js';

export interface RepositoryFile {
  /** With forward slashes; never out of the repository. */
  readonly path: string;
  readonly bytes: number;
  /**
   * What the file's content hashes to: git's blob id for small files, sha256 for large ones. Names the blob in the
   * cache.
   */
  readonly hash: { readonly kind: 'sha1' | 'sha256'; readonly hex: string };
}

export interface Repository {
  readonly id: string;
  /** Commit, 40 hex digits. */
  readonly commit: string;
  readonly files: readonly RepositoryFile[];
}

const hex = (digits: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${digits}}$`)));
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The part of the answer of `GET /api/models/ID/revision/REVISION?blobs=true` that is used. */
const ModelInfo = v.object({
  sha: hex(40),
  siblings: v.array(
    v.object({
      rfilename: v.string(),
      size: bytes,
      blobId: hex(40),
      lfs: v.optional(v.nullable(v.object({ sha256: hex(64), size: bytes }))),
    }),
  ),
});

/** @throws HubError */
export async function readRepository(
  { id, revision }: RepositoryName,
  settings: HubSettings,
  patience: Patience,
  signal?: AbortSignal,
): Promise<Repository> {
  const url = `${settings.endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const answer: unknown = await request({ url, settings, patience, signal }, async (response) => {
    const text = await response.text();
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new HubError('bad_answer', `${url} answered something that is not JSON`, { cause });
    }
  });
  const info = v.safeParse(ModelInfo, answer);
  if (!info.success) {
    const [issue] = info.issues;
    throw new HubError('bad_answer', `${url}: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`);
  }
  const { sha, siblings } = info.output;
  return {
    id,
    commit: sha,
    files: siblings
      .filter(({ rfilename }) => isSafePath(rfilename))
      .map(({ rfilename, size, blobId, lfs }) => ({
        path: rfilename,
        bytes: lfs?.size ?? size,
        hash: lfs ? { kind: 'sha256', hex: lfs.sha256 } : { kind: 'sha1', hex: blobId },
      })),
  };
}

/** A hub is not trusted to name only files of its own. */
function isSafePath(path: string): boolean {
  return path.length < 512 && !/[\\:\0]/.test(path) && path.split('/').every((part) => !/^\.{0,2}$/.test(part));
}
