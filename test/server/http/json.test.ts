// JSON bodies: validated, bounded, and refused with a reason.
import t from 'tap';
import * as v from 'valibot';
import { readJson } from '../../../server/src/http/json.js';
import { httpRequest } from '../../support/http-request.js';

const SCHEMA = v.object({ text: v.string('a text'), options: v.optional(v.object({ count: v.number('a number') })) });
const ask = (body: string | Uint8Array, type = 'application/json', length = '') =>
  readJson(httpRequest({ method: 'POST', headers: { 'content-type': type, 'content-length': length }, body }), SCHEMA, {
    bytesMax: 100,
  });

t.test('takes what the schema wants', async (t) => {
  t.same(await ask('{"text":"é","options":{"count":2}}'), { text: 'é', options: { count: 2 } });
  t.same(await ask('{"text":"x"}', 'application/vnd.api+json; charset=utf-8'), { text: 'x' });
});

t.test('says what is wrong', async (t) => {
  await t.rejects(ask('{"text":1}'), { status: 400, code: 'invalid_request', message: 'text: a text' });
  await t.rejects(ask('{"text":"x","options":{"count":"2"}}'), { message: 'options.count: a number' });
  await t.rejects(ask('{}'), { code: 'invalid_request', message: 'text is missing.' });
  for (const body of ['[]', 'null', '"text"']) {
    await t.rejects(ask(body), {
      code: 'invalid_request',
      message: /^(The body is no JSON object|text is missing)\.$/,
    });
  }
  await t.rejects(ask('{"text":'), { status: 400, code: 'invalid_json' });
  await t.rejects(ask(Buffer.from([0x22, 0xff, 0x22])), { status: 400, code: 'invalid_json' });
  await t.rejects(ask(''), { status: 400, code: 'invalid_json' });
  await t.rejects(ask('{}', ''), { status: 415, code: 'unsupported_media_type', message: /it has none/ });
  await t.rejects(ask('{}', 'text/plain'), { status: 415, code: 'unsupported_media_type' });
  await t.rejects(ask(`{"text":"${'x'.repeat(100)}"}`), { status: 413, code: 'body_too_large' });
  await t.rejects(ask('{}', 'application/json', '101'), { status: 413, code: 'body_too_large' });
});
