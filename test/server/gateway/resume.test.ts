// Sessions that wait for their clients: the way back, takeover, expiry, and every bound attacked; on both transports.
import type { ServerMessage } from '@sotto/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { GatewayLimits } from '../../../server/src/gateway/limits.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedSession } from '../../support/scripted-session.js';
import { TRANSPORTS } from '../../support/shared-gateway.js';
import { startTestGateway, type CreateTransport } from '../../support/test-gateway.js';
import { connectWire, type WireClient, type WireEncoding } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;
/** 100 ms of silence. */
const CHUNK = new Uint8Array(3_200);

for (const [name, create] of TRANSPORTS) {
  if (create === undefined) t.test(`resume on ${name}`, { skip: 'no binary for this Node' }, async () => {});
  else t.test(`resume on ${name}`, async (t) => resumeSuite(t, create));
}

function resumeSuite(t: Test, createTransport: CreateTransport): void {
  const open = async (t: Test, limits: Partial<GatewayLimits> = {}) => {
    const clock = new ManualClock();
    const sessions: ScriptedSession[] = [];
    const server = await startTestGateway(
      t,
      createTransport,
      (sink) => {
        const session = new ScriptedSession(`s${sessions.length}`, sink);
        sessions.push(session);
        return session;
      },
      { clock, limits: { detachedSessionsMax: 2, resumeBytesMax: 4_096, ...limits } },
    );
    const waiting = (count: number) => untilMetric(server.metric, 'sotto_sessions_detached', count);
    return { ...server, clock, sessions, waiting };
  };

  for (const encoding of ['msgpack', 'json'] satisfies WireEncoding[]) {
    t.test(`RS2-RS6: a session goes on over ${encoding}, with what was missed and nothing twice`, async (t) => {
      const { url, sessions, waiting } = await open(t);
      const { client, token } = await started(t, url, encoding);
      client.send({ type: 'audio', offset: 0, data: CHUNK }, { type: 'mark', id: 'm' });
      await client.next('mark');
      const [session] = sessions;
      session?.partial(0, 1, 'one');
      await client.next('partial');
      client.socket.terminate();
      await waiting(1);
      session?.final(0, 'missed');
      session?.partial(1, 1, 'stale');
      session?.partial(1, 2, 'latest');
      t.equal(session?.abandoned, 0, 'it lives');

      const again = await connectWire(t, url, encoding);
      again.send({ type: 'resume', token, events: 1 });
      await again.next('partial');
      t.match(again.received, [
        { type: 'resumed', sessionId: 's0', audio: START.audio, offset: 1_600, messages: 1 },
        { type: 'final', text: 'missed' },
        { type: 'partial', segmentId: 1, tentative: 'latest' },
      ]);
      t.equal(again.received.length, 3);
      again.send({ type: 'audio', offset: 1_600, data: CHUNK }, { type: 'stop' });
      t.equal((await again.closed).code, 1000);
      t.same(
        session?.received.map((message) => (message.type === 'audio' ? message.offset : message.type)),
        ['start', 0, 'mark', 1_600, 'stop'],
      );
    });
  }

  t.test('RS6: in JSON mode raw audio goes on where the session stands', async (t) => {
    const { url, sessions, waiting } = await open(t);
    const { client, token } = await started(t, url, 'json');
    client.raw(CHUNK);
    await until(() => sessions[0]?.receivedSamples === 1_600, 'audio');
    client.socket.terminate();
    await waiting(1);
    const again = await connectWire(t, url, 'json');
    again.send({ type: 'resume', token, events: 0 });
    await again.next('resumed');
    again.raw(CHUNK);
    await until(() => sessions[0]?.receivedSamples === 3_200, 'audio at its place');
  });

  t.test('RS5: messages that were refused count, pings and audio do not', async (t) => {
    const { url, waiting } = await open(t);
    const { client, token } = await started(t, url, 'json');
    client.raw('{"type":"configure","endpointing":{"minSilenceMs":5}}');
    // The client does not count these, so the server must not either, though they are refused.
    client.raw('{"type":"ping","id":7}');
    client.raw('{"type":"audio","offset":-1}');
    client.raw('{"type":"start","audio":{}}');
    client.raw('{"type":"resume"}');
    client.send({ type: 'ping' }, { type: 'finalize' }, { type: 'mark', id: 'm' });
    await client.next('mark');
    client.socket.terminate();
    await waiting(1);
    const again = await connectWire(t, url);
    again.send({ type: 'resume', token, events: 0 });
    t.match(await again.next('resumed'), { messages: 3 });
    t.match(await again.next('error'), { code: 'invalid_message' });
  });

  t.test('RS7: unknown and expired tokens, and events that are not kept, are resume_unknown', async (t) => {
    const { url, clock, sessions, waiting, metric } = await open(t);
    const { client, token } = await started(t, url);
    await refused(t, url, 'nobody', 0);
    await refused(t, url, token, 7);
    client.send({ type: 'ping' });
    await client.next('pong');
    client.socket.terminate();
    await waiting(1);
    clock.advance(29_000);
    t.equal(sessions[0]?.abandoned, 0);
    clock.advance(2_000);
    t.ok((sessions[0]?.abandoned ?? 0) > 0, 'it has ended');
    await refused(t, url, token, 0);
    await waiting(0);
    t.equal(await metric('sotto_detached_sessions_ended_total{reason="expired"}'), 1);
    t.equal(await metric('sotto_resumes_total{outcome="unknown"}'), 3);
  });

  t.test('RS1: tokens cannot be guessed, and none are told where sessions do not wait', async (t) => {
    const { url } = await open(t);
    const tokens = await Promise.all(Array.from({ length: 20 }, async () => (await started(t, url)).token));
    t.equal(new Set(tokens).size, 20);
    for (const token of tokens) t.ok(Buffer.from(token, 'base64url').length >= 16);

    const off = await open(t, { resumeGraceMs: 0 });
    const client = await connectWire(t, off.url);
    client.send(START);
    const ready = await client.next('ready');
    t.notOk('resumeToken' in ready);
    client.socket.terminate();
    await until(() => (off.sessions[0]?.abandoned ?? 0) > 0, 'its end');
  });

  t.test('RS1: a client that closes ends its session, unless it says that it will be back', async (t) => {
    const { url, sessions, waiting } = await open(t);
    for (const code of [1000, 4400]) {
      const { client, token } = await started(t, url);
      client.socket.close(code);
      await client.closed;
      await until(() => (sessions.findLast(({ received }) => received.length > 0)?.abandoned ?? 0) > 0, 'the end');
      await refused(t, url, token, 0);
    }
    const { client, token } = await started(t, url);
    client.socket.close(4001);
    await waiting(1);
    const again = await connectWire(t, url);
    again.send({ type: 'resume', token, events: 0 });
    await again.next('resumed');
  });

  t.test('RS8: a second socket takes the session over, again and again', async (t) => {
    const { url, sessions } = await open(t);
    const { client, token } = await started(t, url);
    let last = client;
    for (let i = 0; i < 3; i++) {
      const next = await connectWire(t, url);
      next.send({ type: 'resume', token, events: i });
      await next.next('resumed');
      t.same(await last.closed, { code: 4409, reason: 'The session continues on another socket.' });
      sessions[0]?.final(i, `to ${i}`);
      await next.next('final');
      t.equal(last.all('final').length, i === 0 ? 0 : 1, 'the former one gets nothing more');
      last = next;
    }
    t.equal(sessions[0]?.abandoned, 0);
    last.send({ type: 'mark', id: 'm' });
    await last.next('mark');
  });

  t.test('RS9: who did not hear the end of a session that was stopped can fetch it', async (t) => {
    const { url, sessions, waiting } = await open(t);
    const { client, token } = await started(t, url);
    const [session] = sessions;
    if (session !== undefined) {
      session.onReceive = ({ type }) => {
        if (type === 'audio') client.socket.terminate();
      };
    }
    client.send({ type: 'audio', offset: 0, data: CHUNK });
    await waiting(1);
    session?.receive({ type: 'stop' });
    const again = await connectWire(t, url);
    again.send({ type: 'resume', token, events: 0 });
    await again.next('stopped');
    t.equal((await again.closed).code, 1000);
  });

  t.test('RS10: more sessions than may wait end the oldest', async (t) => {
    const { url, sessions, waiting, metric } = await open(t);
    const tokens: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { client, token } = await started(t, url);
      tokens.push(token);
      client.socket.terminate();
      await waiting(Math.min(2, i + 1));
      await until(() => i < 2 || (sessions[i - 2]?.abandoned ?? 0) > 0, 'the oldest ends');
    }
    t.same(
      sessions.slice(0, 5).map(({ abandoned }) => abandoned > 0),
      [true, true, true, false, false],
    );
    t.equal(await metric('sotto_detached_sessions_ended_total{reason="full"}'), 3);
    await refused(t, url, tokens[2] ?? '', 0);
    const again = await connectWire(t, url);
    again.send({ type: 'resume', token: tokens[3] ?? '', events: 0 });
    await again.next('resumed');
  });

  t.test('RS10: more events than may wait end the session', async (t) => {
    const { url, sessions, waiting, metric } = await open(t);
    const { client, token } = await started(t, url);
    client.socket.terminate();
    await waiting(1);
    for (let i = 0; i < 1_000; i++) sessions[0]?.final(i, 'x'.repeat(100));
    t.ok((sessions[0]?.abandoned ?? 0) > 0);
    await waiting(0);
    await refused(t, url, token, 0);
    t.equal(await metric('sotto_detached_sessions_ended_total{reason="bytes"}'), 1);
  });

  t.test('events that a client has surely got are forgotten, those in doubt are kept', async (t) => {
    const { url, sessions, clock, waiting } = await open(t);
    const { client, token } = await started(t, url);
    for (let i = 0; i < 5; i++) sessions[0]?.final(i, `early ${i}`);
    await client.next('final', 4);
    await client.pingedBy(() => clock.advance(16_000));
    // A ping of its own, answered later, shows that its pong has arrived.
    client.send({ type: 'ping' });
    await client.next('pong');
    sessions[0]?.final(5, 'late');
    await client.next('final', 5);
    client.socket.terminate();
    await waiting(1);
    await refused(t, url, token, 4);
    const again = await connectWire(t, url);
    again.send({ type: 'resume', token, events: 5 });
    t.match(await again.next('final'), { text: 'late' });
    t.equal(again.all('final').length, 1);
  });

  t.test('RS10: a drain ends sessions that wait', async (t) => {
    const { url, sessions, waiting, gateway } = await open(t);
    const { client } = await started(t, url);
    client.socket.terminate();
    await waiting(1);
    await gateway.drain();
    t.ok((sessions[0]?.abandoned ?? 0) > 0);
    await gateway.close();
    t.equal(sessions[0]?.drains, 0, 'nobody hears what it would say');
  });

  t.test('HS7: resume behind start is already_started', async (t) => {
    const { url, sessions } = await open(t);
    const { client, token } = await started(t, url);
    if (sessions[0] !== undefined) {
      sessions[0].onReceive = (message) => t.match(message, { type: 'resume', token });
    }
    client.send({ type: 'resume', token, events: 0 });
    await until(() => sessions[0]?.received.length === 2, 'the message');
    t.equal(client.all('resumed').length, 0);
  });
}

async function started(
  t: Test,
  url: string,
  encoding: WireEncoding = 'msgpack',
): Promise<{ client: WireClient; token: string }> {
  const client = await connectWire(t, url, encoding);
  client.send(START);
  const { resumeToken, resumeWindowMs } = await client.next('ready');
  t.equal(resumeWindowMs, 30_000);
  if (resumeToken === undefined) throw new Error('no token');
  return { client, token: resumeToken };
}

async function refused(t: Test, url: string, token: string, events: number): Promise<void> {
  const client = await connectWire(t, url);
  client.send({ type: 'resume', token, events });
  const error: Extract<ServerMessage, { type: 'error' }> = await client.next('error');
  t.match(error, { code: 'resume_unknown', fatal: true, retryable: false });
  t.equal((await client.closed).code, 4404);
}

async function untilMetric(metric: (name: string) => Promise<number>, name: string, wanted: number): Promise<void> {
  for (let tries = 0; (await metric(name)) !== wanted; tries++) {
    if (tries > 500) throw new Error(`${name} never became ${wanted}`);
    await delay(5);
  }
}
