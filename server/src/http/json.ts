// JSON bodies, read within a bound and validated.
import { isMissingField } from '@sotto/protocol';
import * as v from 'valibot';
import type { HttpRequest } from './exchange.js';
import { mediaType, readBody } from './body.js';
import { HttpError } from './http-error.js';

export { jsonResponse } from './json-response.js';

export interface JsonLimits {
  /** Default 1 MiB. */
  readonly bytesMax?: number;
}

const BYTES_MAX = 1_048_576;

/**
 * The body as the schema has it. Rejects with HttpError: 415 `unsupported_media_type` for another content type, 413
 * `body_too_large`, 400 `invalid_json`, 400 `invalid_request` naming the field.
 */
export async function readJson<const S extends v.GenericSchema>(
  request: HttpRequest,
  schema: S,
  { bytesMax = BYTES_MAX }: JsonLimits = {},
): Promise<v.InferOutput<S>> {
  const type = mediaType(request);
  // Also where there is none: a page may send such a body to another origin without asking first (Fetch standard,
  // CORS-safelisted).
  if (type !== 'application/json' && !type.endsWith('+json')) {
    const got = type === '' ? 'it has none' : `not ${type}`;
    throw new HttpError(415, 'unsupported_media_type', `Expected JSON (content-type: application/json), ${got}.`);
  }
  return validated(schema, parse(await readBody(request, bytesMax)));
}

/** The value as the schema has it. @throws HttpError 400 `invalid_request` naming the field. */
export function validated<const S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new HttpError(400, 'invalid_request', textOf(result.issues[0]));
}

function textOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  if (path === null) return issue.expected === 'Object' ? 'The body is no JSON object.' : issue.message;
  return isMissingField(issue) ? `${path} is missing.` : `${path}: ${issue.message}`;
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new HttpError(400, 'invalid_json', 'The body is not JSON.', {}, { cause });
  }
}
