// multipart/form-data (RFC 7578), part by part as it arrives.
import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import type { HttpRequest } from './exchange.js';
import { bodyTooLarge, boundedBody, mediaType } from './body.js';
import { HttpError } from './http-error.js';

export type FormPart = FormField | FormFile;

export interface FormField {
  readonly kind: 'field';
  readonly name: string;
  readonly value: string;
}

export interface FormFile {
  readonly kind: 'file';
  readonly name: string;
  /** As the client calls it, without folders; may be empty. Never a path to write to. */
  readonly fileName: string;
  readonly contentType: string;
  /** Read once, and before the next part is asked for: then the rest of it is passed over. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface MultipartLimits {
  /** Bytes of one file. Beyond: 413. */
  readonly fileBytesMax: number;
  /** Bytes of one field. Beyond: 413. Default 64 KiB. */
  readonly fieldBytesMax?: number;
  /** Parts, files among them. Beyond: 413. Default 200. */
  readonly partsMax?: number;
  /** Files. Beyond: 400. Default 1. */
  readonly filesMax?: number;
}

const FIELD_BYTES_MAX = 65_536;
const PARTS_MAX = 200;
/** Of one field, beside its value. */
const HEADERS_BYTES_MAX = 2_048;
const SLICE_BYTES = 1_024;
/** A boundary has up to 70 (RFC 2046); what may stand in front of it is hardly ever there. */
const HEAD_BYTES = 1_024;
/** Of the body, for everything that is no file: boundaries, headers, fields. */
const FRAME_BYTES_MAX = 2_097_152;

/**
 * The parts in their order. Iterating throws HttpError: 415 `unsupported_media_type`, 413 `body_too_large` (before
 * anything is read where content-length tells), 400 `invalid_multipart` for a body that is damaged or cut off; or
 * RequestAbortedError.
 */
export async function* readMultipart(
  request: HttpRequest,
  limits: MultipartLimits,
): AsyncGenerator<FormPart, void, undefined> {
  const { fileBytesMax, filesMax = 1 } = limits;
  if (mediaType(request) !== 'multipart/form-data') {
    throw new HttpError(415, 'unsupported_media_type', 'Expected a form (content-type: multipart/form-data).');
  }
  const body = boundedBody(request, fileBytesMax * filesMax + FRAME_BYTES_MAX);
  const contentType = request.header('content-type');
  const reader = new PartReader(openParser(contentType, limits), limits, boundaryOf(contentType));
  const feeding = reader.feed(body);
  try {
    for (;;) {
      const part = await reader.next();
      if (part === undefined) return;
      yield part;
    }
  } finally {
    reader.stop();
    await feeding;
  }
}

function openParser(contentType: string, { fileBytesMax, ...limits }: MultipartLimits): BusboyInstance {
  const { fieldBytesMax = FIELD_BYTES_MAX, partsMax = PARTS_MAX, filesMax = 1 } = limits;
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: {
        // One more than allowed tells a file of just that size from one that was cut.
        fileSize: fileBytesMax + 1,
        files: filesMax,
        fieldSize: fieldBytesMax,
        fieldNameSize: 200,
        parts: partsMax,
        headerPairs: 20,
      },
    });
  } catch (cause) {
    throw damaged('The form has no boundary.', cause);
  }
}

/** As the parser reads it; the parser refuses a type without one. */
function boundaryOf(contentType: string): string {
  const [, quoted, plain = ''] = /boundary=(?:"([^"]*)"|([^\s;]*))/i.exec(contentType) ?? [];
  return quoted ?? plain;
}

function damaged(message: string, cause?: unknown): HttpError {
  return new HttpError(400, 'invalid_multipart', message, {}, { cause });
}

function wrongBoundary(): HttpError {
  return damaged('The form does not begin with the boundary that its content type names.');
}

function fieldTooLarge(bytesMax: number): HttpError {
  return new HttpError(
    413,
    'body_too_large',
    `A field of the form may have up to ${bytesMax} bytes. A recording is sent as a file, with a file name.`,
  );
}

/** Turns the parser's events into parts that are asked for. */
class PartReader {
  readonly #parser: BusboyInstance;
  readonly #parts: FormPart[] = [];
  #file: BusboyFileStream | undefined;
  #end: 'finished' | { readonly error: unknown } | undefined;
  #isStopped = false;
  #isInFile = false;
  /**
   * Bytes since the last part that was whole, or the last file. The parser itself says nothing of a field that is too
   * long before it is over.
   */
  #outsideBytes = 0;
  readonly #fieldBytesMax: number;
  readonly #boundary: Buffer;
  /** The first bytes of the body: the boundary begins it, or is hardly that of this body. */
  #head = Buffer.alloc(0);
  /** Whoever waits: the reader for a part, or the feeder for room. */
  #wakeReader: (() => void) | undefined;
  #wakeFeeder: (() => void) | undefined;

  constructor(parser: BusboyInstance, limits: MultipartLimits, boundary: string) {
    this.#parser = parser;
    this.#boundary = Buffer.from(`--${boundary}`, 'latin1');
    this.#fieldBytesMax = limits.fieldBytesMax ?? FIELD_BYTES_MAX;
    parser.on('field', (name, value, isNameCut, isValueCut) => {
      if (isNameCut || isValueCut) return this.#fail(fieldTooLarge(this.#fieldBytesMax));
      this.#outsideBytes = 0;
      this.#add({ kind: 'field', name: nameOf(name), value });
    });
    parser.on('file', (name, stream, fileName, _encoding, contentType) => {
      this.#file = stream;
      this.#isInFile = true;
      stream.once('end', () => {
        this.#isInFile = false;
        this.#outsideBytes = 0;
      });
      // For its whole life: the form may fail before anybody reads the file, or after somebody stopped, and an error
      // event without a listener would end the process. A reader gets the failure from `#end`.
      stream.on('error', () => {});
      const bytes = this.#bytesOf(stream, limits.fileBytesMax);
      this.#add({ kind: 'file', name: nameOf(name), fileName: fileName ?? '', contentType, bytes });
    });
    parser.on('filesLimit', () =>
      this.#fail(
        damaged(
          `The form may have ${limits.filesMax ?? 1} file. What has a file name or the type application/octet-stream is one.`,
        ),
      ),
    );
    parser.on('partsLimit', () =>
      this.#fail(new HttpError(413, 'body_too_large', `The form may have ${limits.partsMax ?? PARTS_MAX} parts.`)),
    );
    parser.on('finish', () => {
      this.#end ??= 'finished';
      this.#wakeReader?.();
    });
    parser.on('error', (error) =>
      this.#fail(this.#isForeign ? wrongBoundary() : damaged('The form is damaged or cut off.', error)),
    );
    parser.on('drain', () => this.#wakeFeeder?.());
  }

  async feed(body: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const piece of body) {
        for (let at = 0; at < piece.length;) {
          if (this.#isOver) return;
          // In small slices outside of files, so that a field is counted closely.
          const slice = this.#isInFile ? piece.subarray(at) : piece.subarray(at, at + SLICE_BYTES);
          at += slice.length;
          if (this.#head.length < HEAD_BYTES) this.#head = Buffer.concat([this.#head, slice]);
          this.#outsideBytes += slice.length;
          if (!this.#parser.write(slice)) await this.#room();
          if (!this.#isInFile && this.#outsideBytes > this.#fieldBytesMax + HEADERS_BYTES_MAX) {
            return this.#fail(this.#isForeign ? wrongBoundary() : fieldTooLarge(this.#fieldBytesMax));
          }
        }
      }
      this.#parser.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  async next(): Promise<FormPart | undefined> {
    for (;;) {
      const part = this.#parts.shift();
      if (part !== undefined) return part;
      if (typeof this.#end === 'object') throw this.#end.error;
      if (this.#end === 'finished') return undefined;
      // What was not read of the last file is in the way.
      this.#file?.resume();
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#file?.resume();
    this.#wakeFeeder?.();
  }

  /** Whether the body is no form of this boundary. */
  get #isForeign(): boolean {
    return !this.#head.includes(this.#boundary);
  }

  get #isOver(): boolean {
    return this.#isStopped || this.#end !== undefined;
  }

  async #room(): Promise<void> {
    if (this.#isOver || !this.#parser.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      this.#wakeFeeder = resolve;
    });
  }

  async *#bytesOf(stream: BusboyFileStream, bytesMax: number): AsyncGenerator<Uint8Array, void, undefined> {
    let bytes = 0;
    try {
      for await (const piece of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        bytes += piece.length;
        if (bytes > bytesMax) throw bodyTooLarge(bytesMax);
        yield piece;
      }
    } catch (error) {
      if (typeof this.#end === 'object') throw this.#end.error;
      throw error instanceof HttpError ? error : damaged('The form is cut off.', error);
    }
    if (typeof this.#end === 'object') throw this.#end.error;
  }

  #add(part: FormPart): void {
    this.#parts.push(part);
    this.#wakeReader?.();
  }

  #fail(error: unknown): void {
    this.#end ??= { error };
    // Whoever reads a file gets the error there.
    this.#file?.destroy(error instanceof Error ? error : undefined);
    this.#wakeReader?.();
    this.#wakeFeeder?.();
  }
}

/** Empty where the part says none, or none that can be read: the types of the parser do not say so. */
function nameOf(name: string | undefined): string {
  return name ?? '';
}
