// The pages that Vite has built (server/web), held in memory and answered as plain HTTP.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RequestHead, WholeResponse } from '../../http/exchange.js';

/** Where the build puts them; src/ and dist/ both lie directly in the package. */
export const PAGES_FOLDER = fileURLToPath(new URL('../../../dist/pages', import.meta.url));

/** Everything in the build is text, so that answers stay strings. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json; charset=utf-8',
};

/** Pages get nothing from elsewhere, talk to nobody else, are framed by nobody, and may use the microphone. */
const PAGE_HEADERS = {
  'content-security-policy':
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  'permissions-policy': 'microphone=(self), display-capture=(self), camera=(), geolocation=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Names of files in here carry a hash of their content: they never change. */
const HASHED_FOLDER = '/assets/';

interface StoredFile {
  readonly contentType: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The built pages; empty where nothing was built. */
export class Pages {
  readonly #files: ReadonlyMap<string, StoredFile>;

  private constructor(files: ReadonlyMap<string, StoredFile>) {
    this.#files = files;
  }

  /** Reads the whole folder once: a few files, some ten kilobytes. */
  static load(folder: string = PAGES_FOLDER): Pages {
    const files = new Map<string, StoredFile>();
    for (const name of fileNames(folder)) {
      const contentType = CONTENT_TYPES[extname(name)];
      if (contentType !== undefined) files.set(urlPath(name), store(urlPath(name), contentType, join(folder, name)));
    }
    return new Pages(files);
  }

  get isBuilt(): boolean {
    return this.#files.has('/');
  }

  get paths(): readonly string[] {
    return [...this.#files.keys()];
  }

  /** The answer to a GET or HEAD of a path, or undefined where there is no such file. */
  answer(request: RequestHead, path = request.path): WholeResponse | undefined {
    const file = this.#files.get(path);
    if (file === undefined) return undefined;
    const { contentType, body, headers } = file;
    const isKnown = headers['etag'] !== undefined && request.header('if-none-match').includes(headers['etag']);
    return { status: isKnown ? 304 : 200, contentType, body: isKnown ? '' : body, headers };
  }
}

function fileNames(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** `studio.html` is served at `/studio`, `index.html` at `/`. */
function urlPath(name: string): string {
  const path = posix.join('/', name.split(sep).join('/'));
  return path.replace(/(?:\/index)?\.html$/, '') || '/';
}

function store(path: string, contentType: string, file: string): StoredFile {
  const body = readFileSync(file, 'utf8');
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const caching = path.startsWith(HASHED_FOLDER)
    ? { 'cache-control': 'public, max-age=31536000, immutable' }
    : { 'cache-control': 'no-cache', etag };
  return { contentType, body, headers: { ...PAGE_HEADERS, ...caching } };
}
