// A hub on loopback that speaks Hugging Face's protocol: model info, files with ranges, redirects for large files, and
// faults on demand.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface HubRepository {
  readonly id: string;
  readonly files: Readonly<Record<string, Buffer>>;
  /** Only with this token. */
  readonly token?: string;
}

/** What goes wrong with one request for a file; undefined: nothing. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: string }
  /** The connection breaks after so many bytes of the body. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** Other bytes than the repository's. */
  | { readonly kind: 'corrupt' }
  /** Nothing is answered. */
  | { readonly kind: 'hang' };

export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
  readonly status: number;
}

/** Files of this size and more are kept apart, as LFS files are: they are redirected to, and named by their sha256. */
const LARGE_BYTES = 1_024;

export class ModelHub {
  readonly seen: SeenRequest[] = [];
  /** Called for every request of a file's content, and of the model's info. */
  fault: (path: string, range: string | undefined) => Fault | undefined = () => undefined;
  /** Whether ranges are answered; without them every answer is the whole file. */
  hasRanges = true;
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #repository: HubRepository;

  static async start(t: Test, repository: HubRepository): Promise<ModelHub> {
    const hub = new ModelHub(repository);
    hub.#server.listen(0, '127.0.0.1');
    await once(hub.#server, 'listening');
    t.teardown(() => {
      hub.#server.closeAllConnections();
      hub.#server.close();
    });
    return hub;
  }

  private constructor(repository: HubRepository) {
    this.#repository = repository;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get commit(): string {
    const hash = createHash('sha1');
    for (const [path, content] of Object.entries(this.#repository.files)) hash.update(path).update(content);
    return hash.digest('hex');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '/', this.endpoint);
    const path = decodeURIComponent(pathname);
    const { range, authorization } = request.headers;
    const note = (status: number): void => void this.seen.push({ path, range, authorization, status });
    const refuse = (status: number, headers: Record<string, string> = {}): void => {
      note(status);
      response.writeHead(status, headers).end();
    };
    const { id, token, files } = this.#repository;
    const isStorage = path.startsWith('/storage/');
    if (!isStorage && token !== undefined && authorization !== `Bearer ${token}`) return refuse(401);
    const fault = this.fault(path, range);
    if (fault?.kind === 'status') {
      return refuse(fault.status, fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter });
    }
    if (fault?.kind === 'hang') return note(0);
    const revisions = ['main', 'v1', this.commit];
    if (revisions.some((revision) => path === `/api/models/${id}/revision/${revision}`)) {
      note(200);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id, sha: this.commit, siblings: Object.entries(files).map(describe) }));
      return;
    }
    const prefix = isStorage ? '/storage/' : `/${id}/resolve/${this.commit}/`;
    const content = path.startsWith(prefix) ? files[path.slice(prefix.length)] : undefined;
    if (content === undefined) return refuse(404);
    if (!isStorage && content.length >= LARGE_BYTES) {
      // Another host: its token must not travel there.
      const { port } = this.#server.address() as AddressInfo;
      return refuse(302, { location: `http://localhost:${port}/storage/${path.slice(prefix.length)}` });
    }
    this.#send(response, content, this.hasRanges ? range : undefined, fault, note);
  }

  #send(
    response: ServerResponse,
    content: Buffer,
    range: string | undefined,
    fault: Fault | undefined,
    note: (status: number) => void,
  ): void {
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
    const start = Number(from);
    const end = to === '' ? content.length : Math.min(content.length, Number(to) + 1);
    const body = Buffer.from(content.subarray(start, end));
    if (fault?.kind === 'corrupt') body[0] = (body[0] ?? 0) ^ 0xff;
    const status = range === undefined ? 200 : 206;
    note(status);
    response.writeHead(status, { 'content-length': body.length });
    if (fault?.kind === 'cut') {
      response.write(body.subarray(0, fault.afterBytes), () => response.destroy());
    } else {
      response.end(body);
    }
  }
}

function describe([rfilename, content]: readonly [string, Buffer]): object {
  const blobId = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const lfs = { sha256, size: content.length, pointerSize: 134 };
  return { rfilename, size: content.length, blobId, ...(content.length >= LARGE_BYTES ? { lfs } : {}) };
}
