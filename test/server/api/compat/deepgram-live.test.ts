// Deepgram's live API over a plain socket: results, controls, and what else a client asks for.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import t from 'tap';
import { WebSocket } from 'ws';
import { bare, wordsSoFar } from '../../../../server/src/api/compat/deepgram/words.js';
import { openCompatGateway } from '../../../support/compat-gateway.js';
import { connectEvents, type Fields } from '../../../support/event-client.js';
import { interleaved } from '../../../support/loud-audio.js';
import {
  finals,
  openListen,
  RAW,
  results,
  silence,
  speech,
  stream,
  transcript,
  type Result,
} from '../../../support/listen-client.js';
import { TRANSPORTS } from '../../../support/shared-gateway.js';
import { until } from '../../../support/until.js';

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
  const { client } = await openListen(t, RAW);
  stream(client, speech(1.1), silence(2));
  client.send(new Uint8Array(0));
  t.match(await client.closed, { code: 1000 }, 'an empty binary frame closes too');
  t.strictSame(client.types, ['Results', 'Metadata']);
  t.notOk('punctuated_word' in (finals(client)[0]?.channel.alternatives[0].words[0] ?? {}));
});

t.test('Finalize is always answered', async (t) => {
  const { client } = await openListen(t, RAW);
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
  const short = await openListen(t, `${RAW}&endpointing=10`);
  stream(short.client, speech(1), silence(0.2), speech(1), silence(0.6), speech(1), silence(0.6));
  short.client.send({ type: 'CloseStream' });
  await short.client.closed;
  t.strictSame(
    finals(short.client).map((result) => result.speech_final),
    [true, true],
  );
  const never = await openListen(t, `${RAW}&endpointing=false`);
  stream(never.client, speech(1), silence(1), speech(1));
  never.client.send({ type: 'Finalize' });
  await until(() => finals(never.client).length === 2, 'both');
  t.strictSame(
    finals(never.client).map((result) => result.speech_final),
    [false, true],
  );
});

t.test('DG-7: two channels, two streams of results', async (t) => {
  const { client } = await openListen(t, `${RAW}&channels=2&multichannel=true&vad_events=true`);
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

  const one = await openListen(t, `${RAW}&channels=2`);
  one.client.send(interleaved(left, left), { type: 'CloseStream' });
  await one.client.closed;
  t.match(finals(one.client), [{ channel_index: [0, 1] }]);

  const each = await openListen(t, `${RAW}&channels=2&multichannel=true`);
  stream(each.client, interleaved(silence(0.1), silence(0.1)));
  each.client.send({ type: 'Finalize', channel: 1 });
  await until(() => finals(each.client).length === 1, 'the one that was asked');
  t.strictSame(finals(each.client)[0]?.channel_index, [1, 2]);
});

t.test('what is asked for and not done is told', async (t) => {
  const { client } = await openListen(
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
  const { client } = await openListen(t, `${RAW}&${terms}`);
  client.send(speech(1), { type: 'CloseStream' });
  await client.closed;
  t.match(client.received.at(-1)?.['warnings'], [
    { parameter: 'keyterm', message: 'Of 600 terms the first 500 count.' },
  ]);
});

t.test('DG-3: ten seconds without a word close with 1011; KeepAlive keeps', async (t) => {
  const { client, clock } = await openListen(t, RAW);
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
  const { client, recognizer } = await openListen(
    t,
    `${RAW}&language=de-AT&keyterm=Sacher%20Torte&keywords=Melange:2&keyterm=x`,
  );
  stream(client, speech(1.1), silence(1));
  client.send({ type: 'CloseStream' });
  await client.closed;
  t.match(recognizer.opened[0], { language: 'de', hotwords: ['Sacher Torte', 'x', 'Melange'] });
  const named = await openListen(t, `${RAW}&language=German`);
  stream(named.client, speech(1.1), silence(1));
  named.client.send({ type: 'CloseStream' });
  await named.client.closed;
  t.match(named.recognizer.opened[0], { language: 'German' }, 'by its name, as at the other doors');
  const multi = await openListen(t, `${RAW}&language=multi`);
  stream(multi.client, speech(1.1), silence(1));
  multi.client.send({ type: 'CloseStream' });
  await multi.client.closed;
  t.match(finals(multi.client)[0]?.channel.alternatives[0], { languages: [String], words: [{ language: String }] });
  t.match(multi.recognizer.opened[0], { language: 'auto' });
});

t.test('an utterance that cannot be recognised is told, and the next one comes', async (t) => {
  const { client, recognizer } = await openListen(t, RAW, { recognizer: { answers: false } });
  stream(client, speech(1.1), silence(1));
  await until(() => recognizer.calls.some(({ kind }) => kind === 'finish'), 'a final');
  recognizer.calls.find(({ kind }) => kind === 'finish')?.fail();
  t.match(await client.next('Error'), { variant: 'RECOGNITION_FAILED' });
  await until(() => finals(client).length === 1, 'its place is closed');
  t.equal(transcript(finals(client)[0] as Result), '');
});

t.test('words: bare, and spread over what was heard', async (t) => {
  t.equal(bare(' Hello, World! '), 'hello world');
  t.equal(bare(`It's 3.5 "euros" - isn’t it?`), `it's 3.5 euros isn’t it`);
  t.equal(bare('你好，世界。'), '你好世界');
  t.equal(bare('Pay [card], f*** it: 2*3 [now] ***'), 'pay [card] f*** it 23 now');
  const partial = { type: 'partial', segmentId: 0, revision: 1, lagMs: 0, startMs: 1_000, endMs: 3_000 } as const;
  const words = wordsSoFar({ ...partial, stable: 'Hello, my', tentative: ' dear — friend' }, { isPunctuated: true });
  t.match(words, [
    { word: 'hello', punctuated_word: 'Hello,', start: 1, confidence: 1 },
    { word: 'my', confidence: 1 },
    { word: 'dear', confidence: 0.5 },
    { word: 'friend', end: 3, confidence: 0.5 },
  ]);
});
