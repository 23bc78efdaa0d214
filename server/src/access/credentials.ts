// Where clients put their key or token: headers, or subprotocols where a browser can set no header; a token also in the
// query.
import { TOKEN_SUBPROTOCOL_PREFIX } from '@sotto/protocol';
import type { RequestHead } from '../http/exchange.js';
import { looksLikeToken } from './tokens.js';

/** Subprotocols after which the next one is the key (`token, KEY`), as Deepgram's clients do it. */
const KEY_FOLLOWS: ReadonlySet<string> = new Set(['token', 'bearer']);
/** Subprotocols that carry a key behind these words: Sotto's own (rule HS11), and OpenAI's. */
const KEY_PREFIXES = [TOKEN_SUBPROTOCOL_PREFIX, 'openai-insecure-api-key.'];

/** What a credential is read from; `subprotocols`: those of an upgrade. */
export type Carrier = Pick<RequestHead, 'header'> &
  Partial<Pick<RequestHead, 'query'>> & { readonly subprotocols?: readonly string[] };

/** The key or token of a request, or undefined where it carries none. */
export function credentialOf({ header, query, subprotocols = [] }: Carrier): string | undefined {
  const [, key] = /^(?:bearer|token)\s+(\S+)\s*$/i.exec(header('authorization')) ?? [];
  return key ?? (header('api-key') || undefined) ?? subprotocolKey(subprotocols) ?? queryToken(query);
}

function subprotocolKey(offered: readonly string[]): string | undefined {
  for (const prefix of KEY_PREFIXES) {
    const prefixed = offered.find((name) => name.startsWith(prefix));
    if (prefixed !== undefined) return prefixed.slice(prefix.length);
  }
  const at = offered.findIndex((name) => KEY_FOLLOWS.has(name.toLowerCase()));
  return at < 0 ? undefined : offered[at + 1];
}

/** Addresses end up in logs: what lasts is not taken from there, and the token of a shared session is none of these. */
function queryToken(query: URLSearchParams | undefined): string | undefined {
  const token = query?.get('token') ?? '';
  return looksLikeToken(token) ? token : undefined;
}

/**
 * The subprotocol to answer with: the client's first that is no secret, or none. A client that offered some drops a
 * connection without an answer.
 */
export function publicSubprotocol(offered: readonly string[], names: readonly string[]): string {
  return offered.find((name) => names.includes(name.toLowerCase())) ?? '';
}
