// Forms, cut into pieces anywhere, cut off anywhere, and too large.
import { assert, asyncProperty, integer } from 'fast-check';
import t from 'tap';
import { readMultipart, type MultipartLimits } from '../../../server/src/http/multipart.js';
import { httpRequest } from '../../support/http-request.js';
import { propertyRuns } from '../../support/property.js';

const LIMITS: MultipartLimits = { fileBytesMax: 100_000, fieldBytesMax: 1_000, partsMax: 20 };

interface Sent {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

async function encode(form: FormData): Promise<Sent> {
  const response = new Response(form);
  return {
    bytes: new Uint8Array(await response.arrayBuffer()),
    contentType: response.headers.get('content-type') ?? '',
  };
}

function form(entries: readonly (readonly [string, string | Blob, string?])[]): Promise<Sent> {
  const data = new FormData();
  for (const [name, value, fileName] of entries) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, value, fileName);
  }
  return encode(data);
}

function file(size: number): Blob {
  return new Blob([new Uint8Array(size)]);
}

function firstPart(contentType: string): Promise<unknown> {
  return readMultipart(httpRequest({ headers: { 'content-type': contentType }, body: 'x' }), LIMITS).next();
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What is read: fields as they are, files by name, type and size. */
async function read({ bytes, contentType }: Sent, limits = LIMITS, size = 65_536, skip = false): Promise<unknown[]> {
  const request = httpRequest({ method: 'POST', headers: { 'content-type': contentType }, body: cut(bytes, size) });
  const parts: unknown[] = [];
  for await (const part of readMultipart(request, limits)) {
    if (part.kind === 'field') {
      parts.push([part.name, part.value]);
    } else {
      let length = 0;
      if (!skip) for await (const piece of part.bytes) length += piece.length;
      parts.push([part.name, part.fileName, part.contentType, length]);
    }
  }
  return parts;
}

t.test('fields and files come in their order, however the body is cut', async (t) => {
  const sent = await form([
    ['model', 'whisper-1'],
    ['file', new Blob([new Uint8Array(70_000)], { type: 'audio/wav' }), 'gespräch.wav'],
    ['timestamp_granularities[]', 'word'],
    ['timestamp_granularities[]', 'segment'],
    ['prompt', 'Grüße\r\n--x'],
    ['empty', ''],
  ]);
  const expected = [
    ['model', 'whisper-1'],
    ['file', 'gespräch.wav', 'audio/wav', 70_000],
    ['timestamp_granularities[]', 'word'],
    ['timestamp_granularities[]', 'segment'],
    ['prompt', 'Grüße\r\n--x'],
    ['empty', ''],
  ];
  await assert(
    asyncProperty(integer({ min: 64, max: 80_000 }), async (size) => {
      t.strictSame(await read(sent, LIMITS, size), expected);
    }),
    { numRuns: propertyRuns(15) },
  );
});

t.test('a file that nobody reads is passed over', async (t) => {
  const sent = await form([
    ['file', new Blob([new Uint8Array(90_000)]), 'a'],
    ['model', 'm'],
  ]);
  t.strictSame(await read(sent, LIMITS, 10_000, true), [
    ['file', 'a', 'application/octet-stream', 0],
    ['model', 'm'],
  ]);
});

t.test('names of files are no paths', async (t) => {
  for (const name of ['../../etc/passwd', '..\\..\\boot.ini', '/abs/olute.wav']) {
    const [part] = (await read(await form([['file', new Blob(['x']), name]]))) as [string, string][];
    t.notMatch(part?.[1], /[/\\]/, name);
  }
});

t.test('cut off anywhere: an error, never a hang', async (t) => {
  const sent = await form([
    ['model', 'm'],
    ['file', new Blob([new Uint8Array(3_000).fill(7)]), 'a'],
    ['prompt', 'p'],
  ]);
  await assert(
    asyncProperty(integer({ min: 0, max: sent.bytes.length - 3 }), async (length) => {
      await t.rejects(read({ ...sent, bytes: sent.bytes.subarray(0, length) }), {
        status: 400,
        code: 'invalid_multipart',
      });
    }),
    { numRuns: propertyRuns(40) },
  );
});

t.test('bounds: file, field, parts, files', async (t) => {
  const tooLarge = { status: 413, code: 'body_too_large' };
  t.same(await read(await form([['f', file(100_000), 'a']])), [['f', 'a', 'application/octet-stream', 100_000]]);
  await t.rejects(read(await form([['f', file(100_001), 'a']])), tooLarge);
  await t.rejects(read(await form([['p', 'x'.repeat(2_000)]])), tooLarge);
  await t.rejects(read(await form(Array.from({ length: 30 }, (_, i) => [`p${i}`, 'x'] as const))), tooLarge);
  await t.rejects(
    read(
      await form([
        ['f', file(1), 'a'],
        ['g', file(1), 'b'],
      ]),
    ),
    { status: 400, message: /1 file/ },
  );
});

t.test('a length beyond the bound is refused before anything is read', async (t) => {
  let read = 0;
  const request = httpRequest({
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'content-length': '10737418240' },
    body: (async function* () {
      read++;
      yield new Uint8Array(1);
    })(),
  });
  await t.rejects(readMultipart(request, LIMITS).next(), { code: 'body_too_large' });
  t.equal(read, 0);
});

t.test('no form, or one without a boundary', async (t) => {
  await t.rejects(firstPart('application/json'), { code: 'unsupported_media_type' });
  await t.rejects(firstPart(''), { code: 'unsupported_media_type' });
  await t.rejects(firstPart('multipart/form-data'), { status: 400, code: 'invalid_multipart' });
});

t.test('a boundary that is not that of the body is told as such, however large the body is', async (t) => {
  const wrong = { status: 400, code: 'invalid_multipart', message: /boundary that its content type names/ };
  for (const size of [10, 2_000, 90_000]) {
    const { bytes } = await form([['file', file(size), 'a']]);
    for (const contentType of ['multipart/form-data; boundary=other', 'multipart/form-data; boundary="an other"']) {
      await t.rejects(read({ bytes, contentType }), wrong, `${size} bytes`);
    }
  }
  const long = `--x y\r\ncontent-disposition: form-data; name="p"\r\n\r\n${'a'.repeat(5_000)}`;
  const quoted = { bytes: Buffer.from(long), contentType: 'multipart/form-data; boundary="x y"' };
  // A field that is too large is still told as that.
  await t.rejects(read(quoted), { status: 413, code: 'body_too_large' });
});

t.test('parts without a name, or with one that cannot be read, have an empty one', async (t) => {
  const body = ['', '; name', '; n\u0000ame="prompt"']
    .map((rest) => `--x\r\ncontent-disposition: form-data${rest}\r\n\r\nabc\r\n`)
    .join('');
  const bytes = Buffer.from(`${body}--x--\r\n`);
  const parts = await read({ bytes, contentType: 'multipart/form-data; boundary=x' });
  t.strictSame(new Set(parts.map(String)), new Set([',abc']));
});
