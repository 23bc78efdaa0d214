// Jobs over HTTP: submit a recording, ask how far it is, hear of it as server-sent events, cancel it.
import { ALLOW_ALL, type Authorizer } from '../../access/access.js';
import { owns, type Principal } from '../../access/principal.js';
import { callerOf, checkPolish } from '../access/callers.js';
import * as v from 'valibot';
import type { HttpRequest, HttpResponse, RequestHead } from '../../http/exchange.js';
import { mediaType } from '../../http/body.js';
import { eventStream, type ServerSentEvent } from '../../http/event-stream.js';
import { fromJson, rewritingOf } from '../uploads/rewriting-fields.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse, readJson, validated } from '../../http/json.js';
import { readMultipart } from '../../http/multipart.js';
import { listLimit } from '../transcripts/list-limit.js';
import type { Route, RouteCall } from '../../http/router.js';
import type { ListingGuard } from '../transcripts/listing-guard.js';
import { answeringStore } from '../store-routes.js';
import { isOver, jobJson, JobOptions, type JobClient, type JobRecord } from '../../jobs/job.js';
import { JobError } from '../../jobs/job-error.js';
import type { Jobs, UploadedRecording } from '../../jobs/jobs.js';

const LISTED_MAX = 100;
/** Those who hear of jobs at a time. Beyond: 503. */
const WATCHERS_MAX = 1_000;

export const PathJob = v.object({
  path: v.pipe(v.string(), v.minLength(1), v.maxLength(4_096)),
  ...JobOptions.entries,
});
const ListQuery = v.object({
  limit: listLimit(LISTED_MAX, 20),
});

export interface JobRoutesOptions {
  readonly jobs: Jobs;
  readonly listing: ListingGuard;
  /** Who may come, and sees what. Default: everybody sees all. */
  readonly access?: Authorizer;
  /** Where a request comes from. Default: its connection's address. */
  readonly addressOf?: ((request: RequestHead) => string) | undefined;
  /** Bytes of one upload. Beyond: 413. */
  readonly uploadBytesMax: number;
  /** Refuses options that this server cannot honour, with an HttpError or a JobError. */
  readonly check: (options: JobOptions) => void;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
}

export function jobRoutes(options: JobRoutesOptions): Route[] {
  const { jobs, listing, access = ALLOW_ALL, wallNow } = options;
  const watchers = { count: 0 };
  const known = async ({ request, params: { id = '' } }: RouteCall): Promise<JobRecord> => {
    const caller = callerOf(access, request, 'files');
    const job = /^j_[\w-]{1,60}$/.test(id) ? await jobs.get(id) : undefined;
    if (job === undefined || !owns(caller, job.owner)) {
      throw new HttpError(404, 'job_unknown', 'There is no such job: the id is wrong, or it was deleted.');
    }
    return job;
  };
  const list = (limit: number, caller: Principal) => jobs.list(limit, ({ owner }) => owns(caller, owner));
  return [
    {
      method: 'POST',
      path: '/v1/jobs',
      handle: answeringStore(async ({ request }) => {
        try {
          return await submit(request, options);
        } catch (error) {
          throw asHttpError(error);
        }
      }),
    },
    {
      method: 'GET',
      path: '/v1/jobs',
      handle: answeringStore(async ({ request }) => {
        const caller = callerOf(access, request, 'files');
        listing.check(request, caller);
        const { limit } = validated(ListQuery, Object.fromEntries(request.query));
        return jsonResponse(200, { jobs: (await list(limit, caller)).map((job) => jobJson(job, wallNow())) });
      }),
    },
    {
      method: 'GET',
      path: '/v1/jobs/:id',
      handle: answeringStore(async (call) => jsonResponse(200, jobJson(await known(call), wallNow()))),
    },
    {
      method: 'DELETE',
      path: '/v1/jobs/:id',
      handle: answeringStore(async (call) => {
        const { id } = await known(call);
        const state = await jobs.remove(id);
        return jsonResponse(200, { id, state: state ?? 'deleted' });
      }),
    },
    {
      method: 'GET',
      path: '/v1/jobs/:id/events',
      handle: answeringStore(async (call) => {
        const { request } = call;
        const { id } = await known(call);
        if (watchers.count >= WATCHERS_MAX) {
          throw new HttpError(503, 'overloaded', 'Too many listen already.', { 'retry-after': '10' });
        }
        const seen = Number(request.header('last-event-id') || -1);
        return eventStream(
          counted(events(jobs.watch(id, request.signal), Number.isNaN(seen) ? -1 : seen, wallNow), watchers),
        );
      }),
    },
  ];
}

async function submit(request: HttpRequest, options: JobRoutesOptions): Promise<HttpResponse> {
  const { jobs, access = ALLOW_ALL, addressOf = ({ remoteAddress }) => remoteAddress, wallNow } = options;
  const caller = callerOf(access, request, 'files');
  const client = jobClient(caller, addressOf(request));
  const check = (asked: JobOptions): void => {
    if (asked.polish !== undefined && asked.polish.mode !== 'off') checkPolish(caller);
    options.check(asked);
  };
  const release = await jobs.reserve(client);
  try {
    const submission = mediaType(request) === 'multipart/form-data' ? submitForm : submitPath;
    const job = await submission(request, { ...options, check }, client);
    return jsonResponse(202, jobJson(job, wallNow()), { location: `/v1/jobs/${job.id}` });
  } finally {
    release();
  }
}

function jobClient({ keyId, token }: Principal, address: string): JobClient {
  return { keyId, address, token: token && { id: token.id, audioMsMax: token.audioMsMax } };
}

async function submitPath(
  request: HttpRequest,
  { jobs, check }: JobRoutesOptions,
  client: JobClient,
): Promise<JobRecord> {
  const { path, ...asked } = await readJson(request, PathJob);
  check(asked);
  return jobs.submitPath(path, asked, client);
}

async function submitForm(
  request: HttpRequest,
  { jobs, check, uploadBytesMax }: JobRoutesOptions,
  client: JobClient,
): Promise<JobRecord> {
  let upload: UploadedRecording | undefined;
  const fields: Record<string, string> = {};
  try {
    for await (const part of readMultipart(request, { fileBytesMax: uploadBytesMax })) {
      if (part.kind === 'field') fields[part.name] = part.value;
      else if (part.name === 'file') upload = await jobs.upload(part.fileName.slice(-200), part.bytes);
    }
    const asked = validated(JobOptions, optionsOf(fields));
    check(asked);
    if (upload === undefined) throw new HttpError(400, 'invalid_request', 'file: the form has no file of this name.');
    return await jobs.submit(upload, asked, client);
  } catch (error) {
    if (upload !== undefined) await jobs.discard(upload);
    throw error;
  }
}

/** A job that is not taken, as an answer; any other error stays as it is. */
function asHttpError(cause: unknown): unknown {
  if (!(cause instanceof JobError)) return cause;
  const { code, message } = cause;
  return code === 'jobs_full'
    ? new HttpError(503, code, message, { 'retry-after': '30' }, { cause })
    : new HttpError(400, code, message, {}, { cause });
}

/** Fields of a form as options: objects and lists are JSON, `polish` may be a mode alone. */
function optionsOf({ words, hotwords, polish, webhook, ...texts }: Readonly<Record<string, string>>): object {
  return {
    ...texts,
    ...rewritingOf(texts),
    ...(words !== undefined && { words: words === 'true' || (words === 'false' ? false : words) }),
    ...(hotwords !== undefined && {
      hotwords: hotwords.startsWith('[') ? fromJson('hotwords', hotwords) : hotwords.split(','),
    }),
    ...(polish !== undefined && { polish: polish.startsWith('{') ? fromJson('polish', polish) : { mode: polish } }),
    ...(webhook !== undefined && { webhook: fromJson('webhook', webhook) }),
  };
}

/** An event for each change that comes behind `seen`: its type is the job's state, its id the job's revision. */
async function* events(
  changes: AsyncIterable<JobRecord>,
  seen: number,
  wallNow: () => number,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  for await (const job of changes) {
    // The end is told in any case: whoever comes back late would wait for it in vain.
    if (job.revision <= seen && !isOver(job)) continue;
    yield { event: job.state, id: String(job.revision), data: JSON.stringify(jobJson(job, wallNow())) };
  }
}

/** Counts a stream while somebody reads it. */
function counted<T>(events: AsyncGenerator<T, void, undefined>, watchers: { count: number }): AsyncIterable<T> {
  return {
    async *[Symbol.asyncIterator]() {
      watchers.count++;
      try {
        yield* events;
      } finally {
        watchers.count--;
      }
    },
  };
}
