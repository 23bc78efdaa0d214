// The official Deepgram SDK (v5), unmodified, against Sotto: its live socket and its temporary tokens.
import { DeepgramClient } from '@deepgram/sdk';
import t, { type Test } from 'tap';
import { oneKey } from '../../../support/one-key.js';
import { openCompatGateway, type CompatGatewayOptions } from '../../../support/compat-gateway.js';
import type { Fields } from '../../../support/event-client.js';
import { loud } from '../../../support/loud-audio.js';
import { until } from '../../../support/until.js';

const RATE = 16_000;
const LIVE = { model: 'nova-3', encoding: 'linear16', sample_rate: RATE, reconnectAttempts: 0 } as const;

async function open(t: Test, options: CompatGatewayOptions = {}, apiKey = 'key') {
  const server = await openCompatGateway(t, options);
  return { ...server, client: new DeepgramClient({ apiKey, baseUrl: server.http }) };
}

type Live = Awaited<ReturnType<DeepgramClient['listen']['v1']['connect']>>;

/** What a live socket says, and how it closes. */
function listenTo(live: Live) {
  const messages: Fields[] = [];
  const errors: Error[] = [];
  live.on('message', (message) => messages.push(message as unknown as Fields));
  live.on('error', (error) => errors.push(error));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    live.on('close', ({ code, reason }) => resolve({ code, reason })),
  );
  return { messages, errors, closed, results: () => messages.filter((message) => message['type'] === 'Results') };
}

t.test('DG-1: interims, finals, finalize, metadata, close 1000', async (t) => {
  const { client, metric } = await open(t);
  const live = await client.listen.v1.connect({
    ...LIVE,
    Authorization: 'Token key',
    // The SDK's own number of attempts: it comes back after any close but 1000.
    reconnectAttempts: 30,
    interim_results: 'true',
    vad_events: 'true',
    smart_format: 'true',
    utterance_end_ms: '1000',
    keyterm: ['Sotto'],
  });
  const { messages, errors, closed, results } = listenTo(live);
  live.connect();
  await live.waitForOpen();
  const say = (audio: Buffer): void => {
    for (let at = 0; at < audio.byteLength; at += 3_200) live.sendMedia(audio.subarray(at, at + 3_200));
  };
  say(loud('speech', 1.2, RATE));
  await until(() => results().length > 0, 'an interim');
  t.match(results()[0], { is_final: false, channel: { alternatives: [{ transcript: /^w0/ }] } });
  say(Buffer.concat([loud('silence', 1.6, RATE), loud('speech', 1.1, RATE)]));
  await until(() => messages.some((message) => message['type'] === 'UtteranceEnd'), 'the end of the utterance');
  live.sendFinalize({ type: 'Finalize' });
  await until(() => results().some((message) => message['from_finalize'] === true), 'what was finalized');
  live.sendKeepAlive({ type: 'KeepAlive' });
  live.sendCloseStream({ type: 'CloseStream' });
  t.match(await closed, { code: 1000 });
  const finals = results().filter((message) => message['is_final'] === true);
  t.match(finals, [
    { speech_final: true, channel: { alternatives: [{ transcript: /^w0 w1/, words: [{ punctuated_word: 'w0' }] }] } },
    { from_finalize: true },
  ]);
  t.equal(messages.filter((message) => message['type'] === 'SpeechStarted').length, 2);
  t.equal(messages.at(-1)?.['type'], 'Metadata');
  t.strictSame(errors, []);
  t.equal(metric('sotto_connections_opened_total'), 1);
});

t.test('DG-4: a bad key and a bad encoding fail the handshake', async (t) => {
  const authorizer = oneKey('key');
  const { http } = await openCompatGateway(t, { authorizer });
  const attempt = async (apiKey: string, changes: { encoding?: 'speex' }): Promise<string> => {
    const client = new DeepgramClient({ apiKey, baseUrl: http });
    const live = await client.listen.v1.connect({ ...LIVE, Authorization: `Token ${apiKey}`, ...changes });
    const { errors } = listenTo(live);
    live.connect();
    await live.waitForOpen().catch(() => undefined);
    await until(() => errors.length > 0, 'an error');
    live.close();
    return String(errors[0]?.message);
  };
  t.match(await attempt('bad', {}), /401/);
  t.match(await attempt('key', { encoding: 'speex' }), /400/);
});

t.test('DG-6: a temporary token opens streams until it expires', async (t) => {
  const authorizer = oneKey('key');
  const { client, http, passes } = await open(t, { authorizer });
  const { access_token: accessToken, expires_in: expiresIn } = await client.auth.v1.tokens.grant({ ttl_seconds: 20 });
  t.equal(expiresIn, 20);
  t.match(await client.auth.v1.tokens.grant(), { expires_in: 30 });
  const temporary = new DeepgramClient({ accessToken, baseUrl: http });
  const connect = async () => {
    const live = await temporary.listen.v1.connect({ ...LIVE, Authorization: `Bearer ${accessToken}` });
    const heard = listenTo(live);
    live.connect();
    return { live, ...heard };
  };
  const first = await connect();
  await first.live.waitForOpen();
  const refused: unknown = await temporary.auth.v1.tokens.grant().catch((error: unknown) => error);
  t.match(refused, { statusCode: 401 }, 'a temporary token gives out no others');
  passes(21_000);
  const second = await connect();
  await second.live.waitForOpen().catch(() => undefined);
  await until(() => second.errors.length > 0, 'a refusal');
  t.match(second.errors[0]?.message, /401/);
  first.live.sendCloseStream({ type: 'CloseStream' });
  t.match(await first.closed, { code: 1000 }, 'a stream may outlive its token');
});

t.test('tokens over plain HTTP: what is wrong is told in their shape', async (t) => {
  const { http } = await openCompatGateway(t, {
    authorizer: oneKey('k', 'missing'),
  });
  const post = (body: string, headers: Record<string, string> = { authorization: 'Token k' }) =>
    fetch(`${http}/v1/auth/grant`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...headers },
    });
  for (const body of ['{', '{"ttl_seconds":0}', '{"ttl_seconds":"x"}', '{"ttl_seconds":1e9}']) {
    const response = await post(body);
    t.equal(response.status, 400, body);
    t.match(await response.json(), { err_code: 'Bad Request', err_msg: String, request_id: String });
    t.ok(response.headers.get('dg-error'));
  }
  t.equal((await post('{}', { authorization: 'none' })).status, 401);
  t.equal((await post(`{"x":"${'y'.repeat(9_000)}"}`)).status, 413);
  const check = await fetch(`${http}/v1/auth/token`, { headers: { authorization: 'token k' } });
  t.match([check.status, await check.json()], [200, { scopes: ['usage:write'] }]);
  t.equal((await fetch(`${http}/v1/auth/token`)).status, 401);
});
