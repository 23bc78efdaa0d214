// Wyoming's frames: a line of JSON, then `data_length` bytes of JSON, then `payload_length` bytes of audio
// (https://github.com/OHF-Voice/wyoming).
import { CodedError } from '@sotto/protocol';
import * as v from 'valibot';
import { VERSION } from '../../version.js';

export interface WyomingEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Audio; mostly empty. */
  readonly payload: Uint8Array;
}

/** Sends an event to the client. */
export type Send = (type: string, fields?: Readonly<Record<string, unknown>>) => void;

/** What cannot be read as a frame: where the next one begins is not known. */
export class WyomingError extends CodedError<'malformed_message' | 'message_too_large'> {
  override readonly name = 'WyomingError';
}

/** Bytes of the line, and of the JSON behind it. */
const HEADER_BYTES_MAX = 16_384;
const DATA_BYTES_MAX = 65_536;
const NEWLINE = 10;

const length = v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), 0);
const data = v.pipe(
  v.unknown(),
  v.check((value) => !Array.isArray(value), 'expected an object'),
  v.record(v.string(), v.unknown()),
);
const Header = v.object({
  type: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  data: v.nullish(data, {}),
  data_length: length,
  payload_length: length,
});

/** The events in these bytes. Holds one frame and one chunk at most. Throws WyomingError. */
export async function* readEvents(
  chunks: AsyncIterable<Uint8Array>,
  payloadBytesMax: number,
): AsyncGenerator<WyomingEvent> {
  const bytes = new ByteReader(chunks);
  for (;;) {
    const line = await bytes.line(HEADER_BYTES_MAX);
    if (line === undefined) return;
    const header = parse(Header, line, 'The header');
    refuseLarge('data_length', header.data_length, DATA_BYTES_MAX);
    refuseLarge('payload_length', header.payload_length, payloadBytesMax);
    const further = await bytes.take(header.data_length);
    const payload = await bytes.take(header.payload_length);
    if (further === undefined || payload === undefined) return;
    const more = further.length === 0 ? {} : parse(data, further, 'The data');
    yield { type: header.type, data: { ...header.data, ...more }, payload };
  }
}

/** A frame without audio. */
export function encodeEvent(type: string, fields: Readonly<Record<string, unknown>> = {}): Buffer {
  const body = Buffer.from(JSON.stringify(fields));
  const header = { type, version: VERSION, data_length: body.length };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);
}

function parse<const S extends v.GenericSchema>(schema: S, bytes: Uint8Array, what: string): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch (cause) {
    throw new WyomingError('malformed_message', `${what} of an event is no JSON.`, { cause });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new WyomingError(
    'malformed_message',
    `${what} of an event is wrong: ${v.getDotPath(issue) ?? ''} ${issue.message}`,
  );
}

function refuseLarge(name: string, bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return;
  throw new WyomingError('message_too_large', `${name} is ${bytes}: at most ${bytesMax} bytes.`);
}

/** Bytes that are asked for by the line or by their number. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Up to the next line feed; undefined at the end. */
  async line(bytesMax: number): Promise<Uint8Array | undefined> {
    let searched = 0;
    for (;;) {
      const end = this.#rest.indexOf(NEWLINE, searched);
      refuseLarge('The header', end < 0 ? this.#rest.length : end, bytesMax);
      if (end >= 0) {
        const line = this.#rest.subarray(0, end);
        this.#rest = this.#rest.subarray(end + 1);
        return line;
      }
      searched = this.#rest.length;
      const next = await this.#next();
      if (next === undefined) return undefined;
      this.#rest = Buffer.concat([this.#rest, next]);
    }
  }

  /** Undefined where the stream ends before. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const pieces = [this.#rest];
    let held = this.#rest.length;
    while (held < count) {
      const next = await this.#next();
      if (next === undefined) return undefined;
      pieces.push(Buffer.from(next));
      held += next.length;
    }
    const all = pieces.length === 1 ? this.#rest : Buffer.concat(pieces, held);
    this.#rest = all.subarray(count);
    return all.subarray(0, count);
  }

  async #next(): Promise<Uint8Array | undefined> {
    const { done, value } = await this.#chunks.next();
    return done === true ? undefined : value;
  }
}
