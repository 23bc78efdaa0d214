// Clients that are faster than their session, read too slowly, or say nothing: every bound attacked; on both
// transports.
import { connect as connectTcp } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { GatewayLimits } from '../../../server/src/gateway/limits.js';
import type { Transport, TransportOptions } from '../../../server/src/transport/transport.js';
import { CHUNK, LIMITS, openGateway, START } from '../../support/scripted-gateway.js';
import type { ScriptedSession } from '../../support/scripted-session.js';
import { TRANSPORTS } from '../../support/shared-gateway.js';
import { connectWire } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

for (const [name, create] of TRANSPORTS) {
  if (create === undefined) t.test(`pace on ${name}`, { skip: 'no binary for this Node' }, async () => {});
  else t.test(`pace on ${name}`, async (t) => paceSuite(t, create));
}

function paceSuite(t: Test, createTransport: (options: TransportOptions) => Transport): void {
  const open = (t: Test, limits: Partial<GatewayLimits> = {}) => openGateway(t, createTransport, limits);

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
}

/** Finals that `fillSocket` sends. */
let fillers = 0;

/** Sends until bytes wait in the process: what comes after must wait too. */
function fillSocket(session: ScriptedSession): void {
  // More than the kernel keeps for a socket on loopback.
  for (fillers = 0; fillers < 800; fillers++) session.final(100_000 + fillers, 'x'.repeat(10_000));
}
