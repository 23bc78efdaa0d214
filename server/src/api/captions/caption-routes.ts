// Captions of a shared session over plain HTTP: an HLS subtitle playlist, its segments, and everything so far as one
// WebVTT file.
import { MPEGTS_MAX, SEGMENT_MS } from '../../captions/live-captions.js';
import { VTT_CONTENT_TYPE } from '../../captions/web-vtt.js';
import type { HttpResponse } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';
import type { Route, RouteCall } from '../../http/router.js';
import type { LiveCaptions } from '../../captions/live-captions.js';
import type { Shares } from '../../watch/shares.js';

const PLAYLIST_CONTENT_TYPE = 'application/vnd.apple.mpegurl';
/** Players of any origin may read: the token is what protects. */
const ANY_ORIGIN = { 'access-control-allow-origin': '*', 'x-content-type-options': 'nosniff' } as const;
const SEGMENT = /^(?<index>\d{1,9})\.vtt$/;

/** Below `/v1/watch/`, the address of viewers (rules WA9 to WA11). */
export function captionRoutes(shares: Pick<Shares, 'find'>): Route[] {
  const get = (path: string, handle: (captions: LiveCaptions, call: RouteCall) => HttpResponse): Route => ({
    method: 'GET',
    path: `/v1/watch/:token/${path}`,
    always: true,
    handle: (call) => {
      const captions = shares.find(call.params['token'] ?? '')?.captions;
      if (captions === undefined) {
        throw missing('share_unknown', 'No session has this token: it is wrong, or over.');
      }
      return handle(captions, call);
    },
  });
  return [
    get('captions.vtt', ({ document }) => found(VTT_CONTENT_TYPE, document, 'no-cache')),
    get('captions.m3u8', (captions, call) => {
      const mpegts = mpegtsOf(call);
      return found(PLAYLIST_CONTENT_TYPE, captions.playlist(mpegts === 0 ? '' : `?mpegts=${mpegts}`), 'no-cache');
    }),
    get('segments/:segment', (captions, call) => {
      const index = SEGMENT.exec(call.params['segment'] ?? '')?.groups?.['index'];
      const segment = index === undefined ? undefined : captions.segment(Number(index), mpegtsOf(call));
      if (segment === undefined) throw missing('not_found', 'This segment is not listed.');
      // Listed segments never change.
      return found(VTT_CONTENT_TYPE, segment, `public, max-age=${(SEGMENT_MS * 10) / 1_000}`);
    }),
  ];
}

function mpegtsOf({ request }: RouteCall): number {
  const mpegts = Number(request.query.get('mpegts') ?? 0);
  if (Number.isInteger(mpegts) && mpegts >= 0 && mpegts <= MPEGTS_MAX) return mpegts;
  throw new HttpError(400, 'invalid_request', `mpegts: expected a whole number from 0 to ${MPEGTS_MAX}.`, ANY_ORIGIN);
}

function found(contentType: string, body: string, caching: string): HttpResponse {
  return { status: 200, contentType, body, headers: { 'cache-control': caching, ...ANY_ORIGIN } };
}

function missing(code: string, message: string): HttpError {
  return new HttpError(404, code, message, ANY_ORIGIN);
}
