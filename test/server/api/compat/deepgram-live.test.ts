// Deepgram's live API over a plain socket: results, controls, closes, refusals, every way to be wrong.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { readControl } from '../../../../server/src/api/compat/deepgram/client-messages.js';
import { ListenQueryError, readListenOptions } from '../../../../server/src/api/compat/deepgram/listen-options.js';
import { ChannelSplitter } from '../../../../server/src/api/compat/deepgram/live-audio.js';
import { bare, wordsSoFar } from '../../../../server/src/api/compat/deepgram/words.js';
import { oneKey } from '../../../support/one-key.js';
import { openCompatGateway, type CompatGatewayOptions } from '../../../support/compat-gateway.js';
import { connectEvents, type EventClient, type Fields } from '../../../support/event-client.js';
import { interleaved, loud, type LoudFormat } from '../../../support/loud-audio.js';
import { opusPackets } from '../../../support/opus-packets.js';
import { holds } from '../../../support/property.js';
import { TRANSPORTS } from '../../../support/shared-gateway.js';
import { wavFile } from '../../../support/wav-file.js';
import { until } from '../../../support/until.js';

const RATE = 16_000;
const RAW = `encoding=linear16&sample_rate=${RATE}`;

async function open(t: Test, query: string, options: CompatGatewayOptions = {}, protocols: string[] = []) {
  const server = await openCompatGateway(t, options);
  const client = await connectEvents(t, `${server.url}/v1/listen?${query}`, protocols);
  return { ...server, client };
}

/** In chunks of 100 ms. */
function stream(client: EventClient, ...parts: Buffer[]): void {
  const audio = Buffer.concat(parts);
  for (let at = 0; at < audio.byteLength; at += 3_200) client.send(audio.subarray(at, at + 3_200));
}
const speech = (seconds: number): Buffer => loud('speech', seconds, RATE);
const silence = (seconds: number): Buffer => loud('silence', seconds, RATE);
const wav = (...parts: Buffer[]): Uint8Array => wavFile({ tag: 1, sampleRate: RATE, bits: 16 }, Buffer.concat(parts));

interface Result {
  readonly is_final: boolean;
  readonly speech_final: boolean;
  readonly from_finalize: boolean;
  readonly start: number;
  readonly duration: number;
  readonly channel_index: readonly number[];
  readonly channel: { readonly alternatives: readonly [{ transcript: string; confidence: number; words: Fields[] }] };
}
const results = (client: EventClient): Result[] => client.all('Results') as unknown as Result[];
const finals = (client: EventClient): Result[] => results(client).filter((result) => result.is_final);
const transcript = ({ channel }: Result): string => channel.alternatives[0].transcript;

for (const [transport, create] of TRANSPORTS) {
  const skip = create === undefined && 'no binary for this Node';
  t.test(`interims, finals, metadata and close 1000 over ${transport}`, { skip }, async (t) => {
    const { url } = await openCompatGateway(t, { transport: transport === 'uws' ? 'uws' : 'ws' });
    const query = `${RAW}&interim_results=true&vad_events=true&utterance_end_ms=1000&smart_format=true&model=nova-3`;
    const socket = new WebSocket(`${url}/v1/listen?${query}`);
    const [response] = (await once(socket, 'upgrade')) as [{ headers: Record<string, string> }];
    socket.terminate();
    const client = await connectEvents(t, `${url}/v1/listen?${query}`, ['token', 'secret']);
    t.match(response.headers['dg-request-id'], /^[\da-f-]{36}$/);
    t.equal(client.socket.protocol, 'token');
    const audio = [silence(0.5), speech(1.2), speech(0.8), silence(1.6), speech(1.1), silence(0.3)];
    stream(client, ...audio.slice(0, 2));
    await client.next('Results');
    stream(client, ...audio.slice(2));
    await client.next('UtteranceEnd');
    client.send({ type: 'CloseStream' });
    t.strictSame(await client.closed, { code: 1000, reason: '' });

    const all = results(client);
    const [first, second] = finals(client);
    t.ok(
      all.some((result) => !result.is_final),
      'interims came',
    );
    t.match(first, {
      channel_index: [0, 1],
      start: 0,
      is_final: true,
      speech_final: true,
      from_finalize: false,
      channel: {
        alternatives: [
          { transcript: /^w0 w1 w2 w3/, confidence: Number, words: [{ word: 'w0', punctuated_word: 'w0' }] },
        ],
      },
      metadata: {
        request_id: /^[\da-f-]{36}$/,
        model_uuid: /^[\da-f-]{36}$/,
        model_info: { name: 'scripted', arch: 'whisper' },
      },
    });
    t.ok(second !== undefined && first !== undefined && second.start === first.start + first.duration, 'side by side');
    for (const interim of all.filter((result) => !result.is_final)) {
      t.equal(interim.speech_final, false);
      t.ok(
        interim.channel.alternatives[0].words.every(
          (word) => Number(word['end']) <= interim.start + interim.duration + 0.01,
        ),
      );
    }
    t.match(client.all('SpeechStarted'), [{ channel: [0, 1], timestamp: Number }, { channel: [0, 1] }]);
    t.match(client.all('UtteranceEnd')[0], { channel: [0, 1], last_word_end: Number });
    t.ok(client.types.indexOf('UtteranceEnd') > client.received.indexOf(first as unknown as Fields));
    t.match(client.received.at(-1), {
      type: 'Metadata',
      transaction_key: 'deprecated',
      channels: 1,
      duration: 5.5,
      sha256: createHash('sha256').update(Buffer.concat(audio)).digest('hex'),
      models: [String],
    });
  });
}

t.test('only what was asked for', async (t) => {
  const { client } = await open(t, RAW);
  stream(client, speech(1.1), silence(2));
  client.send(new Uint8Array(0));
  t.match(await client.closed, { code: 1000 }, 'an empty binary frame closes too');
  t.strictSame(client.types, ['Results', 'Metadata']);
  t.notOk('punctuated_word' in (finals(client)[0]?.channel.alternatives[0].words[0] ?? {}));
});

t.test('Finalize is always answered', async (t) => {
  const { client } = await open(t, RAW);
  client.send({ type: 'Finalize' });
  await until(() => finals(client).length === 1, 'an answer to nothing');
  t.match(finals(client)[0], {
    from_finalize: true,
    speech_final: true,
    duration: 0,
    channel: { alternatives: [{ words: [] }] },
  });
  stream(client, speech(1.1));
  client.send({ type: 'Finalize' });
  await until(() => finals(client).length === 2, 'an answer with words');
  t.match(finals(client)[1], {
    from_finalize: true,
    speech_final: true,
    channel: { alternatives: [{ transcript: 'w0 w1' }] },
  });
  stream(client, silence(0.5));
  client.send({ type: 'Finalize' }, { type: 'Finalize' });
  await until(() => finals(client).length === 4, 'two more');
  t.strictSame(finals(client).slice(2).map(transcript), ['', '']);
  client.send({ type: 'CloseStream' });
  t.match(await client.closed, { code: 1000 });
  t.equal(finals(client).length, 4);
});

t.test('endpointing: a short one is held to what is sensible, false never ends an utterance', async (t) => {
  const short = await open(t, `${RAW}&endpointing=10`);
  stream(short.client, speech(1), silence(0.2), speech(1), silence(0.6), speech(1), silence(0.6));
  short.client.send({ type: 'CloseStream' });
  await short.client.closed;
  t.strictSame(
    finals(short.client).map((result) => result.speech_final),
    [true, true],
  );
  const never = await open(t, `${RAW}&endpointing=false`);
  stream(never.client, speech(1), silence(1), speech(1));
  never.client.send({ type: 'Finalize' });
  await until(() => finals(never.client).length === 2, 'both');
  t.strictSame(
    finals(never.client).map((result) => result.speech_final),
    [false, true],
  );
});

t.test('DG-7: two channels, two streams of results', async (t) => {
  const { client } = await open(t, `${RAW}&channels=2&multichannel=true&vad_events=true`);
  const left = Buffer.concat([speech(2.1), silence(2)]);
  const right = Buffer.concat([silence(1), speech(1.1), silence(2)]);
  const audio = interleaved(left, right);
  for (let at = 0; at < audio.byteLength; at += 1_001) client.send(audio.subarray(at, at + 1_001));
  client.send({ type: 'CloseStream' });
  t.match(await client.closed, { code: 1000 });
  const of = (channel: number): Result[] => finals(client).filter((result) => result.channel_index[0] === channel);
  t.ok(finals(client).every((result) => result.channel_index[1] === 2));
  t.match(of(0).map(transcript), [/^w0 w1 w2 w3$/]);
  t.match(of(1).map(transcript), [/^w0 w1 w2$/]);
  t.match(client.received.at(-1), { type: 'Metadata', channels: 2, duration: 4.1 });

  const one = await open(t, `${RAW}&channels=2`);
  one.client.send(interleaved(left, left), { type: 'CloseStream' });
  await one.client.closed;
  t.match(finals(one.client), [{ channel_index: [0, 1] }]);

  const each = await open(t, `${RAW}&channels=2&multichannel=true`);
  stream(each.client, interleaved(silence(0.1), silence(0.1)));
  each.client.send({ type: 'Finalize', channel: 1 });
  await until(() => finals(each.client).length === 1, 'the one that was asked');
  t.strictSame(finals(each.client)[0]?.channel_index, [1, 2]);
});

t.test('encodings', async (t) => {
  const encodings: [string, number, LoudFormat][] = [
    ['mulaw', 8_000, 'mulaw'],
    ['alaw', 8_000, 'alaw'],
    ['linear32', 48_000, 'float32'],
    ['linear16', 44_100, 'pcm16'],
  ];
  for (const [encoding, rate, format] of encodings) {
    const { client } = await open(t, `encoding=${encoding}&sample_rate=${rate}`);
    client.send(loud('speech', 1.1, rate, format), loud('silence', 1, rate, format), { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 });
    t.match(finals(client).map(transcript), [/^w0 w1/], encoding);
    t.match(client.received.at(-1), { duration: 2.1 });
  }
});

t.test('packed audio by its name, and a container that is called raw', async (t) => {
  for (const encoding of ['opus', 'ogg-opus', 'flac', 'linear16&sample_rate=48000']) {
    const { client } = await open(t, `encoding=${encoding}`);
    client.send(wav(speech(1.1), silence(1)), { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 });
    t.match(finals(client).map(transcript), [/^w0 w1/], encoding);
    t.match(client.received.at(-1), { type: 'Metadata', duration: 2.1 });
  }
});

t.test('packets of Opus, one in each message', async (t) => {
  const file = readFileSync(new URL('../../../fixtures/audio/formats/speech.opus', import.meta.url));
  const heard = async (path: string, messages: Buffer[]) => {
    const { url } = await openCompatGateway(t);
    const client = await connectEvents(t, `${url}${path}&encoding=opus&sample_rate=48000`);
    client.send(...messages, { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 });
    return { types: client.types, duration: Number(client.received.at(-1)?.['duration']) };
  };
  const packets = opusPackets(file);
  const { duration: whole } = await heard('/v1/listen?', [file]);
  const { duration: packed } = await heard('/v1/listen?', packets);
  t.ok(whole > 5 && packed >= whole && packed < whole + 0.1, `${packed} of ${whole} seconds`);
  t.match((await heard('/v2/listen?model=flux-general-en', packets)).types, ['Connected']);
  const { client } = await open(t, 'encoding=opus');
  client.send(Buffer.alloc(70_000, 0x41), Buffer.from([0xff, 0xff]), { type: 'CloseStream' });
  t.match(await client.closed, { code: Number }, 'no packet harms the server');
});

t.test('what is asked for and not done is told', async (t) => {
  const { client } = await open(
    t,
    `${RAW}&diarize=true&redact=pci&redact=dob&replace=a:b&profanity_filter=true&numerals=false&punctuate=true`,
  );
  client.send(speech(1), { type: 'CloseStream' });
  await client.closed;
  const warnings = client.received.at(-1)?.['warnings'] as Fields[];
  t.match(warnings[0], { parameter: 'diarize', type: 'unsupported_parameter', message: /Speakers/ });
  t.strictSame(
    warnings.map(({ parameter }) => parameter),
    ['diarize', 'redact'],
  );
});

t.test('of more terms than a session takes the first count, and the answer says so', async (t) => {
  const terms = Array.from({ length: 600 }, (_, at) => `keyterm=t${at}`).join('&');
  const { client } = await open(t, `${RAW}&${terms}`);
  client.send(speech(1), { type: 'CloseStream' });
  await client.closed;
  t.match(client.received.at(-1)?.['warnings'], [
    { parameter: 'keyterm', message: 'Of 600 terms the first 500 count.' },
  ]);
});

t.test('DG-3: ten seconds without a word close with 1011; KeepAlive keeps', async (t) => {
  const { client, clock } = await open(t, RAW);
  for (let i = 0; i < 4; i++) {
    client.send({ type: 'KeepAlive' });
    client.send({ type: 'Finalize' });
    await until(() => results(client).length > i, 'it was heard');
    clock.advance(8_000);
  }
  t.equal(client.socket.readyState, WebSocket.OPEN);
  clock.advance(5_000);
  t.match(await client.closed, { code: 1011, reason: /https:\/\/dpgr\.am\/net0001$/ });
  t.match(client.received.at(-1), { type: 'Metadata', sha256: 'incomplete', duration: 0 });
});

t.test('language and key terms go to the recogniser', async (t) => {
  const { client, recognizer } = await open(
    t,
    `${RAW}&language=de-AT&keyterm=Sacher%20Torte&keywords=Melange:2&keyterm=x`,
  );
  stream(client, speech(1.1), silence(1));
  client.send({ type: 'CloseStream' });
  await client.closed;
  t.match(recognizer.opened[0], { language: 'de', hotwords: ['Sacher Torte', 'x', 'Melange'] });
  const named = await open(t, `${RAW}&language=German`);
  stream(named.client, speech(1.1), silence(1));
  named.client.send({ type: 'CloseStream' });
  await named.client.closed;
  t.match(named.recognizer.opened[0], { language: 'German' }, 'by its name, as at the other doors');
  const multi = await open(t, `${RAW}&language=multi`);
  stream(multi.client, speech(1.1), silence(1));
  multi.client.send({ type: 'CloseStream' });
  await multi.client.closed;
  t.match(finals(multi.client)[0]?.channel.alternatives[0], { languages: [String], words: [{ language: String }] });
  t.match(multi.recognizer.opened[0], { language: 'auto' });
});

t.test('an utterance that cannot be recognised is told, and the next one comes', async (t) => {
  const { client, recognizer } = await open(t, RAW, { recognizer: { answers: false } });
  stream(client, speech(1.1), silence(1));
  await until(() => recognizer.calls.some(({ kind }) => kind === 'finish'), 'a final');
  recognizer.calls.find(({ kind }) => kind === 'finish')?.fail();
  t.match(await client.next('Error'), { variant: 'RECOGNITION_FAILED' });
  await until(() => finals(client).length === 1, 'its place is closed');
  t.equal(transcript(finals(client)[0] as Result), '');
});

t.test('DG-4: bad queries and keys are refused before the upgrade, with headers that say why', async (t) => {
  const authorizer = oneKey('good');
  const { url } = await openCompatGateway(t, { authorizer });
  const refused = async (query: string, key = 'good') => {
    const socket = new WebSocket(`${url}/v1/listen?${query}`, { headers: { authorization: `Token ${key}` } });
    socket.on('error', () => {});
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      AsyncIterable<Buffer> & { statusCode: number; headers: Record<string, string> },
    ];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part);
    socket.terminate();
    return { status: response.statusCode, headers: response.headers, body: JSON.parse(String(Buffer.concat(parts))) };
  };
  t.match(await refused(RAW, 'bad'), {
    status: 401,
    headers: { 'dg-error': /credentials/, 'dg-request-id': /./ },
    body: { err_code: 'INVALID_AUTH', err_msg: String, request_id: /^[\da-f-]{36}$/ },
  });
  const wrong = ['encoding=mp3', 'encoding=linear16', `${RAW}&language=xx`, `${RAW}&channels=0`, `${RAW}&channels=9`];
  wrong.push(`${RAW}&utterance_end_ms=10`, `${RAW}&endpointing=soon`, `${RAW}&interim_results=1`, 'encoding=speex');
  wrong.push('encoding=linear16&sample_rate=4000', 'encoding=linear16&sample_rate=x', `${RAW}&language=en%0d%0ax`);
  for (const query of wrong)
    t.match(
      await refused(query),
      { status: 400, headers: { 'dg-error': /expected|know/ }, body: { err_code: 'INVALID_QUERY_PARAMETER' } },
      query,
    );
});

t.test('wrong frames: what is no message closes with 1008, what is unknown is ignored', async (t) => {
  for (const text of ['{', '[]', '7', '{"typ":"KeepAlive"}', '{"type":7}']) {
    const { client } = await open(t, RAW);
    client.send(text);
    t.match(await client.closed, { code: 1008, reason: /DATA-0000/ }, text);
  }
  const { client } = await open(t, `${RAW}&unknown=yes&tag=a&redact=pci`);
  client.send({ type: 'Configure', processors: {} }, { type: 'Whatever' }, { type: 'Finalize', channel: 'x' });
  client.send(
    Buffer.from([1]),
    Buffer.from([2, 3, 4]),
    { type: 'CloseStream' },
    { type: 'Finalize' },
    Buffer.from([1, 2]),
  );
  t.match(await client.closed, { code: 1000 });

  const flooded = await open(t, RAW, { limits: { messagesPerSecondMax: 10 } });
  for (let i = 0; i < 50; i++) flooded.client.send({ type: 'KeepAlive' });
  t.match(await flooded.client.closed, { code: 1008 });
  const large = await open(t, RAW, { limits: { messageBytesMax: 10_000 } });
  large.client.send(Buffer.alloc(15_000));
  t.match(await large.client.closed, { code: 1009 });
});

t.test('sockets that vanish, and a shutdown', async (t) => {
  const { client, vad, gateway, url } = await open(t, `${RAW}&vad_events=true`);
  stream(client, speech(1));
  await client.next('SpeechStarted');
  client.socket.terminate();
  const other = await connectEvents(t, `${url}/v1/listen?${RAW}&vad_events=true`);
  stream(other, speech(1));
  await other.next('SpeechStarted');
  await gateway.drain();
  t.match(await other.closed, { code: 1001 });
  t.strictSame(other.types, ['SpeechStarted', 'Results', 'Metadata']);
  t.equal(vad.openStreams, 0);
  const socket = new WebSocket(`${url}/v1/listen?${RAW}`);
  const [error] = (await once(socket, 'error')) as [Error];
  t.match(error.message, /503/);
});

t.test('no query and no text makes the readers throw anything unforeseen', async (t) => {
  const names = [
    'encoding',
    'sample_rate',
    'channels',
    'language',
    'endpointing',
    'utterance_end_ms',
    'keywords',
    'punctuate',
  ];
  const pairs = fc.array(
    fc.tuple(fc.oneof(fc.constantFrom(...names), fc.string()), fc.oneof(fc.string(), fc.nat().map(String))),
  );
  holds(
    t,
    fc.property(pairs, (query) => {
      try {
        readListenOptions(new URLSearchParams(query), ['en']);
      } catch (error) {
        if (!(error instanceof ListenQueryError)) throw error;
      }
    }),
  );
  holds(
    t,
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => void readControl(text)),
  );
});

t.test('splitting channels: whatever the chunks, each channel gets its samples', async (t) => {
  const layout = fc.record({
    channels: fc.integer({ min: 2, max: 8 }),
    frames: fc.nat(40),
    cuts: fc.array(fc.nat(700)),
  });
  holds(
    t,
    fc.property(layout, ({ channels, frames, cuts }) => {
      const splitter = new ChannelSplitter({ encoding: 'pcm_s16le', sampleRate: 8_000, channels });
      const audio = Buffer.from(Array.from({ length: frames * channels * 2 }, (_, i) => Math.floor(i / 2) % 251));
      const got: number[][] = Array.from({ length: channels }, () => []);
      const ends = [
        0,
        ...cuts.map((cut) => Math.min(cut, audio.byteLength)).toSorted((a, b) => a - b),
        audio.byteLength,
      ];
      for (const [index, end] of ends.slice(1).entries())
        for (const [channel, part] of splitter.split(audio.subarray(ends[index], end)).entries())
          got[channel]?.push(...part);
      return got.every(
        (bytes, channel) =>
          bytes.every((byte, i) => byte === (Math.floor(i / 2) * channels + channel) % 251) &&
          bytes.length === frames * 2,
      );
    }),
  );
});

t.test('words: bare, and spread over what was heard', async (t) => {
  t.equal(bare(' Hello, World! '), 'hello world');
  t.equal(bare(`It's 3.5 "euros" - isn’t it?`), `it's 3.5 euros isn’t it`);
  t.equal(bare('你好，世界。'), '你好世界');
  const partial = { type: 'partial', segmentId: 0, revision: 1, lagMs: 0, startMs: 1_000, endMs: 3_000 } as const;
  const words = wordsSoFar({ ...partial, stable: 'Hello, my', tentative: ' dear — friend' }, { isPunctuated: true });
  t.match(words, [
    { word: 'hello', punctuated_word: 'Hello,', start: 1, confidence: 1 },
    { word: 'my', confidence: 1 },
    { word: 'dear', confidence: 0.5 },
    { word: 'friend', end: 3, confidence: 0.5 },
  ]);
});

t.test('audio in a container, as a browser records it, told by its content', async (t) => {
  const speechWav = wav(speech(2.1), silence(0.9));
  const { client } = await open(t, 'interim_results=true');
  for (let at = 0; at < speechWav.byteLength; at += 1_500) client.send(speechWav.subarray(at, at + 1_500));
  client.send({ type: 'CloseStream' });
  t.match(await client.closed, { code: 1000 });
  t.match(finals(client).map(transcript), [/^w0 w1 w2 w3/]);
  t.match(client.received.at(-1), { type: 'Metadata', duration: 3 });

  const empty = await open(t, 'model=nova-3');
  empty.client.send({ type: 'CloseStream' });
  t.match(await empty.client.closed, { code: 1000 });
  const rubbish = await open(t, 'model=nova-3');
  rubbish.client.send(Buffer.alloc(8_192, 0x41), { type: 'CloseStream' });
  t.match(await rubbish.client.closed, { code: 1008, reason: /^DATA-0000/ });
  const vanishing = await open(t, 'model=nova-3');
  vanishing.client.send(speechWav.subarray(0, 9_000));
  vanishing.client.socket.terminate();
  await until(() => vanishing.vad.openStreams === 0, 'its session ends');
});

t.test('a container that is sent faster than it is heard slows its client, and nothing is lost', async (t) => {
  const { client, vad } = await open(t, '', { limits: { bufferedAudioMsMax: 1_000 } });
  const release = vad.hold();
  const bytes = wav(...Array.from({ length: 12 }, () => [speech(4.1), silence(0.9)]).flat());
  for (let at = 0; at < bytes.byteLength; at += 64_000) client.send(bytes.subarray(at, at + 64_000));
  client.send({ type: 'CloseStream' });
  await delay(50);
  release();
  t.match(await client.closed, { code: 1000 });
  t.equal(finals(client).length, 12);
  t.match(client.received.at(-1), { duration: 60 });
});
