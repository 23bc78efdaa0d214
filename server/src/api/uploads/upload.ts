// An uploaded recording with what was said about it: a form, or the bytes alone with a query.
import { createHash, type Hash } from 'node:crypto';
import { spool, type StoredBytes } from '../../audio/stored-bytes.js';
import type { HttpRequest } from '../../http/exchange.js';
import { mediaType } from '../../http/body.js';
import { HttpError } from '../../http/http-error.js';
import { readMultipart, type FormFile } from '../../http/multipart.js';
import { FormFields } from './form-fields.js';
import { recordingBody } from './recording-body.js';

export interface Upload {
  readonly fields: FormFields;
  /** Read once. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Hex SHA-256 of the bytes, where all of them are here. */
  readonly hash?: string;
  /** As the client calls it; may be empty. Never a path. */
  readonly fileName: string;
  /** Releases what is on disk. */
  close(): Promise<void>;
}

/**
 * A form is read whole, its file to a nameless file on disk, since fields may come behind it; any other body is the
 * recording itself, which is read as it arrives. Rejects with HttpError: 413 `body_too_large`, 400 `invalid_multipart`,
 * 400 `file_missing`; or RequestAbortedError.
 */
export async function readUpload(request: HttpRequest, bytesMax: number, fileField = 'file'): Promise<Upload> {
  const query = FormFields.of(request.query);
  if (mediaType(request) === 'multipart/form-data') return readForm(request, query, bytesMax, fileField);
  return { fields: query, bytes: recordingBody(request, bytesMax), fileName: '', close: async () => {} };
}

async function readForm(
  request: HttpRequest,
  fields: FormFields,
  bytesMax: number,
  fileField: string,
): Promise<Upload> {
  let file: { readonly part: FormFile; readonly stored: StoredBytes } | undefined;
  const hash = createHash('sha256');
  try {
    for await (const part of readMultipart(request, { fileBytesMax: bytesMax })) {
      if (part.kind === 'field') fields.add(part.name, part.value);
      else if (part.name === fileField) file = { part, stored: await spool(hashing(part.bytes, hash)) };
    }
  } catch (error) {
    await file?.stored.close();
    throw error;
  }
  if (file === undefined) {
    const message = `The form has no file in a field named "${fileField}" (with a file name).`;
    throw new HttpError(400, 'file_missing', message);
  }
  const { part, stored } = file;
  return { fields, bytes: stored, hash: hash.digest('hex'), fileName: part.fileName, close: () => stored.close() };
}

async function* hashing(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of bytes) {
    hash.update(piece);
    yield piece;
  }
}
