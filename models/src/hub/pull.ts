// Fetches a model from a hub into the cache: its files side by side, each in pieces, and goes on where an earlier pull
// was cut off.
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseFiles, type ModelKind } from './choose-files.js';
import { FileDownload, PIECE_BYTES, refuseContent } from './file-download.js';
import { exists, RepositoryCache } from './hub-cache.js';
import { HubError } from './hub-error.js';
import { PATIENCE, type Patience } from './hub-request.js';
import { hubSettings, type HubSettings } from './hub-settings.js';
import { readRepository, type Repository, type RepositoryFile } from './repository.js';
import { parseRepositoryName, type RepositoryName } from './repository-name.js';

/** How far a pull is. */
export interface PullProgress {
  /** Bytes that are here, those of earlier pulls included. */
  readonly receivedBytes: number;
  readonly totalBytes: number;
  /** Bytes that came from the hub in this pull. */
  readonly fetchedBytes: number;
}

export interface PullOptions {
  readonly settings?: HubSettings;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly signal?: AbortSignal;
  /** Connections at a time. Default 6. */
  readonly connections?: number;
  readonly patience?: Patience;
  /** Default 32 MiB. */
  readonly pieceBytes?: number;
}

export interface PulledModel {
  readonly kind: ModelKind;
  readonly id: string;
  readonly commit: string;
  /** The snapshot's folder: the files by their names. */
  readonly directory: string;
  /** Path of the file to open first: the GGUF, or a Whisper's `config.json`. */
  readonly main: string;
  /** Bytes of all files, and of what came from the hub. */
  readonly bytes: number;
  readonly fetchedBytes: number;
}

const CONNECTIONS = 6;

/** @throws HubError */
export async function pullModel(text: string, options: PullOptions = {}): Promise<PulledModel> {
  const { settings = hubSettings(), patience = PATIENCE, signal } = options;
  const name = parseRepositoryName(text);
  const cache = new RepositoryCache(settings.cacheFolder, name.id);
  const repository = settings.isOffline
    ? await cachedRepository(name, cache)
    : await askHub(name, settings, patience, signal);
  const { kind, files, main } = chooseFiles(repository, name.quantisation);
  const isHere = settings.isOffline;
  const fetchedBytes = isHere ? 0 : await fetchFiles(files, repository, cache, { ...options, settings, patience });
  if (!isHere) await cache.link(repository.commit, name.revision, files);
  const directory = cache.snapshot(repository.commit);
  return {
    kind,
    id: name.id,
    commit: repository.commit,
    directory,
    main: join(directory, main.path),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    fetchedBytes,
  };
}

/** A hub that does not answer its first question is hardly there: a person is waiting. */
const FIRST_TRIES_MAX = 3;

/** What the hub says of the repository. @throws HubError, with what else can be done where the hub is not there */
async function askHub(
  name: RepositoryName,
  settings: HubSettings,
  patience: Patience,
  signal: AbortSignal | undefined,
): Promise<Repository> {
  const { endpoint } = settings;
  if (!/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
    throw new HubError(
      'bad_endpoint',
      `HF_ENDPOINT is "${endpoint}": expected an address, as in https://huggingface.co`,
    );
  }
  const triesMax = Math.min(patience.triesMax, FIRST_TRIES_MAX);
  try {
    return await readRepository(name, settings, { ...patience, triesMax }, signal);
  } catch (cause) {
    if (!(cause instanceof HubError) || cause.code !== 'unreachable') throw cause;
    throw new HubError(
      'unreachable',
      `No hub: ${cause.message}. HF_ENDPOINT names another hub or a mirror; ` +
        'a model that is on this machine is added by: npx sotto models add PATH',
      { cause },
    );
  }
}

type FetchOptions = PullOptions & Required<Pick<PullOptions, 'settings' | 'patience'>>;

/** Fetches the files that are not here; the number of bytes that came. */
async function fetchFiles(
  files: readonly RepositoryFile[],
  { id, commit }: Repository,
  cache: RepositoryCache,
  options: FetchOptions,
): Promise<number> {
  const { settings, patience, signal, onProgress = () => undefined } = options;
  const { connections = CONNECTIONS, pieceBytes = PIECE_BYTES } = options;
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let [receivedBytes, fetchedBytes] = [0, 0];
  const onBytes = (bytes: number, from: 'disk' | 'hub'): void => {
    receivedBytes += bytes;
    if (from === 'hub') fetchedBytes += bytes;
    onProgress({ receivedBytes, totalBytes, fetchedBytes });
  };
  const missing: RepositoryFile[] = [];
  for (const file of files) {
    if (await cache.has(file)) onBytes(file.bytes, 'disk');
    else missing.push(file);
  }
  await cache.makeRoom(missing.reduce((sum, file) => sum + file.bytes, 0));
  const stop = new AbortController();
  const common = {
    settings,
    patience,
    pieceBytes,
    onBytes,
    signal: signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]),
  };
  // A file that is not what the hub says may have been spoilt on its way: once more, whole.
  for (let round = missing; round.length > 0;) {
    const wrong = await fetchRound(round, connections, stop, (file) => ({
      ...common,
      file,
      url: fileUrl(settings, id, commit, file),
      target: cache.blob(file),
    }));
    const [first] = wrong;
    if (first !== undefined && round !== missing) refuseContent(first, settings.endpoint);
    round = wrong;
  }
  return fetchedBytes;
}

/** Fetches files side by side; those that came out wrong. */
async function fetchRound(
  files: readonly RepositoryFile[],
  connections: number,
  stop: AbortController,
  optionsOf: (file: RepositoryFile) => Parameters<typeof FileDownload.open>[0],
): Promise<RepositoryFile[]> {
  const wrong: RepositoryFile[] = [];
  const downloads: FileDownload[] = [];
  const tasks: (() => Promise<void>)[] = [];
  try {
    for (const file of files) {
      const download = await FileDownload.open(optionsOf(file));
      downloads.push(download);
      let left = download.missing.length;
      const finish = async (): Promise<void> => {
        if (!(await download.finish())) wrong.push(file);
      };
      if (left === 0) tasks.push(finish);
      for (const piece of download.missing) {
        tasks.push(async () => {
          await download.fetch(piece);
          if (--left === 0) await finish();
        });
      }
    }
    const work = async (): Promise<void> => {
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift()) await task();
    };
    // The first failure stops the others, and is the one that is told.
    const workers = Array.from({ length: connections }, () =>
      work().catch((error: unknown) => {
        tasks.length = 0;
        if (!stop.signal.aborted) stop.abort(error);
      }),
    );
    await Promise.all(workers);
    stop.signal.throwIfAborted();
    return wrong;
  } finally {
    for (const download of downloads) await download.close();
  }
}

function fileUrl({ endpoint }: HubSettings, id: string, commit: string, { path }: RepositoryFile): string {
  return `${endpoint}/${id}/resolve/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** What the cache holds of a revision. @throws HubError `offline` */
async function cachedRepository(name: RepositoryName, cache: RepositoryCache): Promise<Repository> {
  const commit = await cache.commitOf(name.revision);
  if (commit === undefined || !(await exists(cache.snapshot(commit)))) {
    throw new HubError('offline', `${name.id} is not in the cache, and the hub may not be asked (HF_HUB_OFFLINE)`);
  }
  const folder = cache.snapshot(commit);
  const entries = await readdir(folder, { recursive: true });
  const files: RepositoryFile[] = [];
  for (const path of entries) {
    // A link whose blob is gone is no file.
    const facts = await stat(join(folder, path)).catch(() => undefined);
    if (!facts?.isFile()) continue;
    files.push({ path: path.replaceAll('\\', '/'), bytes: facts.size, hash: { kind: 'sha1', hex: '' } });
  }
  return { id: name.id, commit, files };
}
