// Deepgram's Flux, driven by Deepgram's own SDK, and by a plain socket where that checks too much.
import { DeepgramClient } from '@deepgram/sdk';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { openCompatGateway } from '../../../support/compat-gateway.js';
import { connectEvents, type EventClient, type Fields } from '../../../support/event-client.js';
import { loud } from '../../../support/loud-audio.js';
import { wavFile } from '../../../support/wav-file.js';
import { until } from '../../../support/until.js';

const RATE = 16_000;
const RAW = `model=flux-general-en&encoding=linear16&sample_rate=${RATE}`;
const speech = (seconds: number): Buffer => loud('speech', seconds, RATE);
const silence = (seconds: number): Buffer => loud('silence', seconds, RATE);

async function open(t: Test, query = RAW) {
  const server = await openCompatGateway(t);
  const client = await connectEvents(t, `${server.url}/v2/listen?${query}`);
  return { ...server, client };
}

/** In chunks of 100 ms. */
function say(send: (chunk: Buffer) => void, ...parts: Buffer[]): void {
  const audio = Buffer.concat(parts);
  for (let at = 0; at < audio.byteLength; at += 3_200) send(audio.subarray(at, at + 3_200));
}
/** The events of turns, without those that say the same again. */
const story = (messages: readonly Fields[]): string[] =>
  messages.filter(({ type, event }) => type === 'TurnInfo' && event !== 'Update').map(({ event }) => String(event));
const turns = (client: EventClient): Fields[] => client.all('TurnInfo');
const ends = (client: EventClient): Fields[] => turns(client).filter(({ event }) => event === 'EndOfTurn');

t.test('turns, told early, resumed and ended, through the SDK', async (t) => {
  const { http } = await openCompatGateway(t);
  const client = new DeepgramClient({ apiKey: 'key', baseUrl: http });
  const live = await client.listen.v2.connect({
    model: 'flux-general-en',
    encoding: 'linear16',
    sample_rate: RATE,
    eager_eot_threshold: 0.4,
    eot_threshold: 0.9,
    keyterm: ['Sotto'],
    Authorization: 'Token key',
    reconnectAttempts: 0,
  });
  const messages: Fields[] = [];
  live.on('message', (message) => messages.push(message as unknown as Fields));
  live.on('error', (error) => t.fail(String(error)));
  const closed = new Promise<number>((resolve) => live.on('close', ({ code }) => resolve(code)));
  live.connect();
  await live.waitForOpen();
  const send = (...parts: Buffer[]) => say((chunk) => live.sendMedia(chunk), ...parts);
  send(speech(1.2), silence(0.7));
  await until(() => story(messages).includes('EagerEndOfTurn'), 'an early end');
  send(speech(1), silence(1.5));
  await until(() => story(messages).includes('EndOfTurn'), 'the end');
  t.strictSame(story(messages), ['StartOfTurn', 'EagerEndOfTurn', 'TurnResumed', 'EagerEndOfTurn', 'EndOfTurn']);
  const eager = messages.find(({ event }) => event === 'EagerEndOfTurn');
  const end = messages.find(({ event }) => event === 'EndOfTurn');
  t.match(eager, { turn_index: 0, end_of_turn_confidence: 0.4, transcript: /^w0 w1/ });
  t.match(end, {
    turn_index: 0,
    end_of_turn_confidence: 0.9,
    trigger: 'model',
    words: [{ word: 'w0', start: Number }],
  });
  t.ok(String(end?.['transcript']).startsWith(String(eager?.['transcript'])), 'one text for the whole turn');
  t.ok(String(end?.['transcript']).length > String(eager?.['transcript']).length);

  live.sendConfigure({
    type: 'Configure',
    thresholds: { eot_threshold: 0.6, eager_eot_threshold: 0.5 },
    keyterms: ['tea'],
  });
  await until(() => messages.some(({ type }) => type === 'ConfigureSuccess'), 'the new settings');
  t.match(
    messages.find(({ type }) => type === 'ConfigureSuccess'),
    {
      thresholds: { eager_eot_threshold: 0.5, eot_threshold: 0.6, eot_timeout_ms: 5_000 },
      keyterms: ['tea'],
    },
  );
  live.sendConfigure({ type: 'Configure', thresholds: { eot_threshold: 0.1 } });
  await until(() => messages.some(({ type }) => type === 'ConfigureFailure'), 'the refusal');
  send(speech(1));
  live.sendCloseStream({ type: 'CloseStream' });
  t.equal(await closed, 1000);
  t.match(messages.at(-1), { event: 'EndOfTurn', turn_index: 1, trigger: 'manual' });
  t.match(messages[0], { type: 'Connected', request_id: String, sequence_id: 0 });
});

t.test('without early ends: a pause within the threshold is part of the turn', async (t) => {
  const { client, recognizer } = await open(t, `${RAW}&eot_threshold=0.8&keyterm=Sencha`);
  say((chunk) => client.send(chunk), speech(1), silence(0.6), speech(1), silence(1.5), speech(1), silence(1.5));
  await until(() => ends(client).length === 2, 'two turns');
  t.strictSame(story(turns(client)), ['StartOfTurn', 'EndOfTurn', 'StartOfTurn', 'EndOfTurn']);
  t.match(ends(client), [{ turn_index: 0 }, { turn_index: 1, end_of_turn_confidence: 0.8, languages: undefined }]);
  t.match(recognizer.opened[0], { language: 'en', hotwords: ['Sencha'] });
});

t.test('the time-out, the end that a client forces, many languages', async (t) => {
  const { client } = await open(t, `${RAW}&eot_timeout_ms=500`);
  say((chunk) => client.send(chunk), speech(1), silence(1));
  await until(() => ends(client).length === 1, 'the end');
  t.match(ends(client)[0], { trigger: 'timeout', end_of_turn_confidence: 0.5 });
  say((chunk) => client.send(chunk), speech(1));
  client.send({ type: 'ForceEndTurn' });
  await until(() => ends(client).length === 2, 'the forced end');
  t.match(ends(client)[1], { trigger: 'manual', turn_index: 1 });

  const { client: many } = await open(t, RAW.replace('-en', '-multi&language_hint=en&language_hint=de'));
  say((chunk) => many.send(chunk), speech(1), silence(1));
  await until(() => ends(many).length === 1, 'the end');
  t.match(ends(many)[0], { languages: [String], languages_hinted: ['en', 'de'] });
});

t.test('audio in a container; silence alone is no turn', async (t) => {
  const wav = wavFile({ tag: 1, sampleRate: RATE, bits: 16 }, Buffer.concat([speech(1), silence(1)]));
  for (const query of ['model=flux-general-en', 'model=flux-general-en&encoding=opus', RAW]) {
    const { client } = await open(t, query);
    client.send(wav, { type: 'CloseStream' });
    t.match(await client.closed, { code: 1000 }, query);
    t.match(ends(client), [{ transcript: /^w0 w1/ }], query);
  }
  const { client } = await open(t);
  client.send(silence(1), { type: 'CloseStream' });
  t.match(await client.closed, { code: 1000 });
  t.strictSame(turns(client), []);
});

t.test('what is wrong', async (t) => {
  const { client, url } = await open(t);
  client.send({ type: 'Hello' });
  t.match(await client.closed, { code: 1008 });
  t.match(client.received.at(-1), { type: 'Error', code: 'UNPARSABLE_CLIENT_MESSAGE', description: String });
  const wrong = [
    'eot_threshold=2',
    'eager_eot_threshold=0.8',
    'eot_timeout_ms=soon',
    'language_hint=xx',
    'encoding=mp3',
  ];
  for (const query of wrong) {
    const socket = new WebSocket(`${url}/v2/listen?model=flux-general-en&${query}`);
    socket.on('error', () => {});
    const status = await new Promise((resolve) =>
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode)),
    );
    t.equal(status, 400, query);
    socket.terminate();
  }
  const rubbish = await open(t, 'model=flux-general-en');
  rubbish.client.send(Buffer.alloc(8_192, 0x41), { type: 'CloseStream' });
  t.match(await rubbish.client.closed, { code: 1008 });
  t.match(rubbish.client.received.at(-1), { type: 'Error', code: 'BAD_AUDIO' });
});

t.test('sockets that vanish leave no session', async (t) => {
  const { client, vad, gateway } = await open(t);
  client.send(speech(1));
  await until(() => vad.openStreams === 1, 'it is heard');
  client.socket.terminate();
  await until(() => vad.openStreams === 0, 'its session ends');
  await gateway.close();
});

t.test('the SDK for Python 5, whose reader refuses fields that it does not know, is told what it knows', async (t) => {
  const { url } = await openCompatGateway(t);
  const sdk = { 'x-fern-sdk-name': 'deepgram', 'x-fern-language': 'Python' };
  for (const [version, fields] of [
    ['5.0.0', ['word', 'confidence']],
    ['6.1.0', ['word', 'confidence', 'start', 'end']],
  ] as const) {
    const headers = { ...sdk, 'x-fern-sdk-version': version };
    const client = await connectEvents(t, `${url}/v2/listen?${RAW}`, [], { headers });
    say((chunk) => client.socket.send(chunk), speech(1), silence(1.5));
    await until(() => ends(client).length > 0, 'the end');
    const [end] = ends(client);
    t.equal(end?.['trigger'] !== undefined, version !== '5.0.0');
    const words = (end?.['words'] ?? []) as object[];
    t.strictSame(Object.keys(words[0] ?? {}), fields);
  }
});
