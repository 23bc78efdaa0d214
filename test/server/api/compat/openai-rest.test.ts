// OpenAI's audio API, driven by OpenAI's own SDK.
import { readFileSync } from 'node:fs';
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  toFile,
} from 'openai';
import t from 'tap';
import { AsrError } from '../../../../server/src/asr/errors.js';
import { openFileGateway, type FileGatewayOptions } from '../../../support/file-gateway.js';
import { until } from '../../../support/until.js';
import { TRANSPORTS } from '../../../support/shared-gateway.js';
import { s16le, sine, wavFile } from '../../../support/wav-file.js';

const audio = wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(sine(440, 16_000, 3.2)));
const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../fixtures/audio/formats/${name}`, import.meta.url));
const talk = () => toFile(audio, 'talk.wav');
const model = 'whisper-1';

async function open(t: Parameters<typeof openFileGateway>[0], options: FileGatewayOptions = {}) {
  const gateway = await openFileGateway(t, options);
  return { ...gateway, client: new OpenAI({ apiKey: 'anything', baseURL: `${gateway.http}/v1`, maxRetries: 0 }) };
}

/** What a call was rejected with. */
const failed = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

t.test('OA-1: each response format', async (t) => {
  for (const [name, createTransport] of TRANSPORTS) {
    if (createTransport === undefined) continue;
    t.test(name, async (t) => {
      const { client } = await open(t, { createTransport });
      const { audio: api } = client;
      const json = await api.transcriptions.create({ file: await talk(), model });
      t.match(json, { text: 'w0. w1. w2.', usage: { type: 'duration', seconds: 4 } });
      t.match((json as { _request_id?: string })._request_id, /^req_/);
      t.equal(await api.transcriptions.create({ file: await talk(), model, response_format: 'text' }), 'w0. w1. w2.\n');
      t.match(
        await api.transcriptions.create({ file: await talk(), model, response_format: 'srt' }),
        /^1\n00:00:00,000 --> 00:00:0\d,\d{3}\nw0\./,
      );
      t.match(
        await api.transcriptions.create({ file: await talk(), model, response_format: 'vtt' }),
        /^WEBVTT\n\n00:00:00\.000 --> /,
      );
      const priced = await api.transcriptions.create({ file: await talk(), model: 'gpt-4o-transcribe' });
      t.match(priced.usage, { type: 'tokens', output_tokens: 3, input_tokens: 32, total_tokens: 35 });
    });
  }
});

t.test('OA-2: verbose_json with words, segments, or both', async (t) => {
  const { client } = await open(t);
  const ask = async (timestamp_granularities?: ('word' | 'segment')[]) =>
    client.audio.transcriptions.create({
      file: await talk(),
      model,
      response_format: 'verbose_json',
      ...(timestamp_granularities && { timestamp_granularities }),
    });
  const both = await ask(['word', 'segment']);
  t.match(both, { language: 'english', duration: 3.2, text: 'w0. w1. w2.' });
  t.equal((both as unknown as { task: string }).task, 'transcribe');
  t.same(both.words?.[1], { word: 'w1.', start: 1, end: 1.9 });
  t.same(Object.keys(both.segments?.[0] ?? {}).toSorted(), [
    'avg_logprob',
    'compression_ratio',
    'end',
    'id',
    'no_speech_prob',
    'seek',
    'start',
    'temperature',
    'text',
    'tokens',
  ]);
  t.match(both.segments?.[2], { id: 2, seek: 200, start: 2, end: 2.9, text: ' w2.', tokens: [102] });
  const words = await ask(['word']);
  t.equal(words.segments, undefined);
  t.equal(words.words?.length, 3);
  for (const segments of [await ask(['segment']), await ask()]) {
    t.equal(segments.words, undefined);
    t.equal(segments.segments?.length, 3);
  }
});

t.test('OA-3: deltas come as they are heard, and make up the whole', async (t) => {
  for (const [name, createTransport] of TRANSPORTS) {
    if (createTransport === undefined) continue;
    t.test(name, async (t) => {
      const { client } = await open(t, { createTransport });
      const stream = await client.audio.transcriptions.create({
        file: await talk(),
        model,
        stream: true,
        include: ['logprobs'],
      });
      const deltas: string[] = [];
      let done: string | undefined;
      for await (const event of stream) {
        t.equal(done, undefined, 'done is the last');
        if (event.type === 'transcript.text.delta') {
          deltas.push(event.delta);
          t.equal(event.logprobs?.length, 1);
        } else if (event.type === 'transcript.text.done') {
          done = event.text;
        }
      }
      t.equal(deltas.length, 3);
      t.equal(deltas.join(''), done);
      t.equal(done, 'w0. w1. w2.');
    });
  }
});

t.test('OA-3: a failure on the way is an error of the stream', async (t) => {
  const { client, transcriber } = await open(t);
  transcriber.failure = new AsrError('recognition_failed', 'gone');
  const stream = await client.audio.transcriptions.create({ file: await talk(), model, stream: true });
  const heard: string[] = [];
  const read = async (): Promise<void> => {
    for await (const event of stream) if (event.type === 'transcript.text.delta') heard.push(event.delta);
  };
  t.ok((await failed(read())) instanceof APIError);
  t.same(heard, ['w0.']);
});

t.test('OA-3: who stops reading stops the work', async (t) => {
  for (const [, createTransport] of TRANSPORTS) {
    if (createTransport === undefined) continue;
    const { client, transcriber, files } = await open(t, { createTransport });
    transcriber.laterGate = new Promise(() => {});
    const stream = await client.audio.transcriptions.create({ file: await talk(), model, stream: true });
    for await (const event of stream) if (event.type === 'transcript.text.delta') break;
    await until(() => transcriber.running === 0 && files.counts.running === 0);
    t.equal(transcriber.givenUp, 1);
  }
});

t.test('OA-4: everything that a client may say reaches the recogniser or is checked', async (t) => {
  const { client, transcriber } = await open(t);
  const result = await client.audio.transcriptions.create({
    file: await talk(),
    model,
    language: 'en-US',
    prompt: 'So far.',
    temperature: 0.4,
    include: ['logprobs'],
    chunking_strategy: { type: 'server_vad', threshold: 0.4, silence_duration_ms: 300 },
    ...({ keywords: ['Sotto', 'Whisper'], unknown_field: 'ignored' } as object),
  });
  t.same(result.logprobs?.[0], { token: ' w0.', logprob: -0.5, bytes: [32, 119, 48, 46] });
  t.match(transcriber.asked[0], {
    language: 'en',
    task: 'transcribe',
    prompt: 'So far.',
    temperature: 0.4,
    hotwords: ['Sotto', 'Whisper'],
    cutting: { threshold: 0.4, prefixPaddingMs: 300, minSilenceMs: 300 },
  });
  await client.audio.transcriptions.create({ file: await talk(), model, chunking_strategy: 'auto' });
  t.equal(transcriber.asked[1]?.cutting, undefined);
  const wrong = async (extra: object) =>
    client.audio.transcriptions.create({ file: await talk(), model, ...extra }).then(
      () => undefined,
      (error: unknown) => (error instanceof BadRequestError ? error.param : error),
    );
  t.equal(await wrong({ response_format: 'diarized_json' }), 'response_format');
  t.equal(await wrong({ temperature: 7 }), 'temperature');
  t.equal(await wrong({ language: 'tlh' }), 'language');
  t.equal(await wrong({ timestamp_granularities: ['sentence'] }), 'timestamp_granularities');
  const strategies = [
    'magic',
    { type: 'magic' },
    { type: 'server_vad', threshold: 2 },
    { type: 'server_vad', threshold: 'loud' },
    { type: 'server_vad', silence_duration_ms: -1 },
    { type: 'server_vad', prefix_padding_ms: 0.5 },
  ];
  for (const strategy of strategies) t.equal(await wrong({ chunking_strategy: strategy }), 'chunking_strategy');
  await t.rejects(
    client.audio.transcriptions.create({
      file: await talk(),
      model,
      chunking_strategy: { type: 'server_vad', threshold: 2 },
    }),
    /Invalid value for 'chunking_strategy': threshold: expected a number between 0 and 1/,
  );
});

t.test('OA-5: errors are those that the SDK has classes for', async (t) => {
  const { client, http, transcriber } = await open(t, {
    uploadBytesMax: 200_000,
    limits: { filesMax: 1, filesWaitingMax: 0 },
  });
  const create = client.audio.transcriptions;
  const bad = new OpenAI({ apiKey: 'ek_bogus', baseURL: `${http}/v1`, maxRetries: 0 });
  const wrongKey = await failed(bad.audio.transcriptions.create({ file: await talk(), model }));
  t.ok(wrongKey instanceof AuthenticationError);
  t.match(wrongKey, { status: 401, code: 'invalid_api_key' });
  const unknown = await failed(create.create({ file: await talk(), model: 'gpt-4' }));
  t.ok(unknown instanceof NotFoundError);
  t.match(unknown, { code: 'model_not_found', param: 'model', type: 'invalid_request_error' });
  for (const bytes of [Buffer.from('no audio at all'), fixture('no-audio.mp4'), Buffer.alloc(0)]) {
    const corrupt = await failed(create.create({ file: await toFile(bytes, 'talk.mp3'), model }));
    t.ok(corrupt instanceof BadRequestError);
    t.match(corrupt, { param: 'file', requestID: /^req_/ });
  }
  t.match(await failed(create.create({ file: await toFile(Buffer.alloc(300_000), 'talk.wav'), model })), {
    status: 413,
  });
  transcriber.failure = new AsrError('recognition_failed', 'gone');
  t.ok((await failed(create.create({ file: await talk(), model }))) instanceof InternalServerError);
  transcriber.failure = undefined;
  transcriber.gate = new Promise(() => {});
  const leaving = new AbortController();
  const first = failed(create.create({ file: await talk(), model }, { signal: leaving.signal }));
  await until(() => transcriber.running === 1);
  t.match(await failed(create.create({ file: await talk(), model })), { status: 429, code: 'rate_limit_exceeded' });
  leaving.abort();
  await first;
});

t.test('OA-3: stream as people write it', async (t) => {
  const { http } = await open(t);
  const post = async (stream: string) => {
    const body = new FormData();
    for (const [name, value] of Object.entries({ model, stream })) body.append(name, value);
    body.append('file', new File([audio], 'talk.wav'));
    return fetch(`${http}/v1/audio/transcriptions`, { method: 'POST', body });
  };
  for (const [value, isStream] of Object.entries({ True: true, 1: true, TRUE: true, False: false, 0: false })) {
    const answer = await post(value);
    t.equal(answer.headers.get('content-type')?.startsWith('text/event-stream'), isStream, value);
    t.match(await answer.text(), isStream ? /transcript\.text\.done/ : /"text":"w0\. w1\. w2\."/);
  }
  t.match(await (await post('maybe')).json(), { error: { param: 'stream' } });
});

/** A list of so many terms. */
const terms = (length: number): string => JSON.stringify(Array.from({ length }, (_, at) => `t${at}`));

t.test('what is done to the words, and channels by themselves, as fields of the form', async (t) => {
  const { http, transcriber } = await open(t);
  const post = async (fields: Readonly<Record<string, string>>) => {
    const body = new FormData();
    for (const [name, value] of Object.entries({ model, ...fields })) body.append(name, value);
    body.append('file', new File([audio], 'talk.wav'));
    return (await fetch(`${http}/v1/audio/transcriptions`, { method: 'POST', body })).json();
  };
  await post({ replacements: 'jason=JSON', redact: 'card,names', redactNames: 'Ann', profanity: 'mask' });
  t.match(transcriber.asked[0], {
    rewriting: {
      replacements: [{ find: 'jason', replace: 'JSON' }],
      redact: ['card', 'names'],
      redactNames: ['Ann'],
      profanity: 'mask',
    },
  });
  const apart = await post({ channels: 'separate', response_format: 'verbose_json' });
  t.match(apart, { segments: [{ channel: 0 }] });
  t.match(await post({ redact: 'dates' }), { error: { param: 'redact' } });
  t.match(await post({ replacements: '[{' }), { error: { message: /replacements: expected JSON/ } });
  t.match(await post({ channels: 'all' }), { error: { param: 'channels', message: /mixed, separate/ } });
  t.match(await post({ keywords: terms(501) }), { error: { param: 'keywords', message: /at most 500/ } });
  t.match(await post({ keywords: terms(10_000) }), { error: { message: /may have up to 65536 bytes/ } });
});

t.test('speakers are not told apart: that is refused in words', async (t) => {
  const { client } = await open(t);
  const { transcriptions: api } = client.audio;
  const named = await failed(api.create({ file: await talk(), model: 'gpt-4o-transcribe-diarize' }));
  t.match(named, { status: 400, code: 'unsupported_value', param: 'model', message: /speakers/ });
  const format = await failed(api.create({ file: await talk(), model, response_format: 'diarized_json' }));
  t.match(format, { status: 400, param: 'response_format', message: /speakers.*verbose_json/ });
});

t.test('OA-6: models', async (t) => {
  const { client, http } = await open(t);
  const ids: string[] = [];
  for await (const one of client.models.list()) ids.push(one.id);
  t.ok(ids.includes('scripted') && ids.includes('whisper-1'));
  t.match(await client.models.retrieve('scripted'), { id: 'scripted', object: 'model' });
  t.ok((await failed(client.models.retrieve('a/b'))) instanceof NotFoundError);
  for (const name of [
    'openai/whisper-large-v3',
    'Systran/faster-distil-whisper-large-v3',
    'large-v3-turbo',
    'base.en',
  ]) {
    t.equal((await client.models.retrieve(name)).id, name);
    t.match(await (await fetch(`${http}/v1/models/${name}`)).json(), { id: name }, 'with the slash as it is');
    t.equal((await client.audio.transcriptions.create({ file: await talk(), model: name })).text, 'w0. w1. w2.');
  }
});

t.test('translations', async (t) => {
  const { client, transcriber } = await open(t);
  t.same((await client.audio.translations.create({ file: await talk(), model })).text, 'w0. w1. w2.');
  const verbose = await client.audio.translations.create({
    file: await talk(),
    model,
    response_format: 'verbose_json',
  });
  t.match(verbose, { language: 'english', duration: 3.2 });
  t.ok(transcriber.asked.every(({ task }) => task === 'translate'));
});
