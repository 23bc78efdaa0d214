// Recordings over the server's own addresses: forms, JSON, bare bytes; limits; bad input; clients that leave.
import { connect } from 'node:net';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import { FFMPEG_OFF, useFfmpeg } from '../../../server/src/audio/ffmpeg/find-ffmpeg.js';
import { AsrError } from '../../../server/src/asr/errors.js';
import { deferred } from '../../../client-sdk/src/deferred.js';
import { openFileGateway } from '../../support/file-gateway.js';
import { until } from '../../support/until.js';
import { TRANSPORTS } from '../../support/shared-gateway.js';
import { s16le, sine, wavFile } from '../../support/wav-file.js';

// Whatever this machine has.
t.beforeEach(() => useFfmpeg(FFMPEG_OFF));
t.teardown(() => useFfmpeg('ffmpeg'));

const folder = new URL('../../fixtures/audio/formats/', import.meta.url).pathname;
const wav = (seconds: number): Uint8Array =>
  wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(sine(440, 16_000, seconds)));
const THREE_SECONDS = wav(3.2);

function formOf(bytes: Uint8Array, fields: Readonly<Record<string, string>> = {}, fileName = 'talk.wav'): FormData {
  const form = new FormData();
  form.append('file', new Blob([bytes]), fileName);
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

type Body = NonNullable<RequestInit['body']>;

const post = (url: string, body: Body, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers });

for (const [name, createTransport] of TRANSPORTS) {
  const skip = createTransport === undefined && 'no binary for this Node';
  t.test(`over ${name}`, { skip }, async (t) => {
    if (createTransport === undefined) return;
    const { http, transcriber } = await openFileGateway(t, { createTransport });

    t.test('a form, JSON and bare bytes give the same transcript', async (t) => {
      const url = `${http}/transcribe_only`;
      const json = JSON.stringify({ file: Buffer.from(THREE_SECONDS).toString('base64'), language: 'en-GB' });
      const answers = await Promise.all([
        post(url, formOf(THREE_SECONDS, { language: 'en' })),
        post(url, json, { 'content-type': 'application/json' }),
        post(url, json.replace(':"', ':"data:audio/wav;codecs=1;base64,'), { 'content-type': 'application/json' }),
        post(`${url}?language=en`, THREE_SECONDS, { 'content-type': 'audio/wav' }),
        post(`${url}?language=en`, THREE_SECONDS),
      ]);
      for (const answer of answers) {
        t.equal(answer.status, 200);
        t.same(await answer.json(), {
          raw_text: 'w0. w1. w2.',
          language: 'en',
          duration: 3.2,
          segments: [0, 1, 2].map((at) => ({ start: at, end: at + 0.9, text: `w${at}.` })),
          warnings: [],
        });
      }
      // As it was written: the recogniser reads tags, script included.
      const asked = transcriber.asked.map(({ language }) => language);
      t.same(asked.toSorted(), ['en', 'en', 'en', 'en-GB', 'en-GB']);
    });

    t.test('a body may come packed with gzip, bare or as a form', async (t) => {
      const url = `${http}/transcribe_only`;
      const form = new Response(formOf(THREE_SECONDS));
      const type = form.headers.get('content-type') ?? '';
      for (const [body, headers] of [
        [THREE_SECONDS, {}],
        [new Uint8Array(await form.arrayBuffer()), { 'content-type': type }],
      ] as const) {
        const answer = await post(url, gzipSync(body), { ...headers, 'content-encoding': 'gzip' });
        t.match(await answer.json(), { raw_text: 'w0. w1. w2.' });
      }
      const wrong = await post(url, THREE_SECONDS, { 'content-encoding': 'gzip' });
      t.equal(wrong.status, 400);
      t.match(await wrong.json(), { error: { code: 'invalid_gzip' } });
    });

    t.test('a form of text fields is told from a recording that curl calls so', async (t) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      for (const path of ['/transcribe_only', '/asr']) {
        t.equal((await post(`${http}${path}`, THREE_SECONDS, headers)).status, 200, path);
        const long = `prompt=${'a'.repeat(3_000)}&file=%FF`;
        for (const body of ['url=https%3A%2F%2Fexample.org%2Ftalk.mp3', 'a=', 'file[]=talk.wav', long]) {
          const answer = await post(`${http}${path}`, body, headers);
          t.equal(answer.status, 415, body.slice(0, 20));
          t.match(await answer.text(), /multipart\/form-data/);
        }
        t.equal((await post(`${http}${path}`, 'no form, no sound', headers)).status, 400);
      }
    });

    t.test('a track that is not there is refused', async (t) => {
      const url = `${http}/transcribe_only`;
      for (const answer of [
        await post(url, formOf(THREE_SECONDS, { track: '2' })),
        await post(`${url}?track=en`, THREE_SECONDS),
        await post(url, JSON.stringify({ file: Buffer.from(THREE_SECONDS).toString('base64'), track: 2 }), {
          'content-type': 'application/json',
        }),
      ]) {
        t.equal(answer.status, 400);
        t.match(await answer.json(), { error: { code: 'no_track', message: /It has 1 sound track/ } });
      }
      t.equal((await post(`${url}?track=none-of-them`, THREE_SECONDS)).status, 400);
      t.equal((await post(`${url}?track=1`, THREE_SECONDS)).status, 200);
    });

    t.test('every format, whatever it calls itself', async (t) => {
      for (const file of ['speech.mp3', 'moov-last.m4a', 'speech.opus', 'speech.webm', 'speech.amr', 'video.mp4']) {
        const bytes = new Uint8Array(readFileSync(folder + file));
        const answer = await post(`${http}/transcribe_only`, formOf(bytes, {}, '../../etc/passwd.txt'));
        const { raw_text: text } = (await answer.json()) as { raw_text: string };
        t.match(text, /^w0\. w1\. w2\. w3\./, file);
      }
    });

    t.test('optimised text, or why there is none', async (t) => {
      const url = `${http}/transcribe_and_optimize`;
      t.match(await (await post(url, formOf(THREE_SECONDS, { language: 'en' }))).json(), {
        raw_text: 'w0. w1. w2.',
        optimized_text: 'W0. W1. W2.',
        mode: 'standard',
        language: 'en',
        duration: 3.2,
        polish_model: 'rules',
        polish_fallback: null,
      });
      t.match(await (await post(url, formOf(THREE_SECONDS, { mode: 'formal' }))).json(), {
        mode: 'formal',
        polish_fallback: 'unavailable',
      });
      t.match(await (await post(url, formOf(THREE_SECONDS, { mode: 'poetic' }))).json(), {
        error: { code: 'invalid_request', message: /^mode: one of standard/ },
      });
    });

    t.test('bad input has an answer', async (t) => {
      const url = `${http}/transcribe_only`;
      const of = async (body: Body, headers: Record<string, string> = {}) => {
        const answer = await post(url, body, headers);
        const { error } = (await answer.json()) as { error: { code: string } };
        return [answer.status, error.code];
      };
      t.same(await of(new Uint8Array(0)), [400, 'empty']);
      t.same(await of(formOf(new Uint8Array(0))), [400, 'empty']);
      t.same(await of('<html>'), [400, 'not_audio']);
      t.same(await of(new FormData()), [400, 'file_missing']);
      t.same(await of(formOf(THREE_SECONDS, { language: 'xx' })), [400, 'unsupported_language']);
      t.same(await of('{', { 'content-type': 'application/json' }), [400, 'invalid_json']);
      t.same(await of('{"file":"???"}', { 'content-type': 'application/json' }), [400, 'invalid_request']);
      t.same(await of('x', { 'content-type': 'multipart/form-data' }), [400, 'invalid_multipart']);
      t.same(await of(readFileSync(`${folder}no-audio.mp4`)), [400, 'no_samples']);
      t.same(await of('FORM\0\0\0\x20AIFFCOMM'), [415, 'unsupported']);
      t.equal((await fetch(url)).status, 405);
    });
  });
}

t.test('too large: refused by its length before it is read, and cut off where no length is told', async (t) => {
  const { http, port } = await openFileGateway(t, { uploadBytesMax: 50_000 });
  t.equal((await post(`${http}/transcribe_only`, THREE_SECONDS)).status, 413);
  t.equal((await post(`${http}/transcribe_only`, formOf(THREE_SECONDS))).status, 413);
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(20_000).fill(82)),
  });
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', body: stream, duplex: 'half' };
  t.match(await fetch(`${http}/transcribe_only`, init).then((answer) => answer.status), /^4(13|00)$/);
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const answer = new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(String(bytes))));
  socket.write(
    'POST /transcribe_only HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 10737418240\r\n\r\n',
  );
  t.match(await answer, /^HTTP\/1.1 413/);
});

t.test('a client that leaves takes its work with it', async (t) => {
  for (const [, createTransport] of TRANSPORTS) {
    if (createTransport === undefined) continue;
    const { http, transcriber, files } = await openFileGateway(t, { createTransport });
    transcriber.gate = new Promise(() => {});
    const leaving = new AbortController();
    const uploads = [1, 2, 3, 4, 5, 6].map((_, at) =>
      fetch(`${http}/transcribe_only`, {
        method: 'POST',
        body: at % 2 === 0 ? formOf(THREE_SECONDS) : THREE_SECONDS,
        signal: leaving.signal,
      }).catch(() => undefined),
    );
    await until(() => files.counts.running === 4 && files.counts.waiting === 2);
    leaving.abort();
    await Promise.all(uploads);
    await until(() => files.counts.running === 0 && files.counts.waiting === 0);
    t.equal(transcriber.running, 0);
  }
});

t.test('an upload that breaks off in the middle takes its work with it', async (t) => {
  const { port, transcriber, files } = await openFileGateway(t);
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`POST /transcribe_only HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000\r\n\r\n`);
  socket.write(wav(1.5).subarray(0, 40_000));
  await until(() => transcriber.running === 1);
  socket.destroy();
  await until(() => transcriber.running === 0 && files.counts.running === 0);
  t.equal(transcriber.givenUp, 1);
});

t.test('fifty at once are all answered; beyond the bound one is told to come later', async (t) => {
  const { http, transcriber, files } = await openFileGateway(t, { limits: { filesMax: 2, filesWaitingMax: 48 } });
  const gate = deferred<void>();
  transcriber.gate = gate.promise;
  const fifty = Array.from({ length: 50 }, () => post(`${http}/transcribe_only`, formOf(wav(1.1))));
  await until(() => files.counts.running === 2 && files.counts.waiting === 48);
  const refused = await post(`${http}/transcribe_only`, wav(1.1));
  t.equal(refused.status, 503);
  t.ok(Number(refused.headers.get('retry-after')) > 0);
  gate.resolve();
  const answers = await Promise.all(fifty);
  t.ok(answers.every(({ status }) => status === 200));
});

t.test('a failure of the engine is told as one', async (t) => {
  const { http, transcriber } = await openFileGateway(t);
  transcriber.failure = new AsrError('recognition_failed', 'secret detail');
  const answer = await post(`${http}/transcribe_only`, THREE_SECONDS);
  t.equal(answer.status, 500);
  const body = await answer.text();
  t.match(body, /recognition_failed/);
  t.notMatch(body, /secret/);
});
