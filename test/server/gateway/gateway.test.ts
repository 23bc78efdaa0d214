// The gateway around a scripted session: admission, both codecs, every bound attacked, drain; on both transports.
import { connect as connectTcp } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Gateway } from '../../../server/src/gateway/gateway.js';
import type { GatewayLimits } from '../../../server/src/gateway/limits.js';
import type { Transport, TransportOptions } from '../../../server/src/transport/transport.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedSession } from '../../support/scripted-session.js';
import { TRANSPORTS } from '../../support/shared-gateway.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';
import { addFrontRoutes } from '../../support/front-routes.js';
import { connectWire, refusedUpgrade, until, type WireEncoding } from '../../support/wire-client.js';

const LIMITS: GatewayLimits = {
  requestsPerSecondMax: 1_000,
  maxConnections: 3,
  messageBytesMax: 10_000,
  messagesPerSecondMax: 100,
  bufferedAudioMsMax: 1_000,
  inboxBytesMax: 1_000_000,
  outboxBytesMax: 200_000,
  outboxStallMs: 10_000,
  startTimeoutMs: 5_000,
  idleTimeoutMs: 60_000,
  resumeGraceMs: 0,
  detachedSessionsMax: 2,
  resumeBytesMax: 4_096,
  pingIntervalMs: 10_000,
  missedPingsMax: 3,
  closeTimeoutMs: 200,
};
const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;
/** 100 ms of silence. */
const CHUNK = new Uint8Array(3_200);

for (const [name, create] of TRANSPORTS) {
  if (create === undefined) t.test(`gateway on ${name}`, { skip: 'no binary for this Node' }, async () => {});
  else t.test(`gateway on ${name}`, async (t) => gatewaySuite(t, create));
}

function gatewaySuite(t: Test, createTransport: (options: TransportOptions) => Transport): void {
  const open = (t: Test, limits: Partial<GatewayLimits> = {}) => openGateway(t, createTransport, limits);

  for (const encoding of ['msgpack', 'json'] satisfies WireEncoding[]) {
    t.test(`HS2, HS5, PI1, ST1: a session from start to stop over ${encoding}`, async (t) => {
      const { url, session } = await open(t);
      const client = await connectWire(t, url, encoding);
      client.send({ type: 'ping', id: 'before' }, START, { type: 'audio', offset: 0, data: CHUNK });
      client.send({ type: 'audio', offset: 1_600, data: CHUNK }, { type: 'mark', id: 'm' }, { type: 'stop' });
      t.match(await client.closed, { code: 1000, reason: 'The session is complete.' });
      t.same(
        client.received.map((message) => message.type),
        ['pong', 'ready', 'mark', 'stopped'],
      );
      t.same(
        session().received.map((message) => (message.type === 'audio' ? message.offset : message.type)),
        ['ping', 'start', 0, 1_600, 'mark', 'stop'],
      );
      t.ok(session().abandoned > 0, 'the session is let go');
    });
  }

  t.test('HS1: another path is 404, for plain HTTP and for upgrades', async (t) => {
    const { url, http } = await open(t);
    t.equal(await refusedUpgrade(`${url}/v2/stream`), 404);
    const response = await fetch(`${http}/nothing`);
    t.equal(response.status, 404);
    t.match(await response.json(), { error: { code: 'not_found' } });
    await connectWire(t, `${url}/v1/stream?any=query`);
    await connectWire(t, `${url}/`);
  });

  t.test('HS3: no subprotocol is msgpack, an unknown one is refused', async (t) => {
    const { url, session } = await open(t);
    t.equal(await refusedUpgrade(url, ['other', 'graphql']), 400);
    const client = await connectWire(t, url, 'msgpack', []);
    t.equal(client.socket.protocol, '');
    client.send({ type: 'ping', id: 'x' });
    t.same(await client.next('pong'), { type: 'pong', id: 'x' });
    t.equal(session().received.length, 1);
    const chooser = await connectWire(t, url, 'json', ['other', 'sotto.v1.json', 'sotto.v1.msgpack']);
    t.equal(chooser.socket.protocol, 'sotto.v1.json');
  });

  t.test('HS6: a client that never starts is told and closed', async (t) => {
    const { url, clock } = await open(t);
    const client = await connectWire(t, url);
    client.send({ type: 'ping' });
    await client.next('pong');
    clock.advance(LIMITS.startTimeoutMs + 1_000);
    t.match(await client.next('error'), { code: 'not_started', fatal: true });
    t.equal((await client.closed).code, 4408);
  });

  t.test('HS8: full, starting and draining servers refuse with 503', async (t) => {
    const { url, http, gateway } = await open(t);
    const clients = [await connectWire(t, url), await connectWire(t, url), await connectWire(t, url)];
    t.equal(await refusedUpgrade(url), 503);
    clients[0]?.socket.close();
    await until(() => gateway.status().connections === 2, 'a free place');
    await connectWire(t, url);
    const drained = gateway.drain();
    t.equal(await refusedUpgrade(url), 503);
    t.equal((await fetch(`${http}/ready`)).status, 503);
    await drained;

    const starting = await openGateway(t, createTransport, {}, { ready: false });
    t.equal(await refusedUpgrade(starting.url), 503);
    t.equal((await fetch(`${starting.http}/ready`)).status, 503);
    t.equal((await fetch(`${starting.http}/health`)).status, 200);
    starting.openForSessions();
    t.equal((await fetch(`${starting.http}/ready`)).status, 200);
    await connectWire(t, starting.url);
  });

  t.test('MS4, MS8: a frame that cannot be read ends the session', async (t) => {
    const { url, sessions } = await open(t);
    for (const [encoding, frame] of [
      ['msgpack', Buffer.from([0xc1])],
      ['msgpack', '{"type":"ping"}'],
      ['json', '{"type":'],
    ] as const) {
      const client = await connectWire(t, url, encoding);
      client.send(START);
      await client.next('ready');
      client.raw(frame);
      t.match(await client.next('error'), { code: 'malformed_message', fatal: true });
      t.equal((await client.closed).code, 4400);
    }
    t.ok(sessions.every((session) => session.abandoned > 0));
  });

  t.test('MS5, MS6, ER2: unknown and invalid messages are told, the session goes on', async (t) => {
    const { url, session } = await open(t);
    const client = await connectWire(t, url, 'json');
    client.send(START);
    await client.next('ready');
    client.raw('{"type":"sing"}');
    client.raw('{"type":"mark"}');
    client.send({ type: 'ping', id: 'alive' });
    await client.next('pong');
    t.same(
      client.all('error').map((error) => [error.code, error.fatal]),
      [
        ['unknown_message', false],
        ['invalid_message', false],
      ],
    );
    t.match(client.all('error')[1]?.message, /mark\.id/);
    t.same(
      session().received.map((message) => message.type),
      ['start', 'ping'],
    );
  });

  t.test('ER3: before ready every error is fatal', async (t) => {
    const { url } = await open(t);
    const client = await connectWire(t, url, 'json');
    client.raw('{"type":"start","audio":{"encoding":"mp3","sampleRate":16000}}');
    t.match(await client.next('error'), { code: 'unsupported_audio', fatal: true });
    t.equal((await client.closed).code, 4400);
  });

  t.test('LM1: a message beyond the limit is told and closed, one far beyond is cut', async (t) => {
    const { url, session } = await open(t);
    const told = await connectWire(t, url);
    told.send(START);
    told.raw(new Uint8Array(LIMITS.messageBytesMax + 1));
    t.match(await told.next('error'), { code: 'message_too_large', fatal: true });
    t.equal((await told.closed).code, 1009);
    t.same(
      session().received.map((message) => message.type),
      ['start'],
    );
    const cut = await connectWire(t, url);
    cut.raw(new Uint8Array(LIMITS.messageBytesMax * 3));
    t.ok([1009, 1006].includes((await cut.closed).code));
  });

  t.test('BP5: a flood of messages is closed by name', async (t) => {
    const { url, clock, session } = await open(t);
    const client = await connectWire(t, url);
    client.send(START);
    const burst = LIMITS.messagesPerSecondMax * 2;
    for (let i = 1; i < burst; i++) client.send({ type: 'ping' });
    await client.next('pong', burst - 2);
    clock.advance(500);
    for (let i = 0; i < LIMITS.messagesPerSecondMax; i++) client.send({ type: 'ping' });
    t.match(await client.next('error'), { code: 'too_many_messages', fatal: true });
    t.equal((await client.closed).code, 4429);
    t.equal(session().received.length, burst + LIMITS.messagesPerSecondMax / 2, 'the rate refills with time');
  });

  t.test('BP3: a session that is behind gets its messages later, in order; PI1: pings do not wait', async (t) => {
    const { url, session, roundTrip } = await open(t);
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    session().msPerChunk = 500;
    for (let i = 0; i < 4; i++) client.send({ type: 'audio', offset: i * 1_600, data: CHUNK });
    client.send({ type: 'mark', id: 'end' });
    await until(() => session().received.length === 3, 'two chunks fill the session');
    client.send({ type: 'ping', id: 'now' });
    // Where the transport stops reading, the ping waits with the rest.
    await roundTrip();
    t.equal(session().received.filter((message) => message.type === 'audio').length, 2);
    session().catchUp();
    await until(() => session().backlogMs === 1_000, 'two more chunks');
    t.equal(client.all('mark').length, 0);
    session().catchUp();
    await client.next('mark');
    await client.next('pong');
    t.same(
      session().received.flatMap((message) => (message.type === 'audio' ? [message.offset] : [])),
      [0, 1_600, 3_200, 4_800],
    );
  });

  t.test('BP4: a client far ahead of its session is slowed or closed by name', async (t) => {
    const { url, session, canPause, roundTrip } = await open(t, {
      messagesPerSecondMax: 100_000,
      bufferedAudioMsMax: 10_000,
    });
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    session().msPerChunk = 10_000;
    for (let i = 0; i < 8_000; i++) client.send({ type: 'audio', offset: i * 1_600, data: CHUNK });
    if (canPause) {
      // Until no more of it leaves.
      for (let before = Infinity; client.socket.bufferedAmount < before;) {
        before = client.socket.bufferedAmount;
        await roundTrip();
      }
      t.ok(client.socket.bufferedAmount > 0, 'its sends wait');
      t.equal(session().received.length, 2, 'the session saw no more than it could take');
      client.socket.terminate();
      session().msPerChunk = 0;
      session().catchUp();
      await until(() => session().abandoned > 0, 'abandon');
    } else {
      t.match(await client.next('error'), { code: 'audio_too_fast', fatal: true });
      t.equal((await client.closed).code, 4429);
      t.equal(session().received.length, 2, 'the session saw no more than it could take');
    }
  });

  t.test('BP6: for a slow reader partials and acks coalesce, everything else comes in order', async (t) => {
    const { url, session, http } = await open(t, { outboxBytesMax: 50_000_000 });
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    client.socket.pause();
    fillSocket(session());
    const marker = client.received.length;
    for (let i = 1; i <= 1_000; i++) {
      session().partial(1, i, `one ${i}`);
      session().sink.send({ type: 'ack', offset: i, lagMs: 0 });
      session().partial(2, i, `two ${i}`);
    }
    session().final(1, 'first');
    session().sink.send({ type: 'mark', id: 'a', offset: 1 });
    session().partial(2, 1_001, 'two, last');
    session().sink.send({ type: 'speechEnded', segmentId: 2, endMs: 1 });
    session().sink.send({ type: 'error', code: 'odd_byte_count', message: '', retryable: false, fatal: false });
    session().final(3, 'third');
    t.equal(client.received.length, marker);
    client.socket.resume();
    await client.next('final', fillers + 1);
    t.same(
      client.received.slice(1 + fillers).map((message) => ('revision' in message ? message.revision : message.type)),
      ['ack', 'final', 'mark', 1_001, 'speechEnded', 'error', 'final'],
    );
    t.equal(client.all('ack')[0]?.offset, 1_000);
    t.match(await (await fetch(`${http}/metrics`)).text(), /sotto_messages_coalesced_total 29\d\d/);
  });

  t.test('BP7: a client that never reads is closed with slowReader at the bound of bytes', async (t) => {
    const { url, session } = await open(t, { closeTimeoutMs: 10_000 });
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    client.socket.pause();
    for (let i = 0; i < 10_000 && session().abandoned === 0; i++) {
      session().final(i, 'x'.repeat(5_000));
      if (i % 50 === 0) await nextTurn();
    }
    t.ok(session().abandoned > 0);
    const before = client.received.length;
    session().final(-1, 'after the end');
    client.socket.resume();
    t.equal((await client.closed).code, 4413);
    t.ok(client.received.length >= before);
    t.notOk(client.all('final').some((final) => final.segmentId === -1));
  });

  t.test('BP7: a reader that takes nothing for too long is closed with slowReader', async (t) => {
    const { url, session, clock } = await open(t, {
      outboxBytesMax: 50_000_000,
      pingIntervalMs: 1_000_000,
      closeTimeoutMs: 10_000,
    });
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    client.socket.pause();
    fillSocket(session());
    clock.advance(LIMITS.outboxStallMs - 1_000);
    t.equal(session().abandoned, 0);
    clock.advance(2_000);
    t.ok(session().abandoned > 0);
    client.socket.resume();
    t.equal((await client.closed).code, 4413);
  });

  t.test('CL3: a silent client that answers pings is closed as idle, ping messages keep it', async (t) => {
    const { url, clock, session } = await open(t, { idleTimeoutMs: 30_000 });
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    for (let i = 0; i < 4; i++) {
      client.send({ type: 'ping' });
      await client.next('pong', i);
      await client.pingedBy(() => clock.advance(25_000));
    }
    t.equal(session().abandoned, 0);
    clock.advance(6_000);
    t.equal((await client.closed).code, 4408);
  });

  t.test('CL3: a half-open socket is dropped', async (t) => {
    const { url, gateway, clock, port } = await open(t, { startTimeoutMs: 1_000_000, idleTimeoutMs: 1_000_000 });
    const dead = connectTcp(port, '127.0.0.1');
    t.teardown(() => dead.destroy());
    dead.write(
      'GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    const live = await connectWire(t, url);
    await until(() => gateway.status().connections === 2, 'both connections');
    for (let i = 0; i < LIMITS.missedPingsMax + 1; i++) {
      await live.pingedBy(() => clock.advance(LIMITS.pingIntervalMs));
    }
    await until(() => gateway.status().connections === 1, 'the dead one is gone');
    t.equal(live.socket.readyState, live.socket.OPEN, 'one that answers stays');
  });

  t.test('CL3, BP7: a client that sends but never answers pings is closed as a slow reader', async (t) => {
    const { url, gateway, clock, session } = await open(t, { idleTimeoutMs: 1_000_000 });
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    client.socket.pause();
    for (let i = 0; i < LIMITS.missedPingsMax * 2 + 1; i++) {
      t.equal(gateway.status().connections, 1);
      client.send({ type: 'audio', offset: 0, data: CHUNK });
      await until(() => session().received.length === i + 2, 'the chunk');
      clock.advance(LIMITS.pingIntervalMs);
    }
    client.socket.resume();
    t.equal((await client.closed).code, 4413);
  });

  t.test('CL2: drain lets sessions finish, sends what they say and closes with goingAway', async (t) => {
    const { url, gateway, sessions } = await open(t);
    const started = await connectWire(t, url);
    started.send(START);
    await started.next('ready');
    const silent = await connectWire(t, url);
    const [first] = sessions;
    if (first === undefined) throw new Error('no session');
    first.onDrain = async () => {
      // Who has no session is gone by then.
      await silent.closed;
      first.final(0, 'last words');
    };
    const drained = gateway.drain();
    t.equal((await silent.closed).code, 1001);
    t.equal((await started.closed).code, 1001);
    await drained;
    t.same(
      started.received.map((message) => message.type),
      ['ready', 'final', 'stopped'],
    );
    t.equal(first.drains, 1);
    t.equal(gateway.status().connections, 0);
  });

  t.test('CL4: a socket that vanishes abandons its session', async (t) => {
    const { url, session, gateway } = await open(t);
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    client.socket.terminate();
    await until(() => session().abandoned > 0, 'abandon');
    session().final(0, 'to nobody');
    session().sink.end({ code: 1000, reason: '', retry: false });
    t.equal(gateway.status().connections, 0);
  });

  t.test('a session that throws is an internal error of its own connection', async (t) => {
    const { url, sessions } = await open(t);
    const client = await connectWire(t, url);
    const other = await connectWire(t, url);
    client.send(START);
    other.send(START);
    await Promise.all([client.next('ready'), other.next('ready')]);
    for (const session of sessions.slice(0, 1)) {
      session.onReceive = () => {
        throw new Error('broken on purpose');
      };
    }
    client.send({ type: 'finalize' });
    t.match(await client.next('error'), { code: 'internal', fatal: true, retryable: true });
    t.equal((await client.closed).code, 1011);
    t.notMatch(client.all('error')[0]?.message, /on purpose/);
    other.send({ type: 'ping' });
    await other.next('pong');
  });

  t.test('a session that cannot be made is an internal error of its own connection', async (t) => {
    const { url, gateway, openForSessions } = await openGateway(t, createTransport, {}, { ready: false });
    gateway.open(() => {
      throw new Error('broken on purpose');
    });
    openForSessions();
    t.equal((await (await connectWire(t, url)).closed).code, 1011);
    t.equal(gateway.status().connections, 0);
    t.equal(gateway.status().status, 'ready');
  });

  t.test('GET /, /health and /metrics', async (t) => {
    const { url, http, session } = await open(t);
    const client = await connectWire(t, url);
    client.send(START);
    await client.next('ready');
    session().sink.send({ type: 'speechStarted', segmentId: 0, startMs: 0 });
    session().partial(0, 1, 'word');
    session().sink.send({ type: 'speechEnded', segmentId: 0, endMs: 0 });
    session().final(0, 'word.');
    await client.next('final');
    const health = await fetch(`${http}/health`);
    t.match(health.headers.get('content-type'), 'application/json');
    t.match(await health.json(), {
      status: 'ready',
      version: '9.9.9',
      model: 'scripted',
      device: 'cpu',
      connections: 1,
    });
    const page = await (await fetch(http)).text();
    t.match(page, `ws://${new URL(http).host}/v1/stream`);
    const metrics = await fetch(`${http}/metrics`);
    t.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    const text = await metrics.text();
    for (const line of [
      'sotto_connections 1',
      'sotto_messages_received_total{type="start"} 1',
      'sotto_messages_sent_total{type="final"} 1',
      'sotto_final_latency_seconds_count 1',
      'sotto_first_partial_latency_seconds_bucket{le="+Inf"} 1',
    ]) {
      t.ok(text.split('\n').includes(line), line);
    }
    t.equal((await fetch(`${http}/health`, { method: 'POST', body: 'x' })).status, 405);
    t.equal((await fetch(`${http}/v1/stream`)).status, 426);
  });
}

/** Finals that `fillSocket` sends. */
let fillers = 0;

/** Sends until bytes wait in the process: what comes after must wait too. */
function fillSocket(session: ScriptedSession): void {
  // More than the kernel keeps for a socket on loopback.
  for (fillers = 0; fillers < 800; fillers++) session.final(100_000 + fillers, 'x'.repeat(10_000));
}

async function openGateway(
  t: Test,
  createTransport: (options: TransportOptions) => Transport,
  limits: Partial<GatewayLimits>,
  { ready = true } = {},
) {
  const sessions: ScriptedSession[] = [];
  const clock = new ManualClock();
  let canPause = false;
  const metrics = new MetricsRegistry();
  const gateway = new Gateway({
    metrics,
    createTransport: (options) => {
      const transport = createTransport(options);
      canPause = transport.canPause;
      return transport;
    },
    limits: { ...LIMITS, ...limits },
    log: pino({ level: 'silent' }),
    clock,
  });
  addFrontRoutes(gateway, metrics);
  t.teardown(() => gateway.close());
  const port = await gateway.listen(0, '127.0.0.1');
  const openForSessions = (): void =>
    gateway.open((sink) => {
      const session = new ScriptedSession(`s${sessions.length}`, sink);
      sessions.push(session);
      return session;
    });
  if (ready) openForSessions();
  return {
    openForSessions,
    gateway,
    clock,
    sessions,
    canPause,
    port,
    url: `ws://127.0.0.1:${port}`,
    http: `http://127.0.0.1:${port}`,
    /** Once there and back: what was sent before has been read by then, as far as it is read at all. */
    async roundTrip(): Promise<void> {
      const response = await fetch(`http://127.0.0.1:${port}/health`);
      await response.arrayBuffer();
    },
    session(): ScriptedSession {
      const [first, ...rest] = sessions;
      if (first === undefined || rest.length > 0) throw new Error(`expected one session, found ${sessions.length}`);
      return first;
    },
  };
}
