// Forms and other uploads as whole HTTP requests: right ones, ones with parts out of order, missing, twice or too
// large, damaged recordings, and requests that are cut off.
import { badValue, damaged } from './bad-values.js';
import type { Chance } from './chance.js';

/** An HTTP request of which perhaps only a part is sent. */
export interface FuzzedForm {
  readonly bytes: Uint8Array;
  /** Whether all of it is sent, so that an answer is owed. */
  readonly isWhole: boolean;
}

const PATHS = [
  '/transcribe_only',
  '/transcribe_and_optimize',
  '/asr',
  '/detect-language',
  '/v1/audio/transcriptions',
  '/v1/audio/translations',
  '/v1/jobs',
  '/v1/listen',
  '/v1/polish',
  '/v1/tokens',
  '/v1/realtime/client_secrets',
];
const FIELDS = [
  'language',
  'model',
  'prompt',
  'hotwords',
  'hotwords[]',
  'response_format',
  'temperature',
  'timestamp_granularities[]',
  'stream',
  'mode',
  'polish',
  'webhook',
  'words',
  'chunking_strategy',
];
const VALUES = ['en', 'whisper-1', 'json', 'verbose_json', 'srt', 'true', '0', 'standard', '{"mode":"standard"}', ''];
const LONG_FIELD_CHARS = 80_000;

export function fuzzedForm(chance: Chance): FuzzedForm {
  const path = chance.of(PATHS);
  if (chance.hits(0.1)) return request(chance, path, 'application/json', Buffer.from(jsonBody(chance)));
  if (chance.hits(0.1)) return request(chance, path, 'audio/wav', recording(chance));
  const boundary = chance.hits(0.98) ? 'between' : chance.text(90).replaceAll(/[^\w ]/g, '');
  const parts = chance.hits(0.1) ? chance.some(30, () => field(chance)) : orderedParts(chance);
  const opening = `--${boundary}\r\n`;
  const pieces = parts.flatMap((part) => [Buffer.from(opening), part, Buffer.from('\r\n')]);
  const ending = chance.hits(0.97) ? `--${boundary}--\r\n` : '';
  const body = Buffer.concat([...pieces, Buffer.from(ending)]);
  return request(
    chance,
    path,
    `multipart/form-data; boundary=${boundary}`,
    chance.hits(0.1) ? damaged(chance, body) : body,
  );
}

/** Fields before and behind none, one or two files. */
function orderedParts(chance: Chance): Uint8Array[] {
  const files = chance.of([0, 1, 1, 1, 1, 2]);
  return [
    ...chance.some(3, () => field(chance)),
    ...Array.from({ length: files }, () => file(chance)),
    ...chance.some(2, () => field(chance)),
  ];
}

function field(chance: Chance): Uint8Array {
  const name = chance.hits(0.9) ? chance.of(FIELDS) : chance.text(30).replaceAll(/["\r\n]/g, '');
  const type = chance.hits(0.05) ? '\r\ncontent-type: application/octet-stream' : '';
  const value = chance.hits(0.01)
    ? 'x'.repeat(LONG_FIELD_CHARS)
    : chance.hits(0.8)
      ? chance.of(VALUES)
      : chance.text(60);
  return Buffer.from(`content-disposition: form-data; name="${name}"${type}\r\n\r\n${value}`);
}

function file(chance: Chance): Uint8Array {
  const name = chance.of(['file', 'file', 'file', 'file', 'audio_file', 'other', '']);
  const fileName = chance.of(['a.wav', 'a.mp3', '../../a.wav', 'ä"\\.m4a', '']);
  const head = `content-disposition: form-data; name="${name}"; filename="${fileName}"\r\ncontent-type: audio/wav`;
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), recording(chance)]);
}

/** A short WAV, most often; else the beginning of another format with noise behind, or a damaged WAV. */
function recording(chance: Chance): Uint8Array {
  const whole = wav(chance.below(800), chance);
  if (chance.hits(0.6)) return whole;
  if (chance.hits(0.5)) return damaged(chance, whole);
  return Buffer.concat([chance.of(MAGICS), chance.bytes(chance.below(300))]);
}

const MAGICS = [
  Buffer.from('\0\0\0\x18ftypM4A \0\0\0\0M4A mp42', 'latin1'),
  Buffer.from([0x1a, 0x45, 0xdf, 0xa3, 0x93, 0x42, 0x82, 0x88]),
  Buffer.from('OggS\0\x02\0\0\0\0\0\0\0\0', 'latin1'),
  Buffer.from('fLaC\0\0\0\x22', 'latin1'),
  Buffer.from('ID3\x03\0\0\0\0\0\x0a', 'latin1'),
  Buffer.from([0xff, 0xfb, 0x90, 0x64]),
  Buffer.from('FORM\0\0\x10\0AIFFCOMM', 'latin1'),
  Buffer.alloc(0),
];

function wav(samples: number, chance: Chance): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF');
  header.writeUInt32LE(36 + 2 * samples, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(chance.hits(0.95) ? 1 : chance.below(65_536), 20);
  header.writeUInt16LE(chance.hits(0.95) ? 1 : chance.below(65_536), 22);
  header.writeUInt32LE(chance.hits(0.95) ? 16_000 : chance.below(2 ** 31), 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(chance.hits(0.95) ? 16 : chance.below(65_536), 34);
  header.write('data', 36);
  header.writeUInt32LE(chance.hits(0.95) ? 2 * samples : 0xffff_fff0, 40);
  return Buffer.concat([header, chance.bytes(2 * samples)]);
}

function jsonBody(chance: Chance): string {
  const known = { text: 'so um this is it', path: '../etc/passwd', url: 'http://127.0.0.1/', mode: 'standard' };
  const body = chance.hits(0.7)
    ? { ...known, [chance.of(['text', 'texts', 'ttlMs', 'audio'])]: badValue(chance) }
    : null;
  return chance.hits(0.1) ? chance.text(200) : (JSON.stringify(body ?? badValue(chance)) ?? '');
}

/** With a length that is right, in chunks, or with one that is not; whole, or cut off anywhere. */
function request(chance: Chance, path: string, type: string, body: Uint8Array): FuzzedForm {
  const isChunked = chance.hits(0.2);
  const said = chance.hits(0.97) ? body.length : body.length + 1 + chance.below(100);
  const length = isChunked ? 'transfer-encoding: chunked' : `content-length: ${said}`;
  const query = chance.hits(0.2) ? `?${chance.of(FIELDS)}=${encodeURIComponent(chance.of(VALUES))}` : '';
  const head = `POST ${path}${query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\n${length}\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(head), isChunked ? chunked(body) : body]);
  if (chance.hits(0.15)) return { bytes: bytes.subarray(0, chance.below(bytes.length)), isWhole: false };
  return { bytes, isWhole: isChunked || said === body.length };
}

function chunked(body: Uint8Array): Uint8Array {
  const half = body.length >> 1;
  const pieces = [body.subarray(0, half), body.subarray(half)].filter(({ length }) => length > 0);
  const written = pieces.flatMap((piece) => [
    Buffer.from(`${piece.length.toString(16)}\r\n`),
    piece,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...written, Buffer.from('0\r\n\r\n')]);
}
