// API keys: how they look, what they may open, and what is kept of them.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeySettings } from './key-settings.js';

/**
 * - `stream`: live sessions, in Sotto's own wire format and in those of others.
 * - `files`: recordings, jobs, transcripts and polish.
 * - `watch`: sharing a live session. Who was given its watch token needs no key.
 * - `admin`: everything, of every key; keys themselves; metrics.
 */
export const SCOPES = ['stream', 'files', 'watch', 'admin'] as const;

export type Scope = (typeof SCOPES)[number];

export interface KeyRecord {
  readonly id: string;
  /**
   * SHA-256 of the secret. A slow hash protects passwords, which can be guessed; a secret of 256 random bits cannot be,
   * and each request would have to pay for it.
   */
  readonly hash: Uint8Array;
  /** For people. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly revokedAt?: number | undefined;
  /** What it demands of every transcript; absent: nothing. */
  readonly settings?: KeySettings | undefined;
}

/** What the maker of a key says of it. */
export type KeyWish = Pick<KeyRecord, 'name' | 'scopes' | 'settings'>;

const ID_BYTES = 5;
const SECRET_BYTES = 32;
const KEY = /^sotto_([0-9a-f]{10})_([\w-]{43})$/;

/** Forms of an id at the doors of the server. */
export const KEY_ID = /^[0-9a-f]{10}$/;

/** A key that nobody has had before: its record, and the text that is shown once. */
export function makeKey(
  { name, scopes, settings }: KeyWish,
  wallNow: number,
): { readonly record: KeyRecord; readonly text: string } {
  const id = randomBytes(ID_BYTES).toString('hex');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const record = { id, hash: hashOf(secret), name, scopes, createdAt: wallNow, ...(settings && { settings }) };
  return { record, text: `sotto_${id}_${secret}` };
}

/** The parts of a text that has the form of a key. */
export function parseKey(text: string): { readonly id: string; readonly secret: string } | undefined {
  const [, id, secret] = KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function isSecretOf({ hash }: KeyRecord, secret: string): boolean {
  return timingSafeEqual(hash, hashOf(secret));
}

function hashOf(secret: string): Uint8Array {
  return createHash('sha256').update(secret).digest();
}
