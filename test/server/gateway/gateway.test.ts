// The gateway around a scripted session: admission, both codecs, drain, what fails; on both transports.
import t, { type Test } from 'tap';
import type { GatewayLimits } from '../../../server/src/gateway/limits.js';
import type { Transport, TransportOptions } from '../../../server/src/transport/transport.js';
import { CHUNK, LIMITS, openGateway, START } from '../../support/scripted-gateway.js';
import { TRANSPORTS } from '../../support/shared-gateway.js';
import { connectWire, refusedUpgrade, type WireEncoding } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

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
