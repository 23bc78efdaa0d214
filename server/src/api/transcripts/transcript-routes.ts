// Transcripts over HTTP: one by its id, as any file; the list and the search for whoever runs the server.
import * as v from 'valibot';
import { ALLOW_ALL, type Authorizer } from '../../access/access.js';
import { owns, type Principal } from '../../access/principal.js';
import type { HttpRequest, HttpResponse } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import { jsonResponse, validated } from '../../http/json.js';
import { listLimit } from './list-limit.js';
import type { Route, RouteCall } from '../../http/router.js';
import { callerOf } from '../access/callers.js';
import type { ListingGuard } from './listing-guard.js';
import { answeringStore } from '../store-routes.js';
import { TRANSCRIPT_ID, type TranscriptRecord } from '../../transcripts/transcript.js';
import {
  DOCUMENT_CONTENT_TYPES,
  DOCUMENT_FORMATS,
  transcriptDocument,
  transcriptSummary,
  type DocumentFormat,
  type TextChoice,
} from '../../transcripts/transcript-document.js';
import type { Transcripts } from '../../transcripts/transcripts.js';

const PAGE_MAX = 100;
const PAGE = 20;
const QUERY_CHARS_MAX = 200;

const ListQuery = v.object({
  q: v.optional(v.pipe(v.string(), v.maxLength(QUERY_CHARS_MAX)), ''),
  limit: listLimit(PAGE_MAX, PAGE),
  before: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-z]{9}[\w-]{1,64}$/, '`next` of the page before'))),
});

const DocumentQuery = v.object({
  format: v.optional(v.picklist(DOCUMENT_FORMATS, `one of ${DOCUMENT_FORMATS.join(', ')}`)),
  text: v.optional(v.picklist(['raw', 'polished'], 'raw or polished'), 'raw'),
});

/** `onDeleted` hears of each transcript that a client deletes, before the client does. */
export function transcriptRoutes(
  transcripts: Transcripts,
  listing: ListingGuard,
  onDeleted: (id: string) => Promise<void> = () => Promise.resolve(),
  access: Authorizer = ALLOW_ALL,
): Route[] {
  const known = async ({ request, params: { id = '' } }: RouteCall): Promise<TranscriptRecord> => {
    const caller = callerOf(access, request, 'files');
    const record = TRANSCRIPT_ID.test(id) ? await transcripts.get(id) : undefined;
    if (record === undefined || !owns(caller, record.owner)) throw missing();
    return record;
  };
  return [
    {
      method: 'GET',
      path: '/v1/transcripts',
      handle: answeringStore(async ({ request }) =>
        list(transcripts, listing, request, callerOf(access, request, 'files')),
      ),
    },
    {
      method: 'GET',
      path: '/v1/transcripts/:id',
      handle: answeringStore(async (call) => {
        const query = documentQuery(call.request);
        return show(transcripts, await known(call), query);
      }),
    },
    {
      method: 'DELETE',
      path: '/v1/transcripts/:id',
      handle: answeringStore(async (call) => {
        const { id } = await known(call);
        if (!(await transcripts.delete(id))) throw missing();
        await onDeleted(id);
        return { status: 204, contentType: '', body: '' };
      }),
    },
  ];
}

async function list(
  transcripts: Transcripts,
  listing: ListingGuard,
  request: HttpRequest,
  caller: Principal,
): Promise<HttpResponse> {
  listing.check(request, caller);
  const isVisible = ({ owner }: Pick<TranscriptRecord, 'owner'>): boolean => owns(caller, owner);
  const { q, ...page } = validated(ListQuery, Object.fromEntries(request.query));
  if (q.trim() === '') {
    const { items, next } = await transcripts.list(page, isVisible);
    return jsonResponse(200, { transcripts: items.map(transcriptSummary), next });
  }
  const { items, next } = await transcripts.search(q, page, isVisible);
  const found = items.map(({ record, matches }) => ({
    ...transcriptSummary(record),
    matches: matches.map(({ segmentId, startMs, endMs, text, polished }) => ({
      segmentId,
      startMs,
      endMs,
      text,
      polished,
    })),
  }));
  return jsonResponse(200, { transcripts: found, next });
}

interface AskedDocument {
  readonly format: DocumentFormat;
  readonly text: TextChoice;
}

function documentQuery({ header, query }: HttpRequest): AskedDocument {
  const { format, text } = validated(DocumentQuery, Object.fromEntries(query));
  return { format: format ?? accepted(header('accept')), text };
}

async function show(
  transcripts: Transcripts,
  record: TranscriptRecord,
  { format, text }: AskedDocument,
): Promise<HttpResponse> {
  const { id } = record;
  return {
    status: 200,
    contentType: DOCUMENT_CONTENT_TYPES[format],
    body: transcriptDocument(format, record, await transcripts.allSegments(id), text),
    headers: {
      'cache-control': 'no-store',
      vary: 'accept',
      'x-content-type-options': 'nosniff',
      'content-disposition': `${format === 'docx' ? 'attachment' : 'inline'}; filename="${id}.${format}"`,
    },
  };
}

/**
 * The first format that `Accept` names, in its order of preference (RFC 9110, 12.5.1); JSON where it takes anything.
 */
function accepted(accept: string): DocumentFormat {
  const wanted = accept
    .split(',')
    .map((range) => {
      const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      const quality = parameters.find((parameter) => parameter.startsWith('q='));
      return { type, quality: quality === undefined ? 1 : Number(quality.slice(2)) };
    })
    .filter(({ type, quality }) => type !== '' && quality > 0)
    .toSorted((a, b) => b.quality - a.quality);
  if (wanted.length === 0) return 'json';
  for (const { type } of wanted) {
    if (type === '*/*' || type === 'application/*') return 'json';
    if (type === 'text/*') return 'txt';
    const format = DOCUMENT_FORMATS.find((it) => DOCUMENT_CONTENT_TYPES[it].split(';')[0] === type);
    if (format !== undefined) return format;
  }
  throw new HttpError(406, 'not_acceptable', `There is ${DOCUMENT_FORMATS.join(', ')}: ask for one with ?format=.`);
}

function missing(): HttpError {
  return new HttpError(404, 'transcript_unknown', 'There is no such transcript: the id is wrong, or it was deleted.');
}
