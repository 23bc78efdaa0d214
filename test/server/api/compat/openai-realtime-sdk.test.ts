// The official OpenAI SDK, unmodified, against Sotto: its realtime classes, in the shape of the GA and of the beta.
import { connect as connectTcp } from 'node:net';
import OpenAI from 'openai';
import { OpenAIRealtimeWS as BetaRealtimeWS } from 'openai/beta/realtime/ws';
import { OpenAIRealtimeWebSocket } from 'openai/realtime/websocket';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import t, { type Test } from 'tap';
import { WebSocket, type ClientOptions } from 'ws';
import { oneKey } from '../../../support/one-key.js';
import { openCompatGateway, type CompatGatewayOptions } from '../../../support/compat-gateway.js';
import { noOpenssl, selfSigned } from '../../../support/certificate.js';
import { loud } from '../../../support/loud-audio.js';

/** The SDK always asks for wss: its documented `options` let the bytes go over plain TCP to this machine. */
const plain = (port: number): ClientOptions => ({
  createConnection: () => connectTcp({ host: '127.0.0.1', port }),
});

async function open(t: Test, options: CompatGatewayOptions = {}, apiKey = 'sk-test') {
  const server = await openCompatGateway(t, options);
  const client = new OpenAI({ apiKey, baseURL: `${server.http}/v1` });
  return { ...server, client };
}

t.test('RT-1: a turn with server VAD', async (t) => {
  const { client, port } = await open(t);
  const realtime = new OpenAIRealtimeWS({ model: 'gpt-4o-transcribe', options: plain(port) }, client);
  t.teardown(() => realtime.close());
  const seen: string[] = [];
  const errors: unknown[] = [];
  realtime.on('event', (event) => seen.push(event.type));
  realtime.on('error', (error) => errors.push(error));
  const created = await new Promise<OpenAI.Realtime.SessionCreatedEvent>((done) =>
    realtime.once('session.created', done),
  );
  t.equal(created.session.type, 'transcription');
  realtime.send({
    type: 'session.update',
    session: {
      type: 'transcription',
      audio: {
        input: {
          format: { type: 'audio/pcm', rate: 24_000 },
          transcription: { model: 'gpt-4o-transcribe', language: 'en' },
          turn_detection: { type: 'server_vad', silence_duration_ms: 400 },
        },
      },
      include: ['item.input_audio_transcription.logprobs'],
    },
  });
  const updated = await new Promise<OpenAI.Realtime.SessionUpdatedEvent>((done) =>
    realtime.once('session.updated', done),
  );
  t.match(updated.session, { audio: { input: { turn_detection: { silence_duration_ms: 400 } } } });
  const completed = new Promise<OpenAI.Realtime.ConversationItemInputAudioTranscriptionCompletedEvent>((done) =>
    realtime.once('conversation.item.input_audio_transcription.completed', done),
  );
  const audio = Buffer.concat([loud('speech', 2), loud('silence', 1)]);
  for (let at = 0; at < audio.byteLength; at += 4_800)
    realtime.send({ type: 'input_audio_buffer.append', audio: audio.subarray(at, at + 4_800).toString('base64') });
  const { transcript, usage, logprobs, item_id: itemId } = await completed;
  t.match(transcript, /^w0 w1 w2/);
  t.match(usage, { type: 'duration', seconds: Number });
  t.ok((logprobs?.length ?? 0) > 0);
  t.match(itemId, /^item_/);
  t.strictSame(errors, []);
  t.ok(seen.indexOf('input_audio_buffer.committed') < seen.indexOf('conversation.item.done'));
});

t.test('RT-2: turns that the client commits', async (t) => {
  const { client, port } = await open(t);
  const realtime = new OpenAIRealtimeWS({ model: 'whisper-1', options: plain(port) }, client);
  t.teardown(() => realtime.close());
  const errors: { error?: { code?: string | null } | undefined }[] = [];
  realtime.on('error', (error) => errors.push(error));
  await new Promise((done) => realtime.once('session.created', done));
  realtime.send({
    type: 'session.update',
    session: { type: 'transcription', audio: { input: { turn_detection: null } } },
  });
  const failed = new Promise((done) => realtime.once('error', done));
  realtime.send({ type: 'input_audio_buffer.commit' });
  await failed;
  t.equal(errors[0]?.error?.code, 'input_audio_buffer_commit_empty');
  const completed = new Promise<OpenAI.Realtime.ConversationItemInputAudioTranscriptionCompletedEvent>((done) =>
    realtime.once('conversation.item.input_audio_transcription.completed', done),
  );
  realtime.send({ type: 'input_audio_buffer.append', audio: loud('speech', 1.1).toString('base64') });
  realtime.send({ type: 'input_audio_buffer.commit' });
  t.equal((await completed).transcript, 'w0 w1');
  const cleared = new Promise((done) => realtime.once('input_audio_buffer.cleared', done));
  realtime.send({ type: 'input_audio_buffer.clear' });
  await cleared;
  t.equal(errors.length, 1);
});

t.test('RT-4: a bad key: an error, then close 3000', async (t) => {
  const authorizer = oneKey('none');
  const { client, port } = await open(t, { authorizer }, 'sk-bad');
  const realtime = new OpenAIRealtimeWS({ model: 'whisper-1', options: plain(port) }, client);
  const closed = new Promise<[number, string]>((done) =>
    realtime.socket.on('close', (code, reason) => done([code, reason.toString()])),
  );
  const error = await new Promise<{ error?: { code?: string | null } | undefined }>((done) =>
    realtime.on('error', done),
  );
  t.equal(error.error?.code, 'invalid_api_key');
  t.strictSame(await closed, [3000, 'invalid_request_error.invalid_api_key']);
});

t.test('RT-5: the class of the beta', async (t) => {
  const { client, port } = await open(t);
  const realtime = new BetaRealtimeWS({ model: 'gpt-4o-transcribe', options: plain(port) }, client);
  t.teardown(() => realtime.close());
  realtime.on('error', (error) => t.fail(String(error)));
  const raw: { type: string; session?: unknown }[] = [];
  realtime.on('event', (event) => raw.push(event as { type: string }));
  const updated = new Promise((done) => realtime.once('transcription_session.updated', done));
  await new Promise((done) => realtime.socket.once('open', done));
  realtime.send({
    type: 'transcription_session.update',
    session: { input_audio_format: 'pcm16', input_audio_transcription: { model: 'gpt-4o-transcribe' } },
  });
  await updated;
  t.equal(raw[0]?.type, 'session.created', 'without an intent it is the session of a conversation');
  t.match(raw[0]?.session, { object: 'realtime.session', model: 'gpt-4o-transcribe', input_audio_format: 'pcm16' });
  t.match(raw[1]?.session, { input_audio_format: 'pcm16', turn_detection: { type: 'server_vad' } });
  const item = new Promise((done) => realtime.once('conversation.item.created', done));
  const completed = new Promise<{ transcript: string }>((done) =>
    realtime.once('conversation.item.input_audio_transcription.completed', done),
  );
  const audio = Buffer.concat([loud('speech', 1.2), loud('silence', 1)]);
  realtime.send({ type: 'input_audio_buffer.append', audio: audio.toString('base64') });
  await item;
  t.match((await completed).transcript, /^w0 w1/);
});

t.test('over TLS, as the SDK would have it', { skip: noOpenssl }, async (t) => {
  const { ca, ...tls } = selfSigned(t);
  const { port } = await openCompatGateway(t, { tls });
  const client = new OpenAI({ apiKey: 'any', baseURL: `https://localhost:${port}/v1` });
  const realtime = new OpenAIRealtimeWS({ model: 'whisper-1', options: { ca } }, client);
  t.teardown(() => realtime.close());
  await new Promise((done) => realtime.once('session.created', done));
  t.equal(realtime.url.protocol, 'wss:');
});

/**
 * `WebSocket` of a browser, for the SDK's native class: no headers, only subprotocols. Trusts the test's certificate.
 */
function browserSocket(ca: string) {
  return class extends WebSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols, { ca });
    }
  };
}

t.test('RT-3: a browser with a client secret, over TLS', { skip: noOpenssl }, async (t) => {
  const { ca, ...tls } = selfSigned(t);
  const authorizer = oneKey('sk-server');
  const plainServer = await open(t, { authorizer }, 'sk-server');
  const secret = await plainServer.client.realtime.clientSecrets.create({
    expires_after: { anchor: 'created_at', seconds: 60 },
    session: { type: 'transcription', audio: { input: { transcription: { model: 'whisper-1', language: 'de' } } } },
  });
  t.match(secret, {
    value: /^ek_/,
    expires_at: Number,
    session: { object: 'realtime.transcription_session', audio: { input: { transcription: { language: 'de' } } } },
  });
  t.ok(Math.abs(secret.expires_at - Date.now() / 1_000 - 60) < 5);

  // The secret was issued by a server without TLS; one with TLS shares its keys.
  const server = await openCompatGateway(t, { tls, keys: plainServer.keys });
  t.intercept(globalThis, 'WebSocket', { value: browserSocket(ca), configurable: true });
  const connect = (): OpenAIRealtimeWebSocket => {
    const client = new OpenAI({
      apiKey: secret.value,
      baseURL: `https://localhost:${server.port}/v1`,
      dangerouslyAllowBrowser: true,
    });
    return new OpenAIRealtimeWebSocket({ model: 'whisper-1' }, client);
  };
  const realtime = connect();
  const created = await new Promise<OpenAI.Realtime.SessionCreatedEvent>((done) =>
    realtime.once('session.created', done),
  );
  t.equal(realtime.socket.protocol, 'realtime');
  t.match(
    created.session,
    { audio: { input: { transcription: { language: 'de' } } } },
    'with the settings of the secret',
  );
  realtime.close();

  plainServer.passes(61_000);
  const late = connect();
  const closed = new Promise<number>((done) => late.socket.addEventListener('close', ({ code }) => done(code)));
  const error = await new Promise<{ error?: { code?: string | null } | undefined }>((done) => late.on('error', done));
  t.equal(error.error?.code, 'invalid_api_key');
  t.equal(await closed, 3000);
});

t.test('client secrets: what is wrong is an error of the SDK', async (t) => {
  const authorizer = oneKey('sk', 'missing');
  const { client, http } = await open(t, { authorizer }, 'sk');
  const wrong = (body: OpenAI.Realtime.ClientSecretCreateParams): Promise<unknown> =>
    client.realtime.clientSecrets.create(body).catch((error: unknown) => error);
  t.match(await wrong({ expires_after: { anchor: 'created_at', seconds: 1 } }), {
    status: 400,
    type: 'invalid_request_error',
  });
  t.match(
    await wrong({ session: { type: 'transcription', audio: { input: { transcription: { language: 'xx' } } } } }),
    {
      status: 400,
      code: 'invalid_value',
      param: 'session.audio.input.transcription.language',
    },
  );
  const stranger = new OpenAI({ apiKey: 'nobody', baseURL: `${http}/v1` });
  t.match(await stranger.realtime.clientSecrets.create({}).catch((error: unknown) => error), {
    status: 401,
    code: 'invalid_api_key',
    requestID: /^req_/,
  });
  const { value } = await client.realtime.clientSecrets.create({});
  const temporary = new OpenAI({ apiKey: value, baseURL: `${http}/v1` });
  t.match(
    await temporary.realtime.clientSecrets.create({}).catch((error: unknown) => error),
    { status: 401 },
    'a secret gives out no others',
  );

  const beta = await client.beta.realtime.transcriptionSessions.create({
    input_audio_format: 'g711_ulaw',
    client_secret: { expires_at: { anchor: 'created_at', seconds: 20 } },
  });
  t.match(beta, { input_audio_format: 'g711_ulaw', client_secret: { value: /^ek_/, expires_at: Number } });
});
