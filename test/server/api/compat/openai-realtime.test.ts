// The OpenAI Realtime API over a plain socket: every event, both shapes, every way to be wrong.
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { readClientEvent } from '../../../../server/src/api/compat/openai-realtime/client-events.js';
import { RealtimeConversation } from '../../../../server/src/api/compat/openai-realtime/conversation.js';
import { defaultConfig } from '../../../../server/src/api/compat/openai-realtime/session-config.js';
import type { DialectClose } from '../../../../server/src/gateway/dialect.js';
import { SESSION_DEFAULTS } from '../../../../server/src/session/session-settings.js';
import { createSessionFactory } from '../../../../server/src/session/session.js';
import { ALLOW_ALL } from '../../../../server/src/access/access.js';
import { ANYBODY } from '../../../../server/src/access/principal.js';
import { oneKey } from '../../../support/one-key.js';
import { connectEvents, type EventClient, type Fields } from '../../../support/event-client.js';
import { openCompatGateway, type CompatGatewayOptions } from '../../../support/compat-gateway.js';
import { loud, type LoudFormat } from '../../../support/loud-audio.js';
import { holds } from '../../../support/property.js';
import { TRANSPORTS } from '../../../support/shared-gateway.js';
import { refusedUpgrade } from '../../../support/wire-client.js';

const GA = '/v1/realtime?intent=transcription';
const TRANSCRIPTION = 'conversation.item.input_audio_transcription';

async function open(t: Test, options: CompatGatewayOptions = {}, path = GA, protocols: string[] = [], headers = {}) {
  const server = await openCompatGateway(t, options);
  const client = await connectEvents(t, server.url + path, protocols, { headers });
  return { ...server, client };
}

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });
const append = (audio: Buffer): Fields => ({ type: 'input_audio_buffer.append', audio: audio.toString('base64') });
/** In chunks of 100 ms at 24 kHz. */
function stream(client: EventClient, ...parts: Buffer[]): void {
  const audio = Buffer.concat(parts);
  for (let at = 0; at < audio.byteLength; at += 4_800) client.send(append(audio.subarray(at, at + 4_800)));
}
const update = (input: Fields, rest: Fields = {}): Fields => ({
  type: 'session.update',
  session: { type: 'transcription', audio: { input }, ...rest },
});
const manual = update({ turn_detection: null });

for (const [transport, create] of TRANSPORTS) {
  const skip = create === undefined && 'no binary for this Node';
  t.test(`RT-1: a turn with server VAD over ${transport}`, { skip }, async (t) => {
    const { client } = await open(t, { transport: transport === 'uws' ? 'uws' : 'ws' });
    t.match(await client.next('session.created'), {
      event_id: /^event_/,
      session: {
        id: /^sess_/,
        object: 'realtime.transcription_session',
        type: 'transcription',
        audio: {
          input: {
            format: { type: 'audio/pcm', rate: 24_000 },
            transcription: null,
            turn_detection: { type: 'server_vad', threshold: 0.5, prefix_padding_ms: 300, silence_duration_ms: 500 },
          },
        },
      },
    });
    client.send(update({ transcription: { model: 'gpt-4o-transcribe', language: 'en' } }));
    await client.next('session.updated');
    stream(client, loud('silence', 0.5), loud('speech', 2), loud('silence', 1));
    const completed = await client.next(`${TRANSCRIPTION}.completed`);
    const [delta] = client.all(`${TRANSCRIPTION}.delta`);
    t.ok(delta, 'words came before the end');
    const types = client.types.filter((type) => !type.endsWith('.delta'));
    t.strictSame(types, [
      'session.created',
      'session.updated',
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'conversation.item.added',
      'conversation.item.done',
      `${TRANSCRIPTION}.completed`,
    ]);
    t.strictSame(
      new Set(client.received.slice(2).map((event) => event['item_id'] ?? (event['item'] as Fields)['id'])).size,
      1,
      'one item throughout',
    );
    const started = client.all('input_audio_buffer.speech_started')[0];
    const stopped = client.all('input_audio_buffer.speech_stopped')[0];
    t.match(started, { audio_start_ms: Number, item_id: completed['item_id'] });
    t.match(stopped, { audio_end_ms: Number });
    t.match(completed, { content_index: 0, transcript: /^w0 w1 w2 w3/, usage: { type: 'duration', seconds: Number } });
    t.equal(
      client
        .all(`${TRANSCRIPTION}.delta`)
        .map((event) => event['delta'])
        .join(''),
      completed['transcript'],
    );

    stream(client, loud('speech', 1), loud('silence', 1));
    await client.next(`${TRANSCRIPTION}.completed`, 1);
    const [first, second] = client.all('input_audio_buffer.committed');
    t.equal(first?.['previous_item_id'], null);
    t.equal(second?.['previous_item_id'], first?.['item_id']);
    client.socket.close(1000, 'OK');
    t.match(await client.closed, { code: 1000 });
  });
}

t.test('RT-2: the client commits; nothing to commit; clear', async (t) => {
  const { client, recognizer } = await open(t);
  client.send(manual, { type: 'input_audio_buffer.commit', event_id: 'mine' });
  t.match(await client.next('error'), {
    error: { type: 'invalid_request_error', code: 'input_audio_buffer_commit_empty', event_id: 'mine', param: null },
  });
  // Two utterances with a long pause between them: one item.
  stream(client, loud('speech', 1), loud('silence', 1.5), loud('speech', 1));
  client.send({ type: 'input_audio_buffer.commit' });
  const completed = await client.next(`${TRANSCRIPTION}.completed`);
  t.match(completed, { transcript: /^w0/, usage: { seconds: 3.5 } });
  t.notOk(
    client.types.some((type) => type.includes('speech_')),
    'no VAD events',
  );
  t.match(recognizer.opened[0], { language: 'auto' });
  const order = client.types.filter(
    (type) => !type.startsWith('session') && type !== 'error' && !type.endsWith('delta'),
  );
  t.strictSame(order, [
    'input_audio_buffer.committed',
    'conversation.item.added',
    'conversation.item.done',
    `${TRANSCRIPTION}.completed`,
  ]);

  stream(client, loud('speech', 1));
  client.send({ type: 'input_audio_buffer.clear' });
  await client.next('input_audio_buffer.cleared');
  client.send({ type: 'input_audio_buffer.commit' });
  t.match(await client.next('error', 1), { error: { code: 'input_audio_buffer_commit_empty' } });
  stream(client, loud('silence', 0.5));
  client.send({ type: 'input_audio_buffer.commit' });
  t.match(await client.next(`${TRANSCRIPTION}.completed`, 1), { transcript: '' }, 'silence is an empty turn');
  t.equal(client.all(`${TRANSCRIPTION}.completed`).length, 2, 'what was cleared is never told');
});

t.test('commits in a row, of audio that was sent all at once, keep their turns apart', async (t) => {
  const { client } = await open(t);
  client.send(manual);
  for (const seconds of [1.1, 2.1, 3.1]) {
    stream(client, loud('speech', seconds));
    client.send({ type: 'input_audio_buffer.commit' });
  }
  await client.next(`${TRANSCRIPTION}.completed`, 2);
  const lengths = client
    .all(`${TRANSCRIPTION}.completed`)
    .map((event) => String(event['transcript']).split(' ').length);
  t.strictSame(lengths, [2, 4, 6]);
  t.strictSame(
    client.all(`${TRANSCRIPTION}.completed`).map((event) => event['item_id']),
    client.all('input_audio_buffer.committed').map((event) => event['item_id']),
  );
});

t.test('with VAD: a commit in the middle of speech, and clear', async (t) => {
  const { client } = await open(t);
  stream(client, loud('speech', 1));
  const started = await client.next('input_audio_buffer.speech_started');
  client.send({ type: 'input_audio_buffer.commit' });
  const completed = await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(completed['item_id'], started['item_id']);
  t.notOk(client.types.includes('input_audio_buffer.speech_stopped'));
  stream(client, loud('silence', 0.2));
  client.send({ type: 'input_audio_buffer.commit' });
  t.match(await client.next(`${TRANSCRIPTION}.completed`, 1), { transcript: '' });

  stream(client, loud('speech', 1));
  await client.next('input_audio_buffer.speech_started', 1);
  client.send({ type: 'input_audio_buffer.clear' });
  stream(client, loud('silence', 1), loud('speech', 1), loud('silence', 1));
  const last = await client.next(`${TRANSCRIPTION}.completed`, 2);
  t.equal(last['item_id'], client.all('input_audio_buffer.speech_started')[2]?.['item_id']);
  t.equal(client.all('input_audio_buffer.speech_stopped').length, 1);
});

t.test('a turn that cannot be recognised has failed, and the next one has not', async (t) => {
  const { client, recognizer } = await open(t, { recognizer: { answers: false } });
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next('conversation.item.done');
  recognizer.calls.find(({ kind }) => kind === 'finish')?.fail();
  t.match(await client.next(`${TRANSCRIPTION}.failed`), {
    item_id: client.all('input_audio_buffer.committed')[0]?.['item_id'],
    content_index: 0,
    error: { type: 'server_error', code: 'recognition_failed', message: String, param: null },
  });
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next('conversation.item.done', 1);
  recognizer.calls.findLast(({ kind }) => kind === 'finish')?.answer();
  await client.next(`${TRANSCRIPTION}.completed`);
  t.notOk(client.types.includes('error'));
});

t.test('log-probabilities come where they are asked for', async (t) => {
  const { client } = await open(t);
  client.send(update({}, { include: ['item.input_audio_transcription.logprobs'] }));
  stream(client, loud('speech', 1), loud('silence', 1));
  const completed = await client.next(`${TRANSCRIPTION}.completed`);
  const [first] = completed['logprobs'] as Fields[];
  t.match(first, { token: String, logprob: Number, bytes: Array });
  t.ok(Number(first?.['logprob']) < 0);
});

t.test('formats: G.711 and other rates, named as the GA and as the beta names them', async (t) => {
  const formats: [unknown, number, LoudFormat][] = [
    [{ type: 'audio/pcmu' }, 8_000, 'mulaw'],
    [{ type: 'audio/pcma' }, 8_000, 'alaw'],
    [{ type: 'audio/pcm', rate: 16_000 }, 16_000, 'pcm16'],
    ['g711_ulaw', 8_000, 'mulaw'],
    ['pcm16', 24_000, 'pcm16'],
  ];
  for (const [format, rate, name] of formats) {
    const { client } = await open(t);
    client.send(update({ format }));
    await client.next('session.updated');
    client.send(append(loud('silence', 1, rate, name)), append(loud('speech', 2, rate, name)));
    client.send(append(loud('silence', 1, rate, name)));
    const started = await client.next('input_audio_buffer.speech_started');
    t.ok(
      Math.abs(Number(started['audio_start_ms']) - 700) < 40,
      `${JSON.stringify(format)}: ${started['audio_start_ms']}`,
    );
    t.match(await client.next(`${TRANSCRIPTION}.completed`), { transcript: /^w0 w1 w2 w3/ });
  }
});

t.test('an update changes what it names, null clears, and a wrong one changes nothing', async (t) => {
  const { client, recognizer } = await open(t);
  client.send(
    update({
      transcription: { model: 'm', language: 'en-US', prompt: 'about tea', keywords: ['Sencha', 'Oolong'] },
      turn_detection: { type: 'server_vad', threshold: 0.6, silence_duration_ms: 300, create_response: false },
      noise_reduction: { type: 'near_field' },
    }),
    update({ transcription: { language: 'de' }, noise_reduction: null }, { unknown: true }),
  );
  const input = async (index: number): Promise<Fields> => {
    const { session } = (await client.next('session.updated', index)) as { session: { audio: { input: Fields } } };
    return session.audio.input;
  };
  t.match(await input(1), {
    transcription: { model: 'm', language: 'de', prompt: 'about tea' },
    turn_detection: { type: 'server_vad', threshold: 0.6, prefix_padding_ms: 300, silence_duration_ms: 300 },
    noise_reduction: null,
  });
  const wrong: [Fields, Fields][] = [
    [update({ format: { type: 'audio/pcm', rate: 11_025 } }), { param: 'session.audio.input.format' }],
    [update({ transcription: { language: 'xx' } }), { code: 'invalid_value', param: /language$/ }],
    [update({ turn_detection: { type: 'server_vad', threshold: 2 } }), { param: /threshold$/ }],
    [update({ turn_detection: { type: 'psychic' } }), { code: 'invalid_value', param: /turn_detection/ }],
    [update({ turn_detection: { type: 'server_vad', silence_duration_ms: '1' } }), { code: 'invalid_type' }],
    [{ type: 'session.update' }, { param: 'session' }],
    [{ type: 'session.update', session: 7 }, { param: 'session' }],
  ];
  for (const [index, [sent, error]] of wrong.entries()) {
    client.send({ ...sent, event_id: `e${index}` });
    t.match(await client.next('error', index), {
      error: { ...error, event_id: `e${index}`, type: 'invalid_request_error' },
    });
  }
  client.send(update({ turn_detection: { type: 'semantic_vad', eagerness: 'low' } }));
  t.match(await input(2), {
    turn_detection: { type: 'semantic_vad', eagerness: 'low' },
    transcription: { language: 'de' },
  });
  stream(client, loud('speech', 1), loud('silence', 1), loud('speech', 1), loud('silence', 1.5));
  await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(client.all('input_audio_buffer.speech_stopped').length, 1, 'a patient listener waits for more than a second');
  t.match(recognizer.opened[0], { language: 'de', hotwords: ['Sencha', 'Oolong'], previousText: 'about tea' });
  client.send(update({ format: { type: 'audio/pcmu' } }));
  t.match(await client.next('error', wrong.length), { error: { param: 'session.audio.input.format' } });
});

t.test('RT-5: the beta speaks in its own shapes', async (t) => {
  const { client } = await open(t, {}, GA, [], { 'openai-beta': 'realtime=v1' });
  t.match(await client.next('transcription_session.created'), {
    session: { object: 'realtime.transcription_session', input_audio_format: 'pcm16', client_secret: null },
  });
  client.send({
    type: 'transcription_session.update',
    session: { input_audio_format: 'g711_ulaw', input_audio_transcription: { model: 'whisper-1', language: 'en' } },
  });
  t.match(await client.next('transcription_session.updated'), {
    session: { input_audio_format: 'g711_ulaw', input_audio_transcription: { model: 'whisper-1' }, audio: undefined },
  });
  client.send(append(loud('speech', 1, 8_000, 'mulaw')), append(loud('silence', 1, 8_000, 'mulaw')));
  await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(client.all('conversation.item.created').length, 1);
  t.notOk(client.types.some((type) => type.endsWith('.added') || type.endsWith('item.done')));

  const conversation = await open(t, {}, '/v1/realtime?model=gpt-4o-realtime-preview', [
    'realtime',
    'openai-beta.realtime-v1',
  ]);
  t.match(await conversation.client.next('session.created'), {
    session: { object: 'realtime.session', input_audio_format: 'pcm16', audio: undefined },
  });
  conversation.client.send({
    type: 'session.update',
    session: { input_audio_format: 'g711_alaw', modalities: ['text'] },
  });
  t.match(await conversation.client.next('session.updated'), { session: { input_audio_format: 'g711_alaw' } });

  const late = await open(t);
  late.client.send({ type: 'transcription_session.update', session: { turn_detection: null } });
  t.match(await late.client.next('transcription_session.updated'), { session: { turn_detection: null } });
});

t.test('RT-3: subprotocols: the public one is answered, never the one with the key', async (t) => {
  const seen: (string | undefined)[] = [];
  const authorizer = { ...ALLOW_ALL, identify: (key: string | undefined) => (seen.push(key), ANYBODY) };
  const { client } = await open(t, { authorizer }, GA, [
    'realtime',
    'openai-insecure-api-key.sk-1',
    'openai-project.p',
  ]);
  t.equal(client.socket.protocol, 'realtime');
  await client.next('session.created');
  t.ok(seen.includes('sk-1'));
});

t.test('RT-4: a key that is refused is told on the socket, then 3000', async (t) => {
  const authorizer = oneKey('good');
  const { client, url } = await open(t, { authorizer });
  t.match(await client.next('error'), { error: { type: 'invalid_request_error', code: 'invalid_api_key' } });
  t.strictSame(await client.closed, { code: 3000, reason: 'invalid_request_error.invalid_api_key' });
  const good = await connectEvents(t, url + GA, [], { headers: { authorization: 'Bearer good' } });
  await good.next('session.created');
  const call = await connectEvents(t, `${url}/v1/realtime?call_id=c`, [], { headers: { 'api-key': 'good' } });
  t.match(await call.closed, { code: 4000 });
  const named = await connectEvents(t, `${url}/v1/realtime?model=gpt-4o-transcribe`, [], {
    headers: { authorization: 'Bearer good' },
  });
  t.match(await named.next('session.created'), {
    session: { audio: { input: { transcription: { model: 'gpt-4o-transcribe' } } } },
  });
});

t.test('client secrets open sessions until they expire', async (t) => {
  const { keys, url, passes } = await openCompatGateway(t);
  const { value } = keys.issue(10_000);
  const client = await connectEvents(t, url + GA, [], bearer(value));
  await client.next('session.created');
  passes(10_001);
  const late = await connectEvents(t, url + GA, ['realtime', `openai-insecure-api-key.${value}`]);
  t.match(await late.next('error'), { error: { code: 'invalid_api_key', message: /expired/ } });
  t.match(await late.closed, { code: 3000 });
  const forged = await connectEvents(t, url + GA, [], bearer('ek_never'));
  t.match(await forged.closed, { code: 3000 });
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next(`${TRANSCRIPTION}.completed`);
});

t.test('what is wrong is answered in their shape, and the socket goes on', async (t) => {
  const { client } = await open(t);
  const wrong: [string | Uint8Array | Fields, string, string | null][] = [
    ['{', 'invalid_json', null],
    ['[]', 'invalid_event', 'type'],
    ['null', 'invalid_event', null],
    ['{"type":7}', 'invalid_event', 'type'],
    ['{}', 'invalid_event', 'type'],
    [Buffer.from([1, 2, 3]), 'invalid_event', null],
    [{ type: 'no.such.event' }, 'invalid_value', 'type'],
    [{ type: 'response.create' }, 'unsupported_event', 'type'],
    [{ type: 'input_audio_buffer.append' }, 'missing_required_parameter', 'audio'],
    [{ type: 'input_audio_buffer.append', audio: 5 }, 'invalid_type', 'audio'],
    [{ type: 'input_audio_buffer.append', audio: 'not base64!' }, 'invalid_value', 'audio'],
    [{ type: 'input_audio_buffer.append', audio: 'A' }, 'invalid_value', 'audio'],
    [{ type: 'input_audio_buffer.commit' }, 'input_audio_buffer_commit_empty', null],
  ];
  for (const [index, [sent, code, param]] of wrong.entries()) {
    client.send(sent);
    const { error } = await client.next('error', index);
    t.match(error, { type: 'invalid_request_error', code, message: /./ }, JSON.stringify(sent));
    if (param !== null) t.match(error, { param });
  }
  client.send(
    { type: 'input_audio_buffer.append', audio: '' },
    append(Buffer.from([0])),
    append(Buffer.from([0, 0, 0])),
  );
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(client.all('error').length, wrong.length, 'odd chunks are put together');
});

t.test('no frame makes the reader throw', async (t) => {
  holds(
    t,
    fc.property(fc.oneof(fc.string(), fc.json(), fc.uint8Array()), (frame) => readClientEvent(frame) !== undefined),
  );
  const fields = fc.record(
    {
      type: fc.constantFrom('session.update', 'input_audio_buffer.append'),
      session: fc.anything(),
      audio: fc.anything(),
    },
    { requiredKeys: ['type'] },
  );
  holds(
    t,
    fc.property(fields, (value) => readClientEvent(JSON.stringify(value)) !== undefined),
  );
});

t.test('bounds: size, rate, idleness and audio that is too fast end the connection in their shape', async (t) => {
  const large = await open(t, { limits: { messageBytesMax: 1_000 } });
  large.client.send('x'.repeat(1_500));
  t.match(await large.client.next('error'), { error: { code: 'message_too_large' } });
  t.match(await large.client.closed, { code: 1009 });

  const many = await open(t, { limits: { messagesPerSecondMax: 10 } });
  for (let i = 0; i < 50; i++) many.client.send({ type: 'input_audio_buffer.clear' });
  t.match(await many.client.next('error'), { error: { type: 'rate_limit_error' } });
  t.match(await many.client.closed, { code: 1008 });

  const idle = await open(t, { limits: { idleTimeoutMs: 5_000 } });
  await idle.client.next('session.created');
  idle.clock.advance(6_000);
  t.match(await idle.client.next('error'), { error: { code: 'session_expired' } });
  t.match(await idle.client.closed, { code: 1000 });

  const fast = await open(t, { limits: { bufferedAudioMsMax: 1_000, inboxBytesMax: 100_000 }, transport: 'uws' });
  const release = fast.vad.hold();
  for (let i = 0; i < 20; i++) fast.client.send(append(loud('speech', 0.5)));
  t.match(await fast.client.next('error'), { error: { type: 'rate_limit_error' } });
  t.match(await fast.client.closed, { code: 1008 });
  release();
});

t.test('back-pressure: a client that is far ahead is slowed, and nothing is lost', async (t) => {
  const { client, vad } = await open(t, { limits: { bufferedAudioMsMax: 1_000 } });
  const release = vad.hold();
  client.send(manual);
  stream(client, loud('speech', 8.1));
  client.send({ type: 'input_audio_buffer.commit' });
  await delay(20);
  release();
  const { transcript } = await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(String(transcript).split(' ').length, 16);
});

t.test('full, or asked without a WebSocket', async (t) => {
  const { url, http } = await open(t, { limits: { maxConnections: 1 } });
  t.equal(await refusedUpgrade(url + GA), 503);
  const response = await fetch(`${http}/v1/realtime`);
  t.match([response.status, await response.json()], [426, { error: { code: 'upgrade_required' } }]);
});

t.test('sockets that vanish, and a shutdown', async (t) => {
  const { client, vad, gateway, url } = await open(t);
  stream(client, loud('speech', 1));
  await client.next('input_audio_buffer.speech_started');
  client.socket.terminate();
  const other = await connectEvents(t, url + GA);
  stream(other, loud('speech', 1));
  await other.next('input_audio_buffer.speech_started');
  await gateway.drain();
  t.match(await other.closed, { code: 1001 });
  t.ok(other.types.includes(`${TRANSCRIPTION}.completed`), 'what was said is told before the end');
  t.equal(vad.openStreams, 0, 'no session is left');
});

t.test('a client that never commits: the turn is committed for it, so that its words do not pile up', async (t) => {
  const told: Fields[] = [];
  const { recognizer, vad } = await openCompatGateway(t);
  const defaults = { endpointing: SESSION_DEFAULTS.endpointing, languages: ['en'] };
  const ended = new Promise<DialectClose>((resolve) => {
    const conversation = new RealtimeConversation({
      peer: {
        remoteAddress: '',
        send: (event) => void told.push(event),
        crash: (error) => t.fail(String(error)),
        end: resolve,
      },
      createSession: createSessionFactory({ vad, recognizer, settings: SESSION_DEFAULTS }),
      defaults,
      config: { ...defaultConfig(defaults), turnDetection: null },
      isBeta: false,
      wallNow: Date.now,
      uncommittedMsMax: 2_000,
    });
    for (let i = 0; i < 45; i++) conversation.receive(JSON.stringify(append(loud('speech', 0.1))));
    void conversation.drain();
  });
  t.equal((await ended).code, 1001);
  const types = told.map((event) => event['type']);
  t.equal(types.filter((type) => type === 'input_audio_buffer.committed').length, 2);
  t.equal(types.filter((type) => type === `${TRANSCRIPTION}.completed`).length, 2);
});

t.test('a session that fails leaves no committed turn without an end', async (t) => {
  const { client, vad } = await open(t, { recognizer: { answers: false } });
  stream(client, loud('speech', 1), loud('silence', 1));
  await client.next('conversation.item.done');
  vad.failure = new Error('scripted');
  stream(client, loud('speech', 1));
  t.match(await client.next(`${TRANSCRIPTION}.failed`), {
    item_id: client.all('input_audio_buffer.committed')[0]?.['item_id'],
  });
  t.match(await client.next('error'), { error: { type: 'server_error', code: 'internal' } });
  t.match(await client.closed, { code: 1011 });
});
