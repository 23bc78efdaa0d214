// Bodies within a bound, and unpacked.
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { readBody } from '../../../server/src/http/body.js';
import { RequestAbortedError } from '../../../server/src/http/exchange.js';
import { httpRequest } from '../../support/http-request.js';

const PLAIN = Buffer.from('words '.repeat(1_000));

function packed(body: Uint8Array | AsyncIterable<Uint8Array>, encoding = 'gzip') {
  return httpRequest({ method: 'POST', headers: { 'content-encoding': encoding }, body });
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* lost(): AsyncGenerator<Uint8Array> {
  yield gzipSync(PLAIN).subarray(0, 20);
  throw new RequestAbortedError('request_aborted', 'gone');
}

t.test('gzip is unpacked, however it is cut', async (t) => {
  for (const encoding of ['gzip', 'x-gzip', ' GZIP ']) {
    t.same(Buffer.from(await readBody(packed(pieces(gzipSync(PLAIN), 7), encoding), 10_000)), PLAIN);
  }
  t.same(Buffer.from(await readBody(packed(PLAIN, 'identity'), 10_000)), PLAIN);
});

t.test('the bound holds for what is unpacked, and for what is sent', async (t) => {
  const tooLarge = { status: 413, code: 'body_too_large' };
  await t.rejects(readBody(packed(gzipSync(PLAIN)), 5_999), tooLarge);
  await t.rejects(readBody(packed(gzipSync(new Uint8Array(50_000_000))), 100_000), tooLarge);
  const nothing = gzipSync(new Uint8Array(0));
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield nothing;
  }
  await t.rejects(readBody(packed(endless()), 10_000), tooLarge, 'bytes that unpack to nothing');
});

t.test('what is damaged, cut off or packed otherwise is refused in words', async (t) => {
  const damaged = { status: 400, code: 'invalid_gzip' };
  await t.rejects(readBody(packed(PLAIN), 10_000), damaged);
  await t.rejects(readBody(packed(gzipSync(PLAIN).subarray(0, 30)), 10_000), damaged);
  await t.rejects(readBody(packed(PLAIN, 'br'), 10_000), {
    status: 415,
    code: 'unsupported_encoding',
    message: /"br"/,
    headers: { 'accept-encoding': 'gzip' },
  });
});

t.test('a client that goes away is told as that', async (t) => {
  await t.rejects(readBody(packed(lost()), 10_000), { code: 'request_aborted' });
});
