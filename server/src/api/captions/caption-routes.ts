// Captions of a shared session over plain HTTP: an HLS subtitle playlist, its segments, and everything so far as one WebVTT file.
import { MPEGTS_MAX, SEGMENT_MS } from '../../captions/live-captions.js';
import { VTT_CONTENT_TYPE } from '../../captions/web-vtt.js';
import type { Shares } from '../../watch/shares.js';
import { jsonError } from '../status/status-routes.js';
import type { RequestHead, WholeResponse } from '../../http/exchange.js';

const PLAYLIST_CONTENT_TYPE = 'application/vnd.apple.mpegurl';
/** Players of any origin may read: the token is what protects. */
const ANY_ORIGIN = { 'access-control-allow-origin': '*', 'x-content-type-options': 'nosniff' } as const;
const ROUTE =
  /^\/v1\/watch\/(?<token>[\w-]{1,64})\/(?:(?<file>captions\.(?:m3u8|vtt))|segments\/(?<index>\d{1,9})\.vtt)$/;

/** The answer to a GET below `/v1/watch/`, or undefined for any other address (rules WA9 to WA11). */
export function answerCaptions(request: RequestHead, shares: Shares): WholeResponse | undefined {
  const { token, file, index } = ROUTE.exec(request.path)?.groups ?? {};
  if (token === undefined) return undefined;
  const captions = shares.find(token)?.captions;
  if (captions === undefined) return missing('share_unknown', 'No session has this token: it is wrong, or over.');
  if (file === 'captions.vtt') return found(VTT_CONTENT_TYPE, captions.document, 'no-cache');
  const mpegts = Number(request.query.get('mpegts') ?? 0);
  if (!Number.isInteger(mpegts) || mpegts < 0 || mpegts > MPEGTS_MAX) {
    return jsonError(400, 'invalid_request', `mpegts: wanted a whole number from 0 to ${MPEGTS_MAX}.`, ANY_ORIGIN);
  }
  if (file === 'captions.m3u8') {
    return found(PLAYLIST_CONTENT_TYPE, captions.playlist(mpegts === 0 ? '' : `?mpegts=${mpegts}`), 'no-cache');
  }
  const segment = captions.segment(Number(index), mpegts);
  if (segment === undefined) return missing('not_found', 'This segment is not listed.');
  // Listed segments never change.
  return found(VTT_CONTENT_TYPE, segment, `public, max-age=${(SEGMENT_MS * 10) / 1_000}`);
}

function found(contentType: string, body: string, caching: string): WholeResponse {
  return { status: 200, contentType, body, headers: { 'cache-control': caching, ...ANY_ORIGIN } };
}

function missing(code: string, message: string): WholeResponse {
  return jsonError(404, code, message, ANY_ORIGIN);
}
