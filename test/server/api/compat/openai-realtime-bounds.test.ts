// Who may open a session of the OpenAI Realtime API, how much it may send, and how it ends.
import t from 'tap';
import { ALLOW_ALL } from '../../../../server/src/access/access.js';
import { ANYBODY } from '../../../../server/src/access/principal.js';
import { openCompatGateway } from '../../../support/compat-gateway.js';
import { connectEvents } from '../../../support/event-client.js';
import { loud } from '../../../support/loud-audio.js';
import { oneKey } from '../../../support/one-key.js';
import { append, GA, manual, openRealtime, stream, TRANSCRIPTION } from '../../../support/realtime-client.js';
import { until } from '../../../support/until.js';
import { refusedUpgrade } from '../../../support/wire-client.js';

const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } });

t.test('RT-3: subprotocols: the public one is answered, never the one with the key', async (t) => {
  const seen: (string | undefined)[] = [];
  const authorizer = { ...ALLOW_ALL, identify: (key: string | undefined) => (seen.push(key), ANYBODY) };
  const { client } = await openRealtime(t, { authorizer }, GA, [
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
  const { client, url } = await openRealtime(t, { authorizer });
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

t.test('bounds: size, rate, idleness and audio that is too fast end the connection in their shape', async (t) => {
  const large = await openRealtime(t, { limits: { messageBytesMax: 1_000 } });
  large.client.send('x'.repeat(1_500));
  t.match(await large.client.next('error'), { error: { code: 'message_too_large' } });
  t.match(await large.client.closed, { code: 1009 });

  const many = await openRealtime(t, { limits: { messagesPerSecondMax: 10 } });
  for (let i = 0; i < 50; i++) many.client.send({ type: 'input_audio_buffer.clear' });
  t.match(await many.client.next('error'), { error: { type: 'rate_limit_error' } });
  t.match(await many.client.closed, { code: 1008 });

  const idle = await openRealtime(t, { limits: { idleTimeoutMs: 5_000 } });
  await idle.client.next('session.created');
  idle.clock.advance(6_000);
  t.match(await idle.client.next('error'), { error: { code: 'session_expired' } });
  t.match(await idle.client.closed, { code: 1000 });

  const fast = await openRealtime(t, {
    limits: { bufferedAudioMsMax: 1_000, inboxBytesMax: 100_000 },
    transport: 'uws',
  });
  const release = fast.vad.hold();
  for (let i = 0; i < 20; i++) fast.client.send(append(loud('speech', 0.5)));
  t.match(await fast.client.next('error'), { error: { type: 'rate_limit_error' } });
  t.match(await fast.client.closed, { code: 1008 });
  release();
});

t.test('back-pressure: a client that is far ahead is slowed, and nothing is lost', async (t) => {
  const { client, vad, pauses } = await openRealtime(t, { limits: { bufferedAudioMsMax: 1_000 } });
  const release = vad.hold();
  client.send(manual);
  stream(client, loud('speech', 8.1));
  client.send({ type: 'input_audio_buffer.commit' });
  await until(() => pauses() > 0, 'it is slowed');
  release();
  const { transcript } = await client.next(`${TRANSCRIPTION}.completed`);
  t.equal(String(transcript).split(' ').length, 16);
});

t.test('full, or asked without a WebSocket', async (t) => {
  const { url, http } = await openRealtime(t, { limits: { maxConnections: 1 } });
  t.equal(await refusedUpgrade(url + GA), 503);
  const response = await fetch(`${http}/v1/realtime`);
  t.match([response.status, await response.json()], [426, { error: { code: 'upgrade_required' } }]);
});

t.test('sockets that vanish, and a shutdown', async (t) => {
  const { client, vad, gateway, url } = await openRealtime(t);
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
