// Where the clients of other services put their key: headers, or subprotocols where a browser can set no header.
import type { UpgradeRequest } from '../../transport/transport.js';

/** Subprotocols after which the next one is the key (`token, KEY`). */
const KEY_FOLLOWS: ReadonlySet<string> = new Set(['token', 'bearer']);
const KEY_PREFIX = 'openai-insecure-api-key.';

/** The key of a request, or undefined where it carries none. `subprotocols`: those of an upgrade. */
export function credentialOf(
  request: Pick<UpgradeRequest, 'header'> & { readonly subprotocols?: readonly string[] },
): string | undefined {
  const [, key] = /^(?:bearer|token)\s+(\S+)\s*$/i.exec(request.header('authorization')) ?? [];
  return key ?? (request.header('api-key') || undefined) ?? subprotocolKey(request.subprotocols ?? []);
}

function subprotocolKey(offered: readonly string[]): string | undefined {
  const prefixed = offered.find((name) => name.startsWith(KEY_PREFIX));
  if (prefixed !== undefined) return prefixed.slice(KEY_PREFIX.length);
  const at = offered.findIndex((name) => KEY_FOLLOWS.has(name.toLowerCase()));
  return at < 0 ? undefined : offered[at + 1];
}

/** The subprotocol to answer with: the client's first that is no secret, or none. A client that offered some drops a connection without an answer. */
export function publicSubprotocol(offered: readonly string[], names: readonly string[]): string {
  return offered.find((name) => names.includes(name.toLowerCase())) ?? '';
}
