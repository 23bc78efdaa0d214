// What is kept of sessions: whose it is, what cannot be read and two clients with one token.
import { Redis } from 'ioredis';
import { Packr } from 'msgpackr';
import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@sotto/client';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { fixtureSamples } from '../../support/fixtures.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { runSotto } from '../../support/run-command.js';
import { NO_WORDS, ServerProcess } from '../../support/server-process.js';
import { pcm16 } from '../../support/speech.js';
import { connectWire } from '../../support/wire-client.js';

t.setTimeout(300_000);

const START = {
  type: 'start',
  audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
  keepsAudio: true,
} as const;

function node(t: Test, redis: string, ...flags: string[]): Promise<ServerProcess> {
  const fixed = ['--polish', 'off', ...NO_WORDS, '--store', 'redis', '--redis-url', redis];
  return ServerProcess.start(t, [...fixed, ...flags]);
}

t.test('three nodes', { skip: WITHOUT_REDIS }, async (t) => {
  const redis = await startRedis(t);
  const store = new Redis(redis.url);
  t.teardown(() => store.disconnect());
  const start = () => node(t, redis.url);
  const [first, second, third] = await Promise.all([start(), start(), start()]);

  await t.test('RS12: a resume that cannot be', async (t) => {
    const client = await connectWire(t, first.url);
    client.send(START);
    const { resumeToken: token = '', keepFrom } = await client.next('ready');
    t.equal(keepFrom, 0, 'RS11');
    const key = await kept(store, token);
    t.notMatch(key, token, 'the store does not see the token');
    const resume = async (message: { events?: number; keptFrom?: number; token?: string }) => {
      const other = await connectWire(t, second.url);
      other.send({ type: 'resume', token, events: 0, ...message });
      await Promise.race([other.next('resumed').catch(() => undefined), other.closed]);
      return other;
    };
    const refused = async (message: Parameters<typeof resume>[0], why: string) => {
      const other = await resume(message);
      t.equal((await other.closed).code, 4404, why);
      t.match(other.all('error'), [{ code: 'resume_unknown' }]);
    };
    await refused({ keptFrom: 1 }, 'audio between the checkpoint and what the client has is gone');
    await refused({}, 'a client that does not keep audio');
    await refused({ keptFrom: 0, token: `${token}x` }, 'another token');

    const packr = new Packr({ useRecords: false, variableMapSize: true });
    const value = (await store.hgetBuffer('{sotto}:checkpoints', key)) ?? Buffer.alloc(0);
    const newer = packr.unpack(value) as { kept: { version: number; keyId?: string } };
    const write = (it: Uint8Array) => store.hset('{sotto}:checkpoints', key, Buffer.from(it));
    await write(packr.pack({ ...newer, kept: { ...newer.kept, version: 99 } }));
    await refused({ keptFrom: 0 }, 'a newer version wrote it');
    await write(packr.pack({ ...newer, kept: { ...newer.kept, keyId: 'k_other' } }));
    await refused({ keptFrom: 0 }, 'it is of another key');
    await write(Buffer.from([1, 2, 3]));
    await refused({ keptFrom: 0 }, 'it is damaged');
    await write(value);

    const [one, two] = await Promise.all([resume({ keptFrom: 0 }), resume({ keptFrom: 0 })]);
    t.equal((await Promise.race([one.closed, two.closed])).code, 4409, 'one of two clients with one token has it');
    client.send({ type: 'mark', id: 'm' });
    t.equal((await client.closed).code, 4409, 'the node that had it learns that it is gone');
  });

  await t.test('RS12: to another node and back', async (t) => {
    const client = await connectWire(t, first.url);
    client.send(START);
    const { resumeToken: token = '', sessionId } = await client.next('ready');
    await kept(store, token);
    client.socket.terminate();
    for (const { url } of [second, first, second, first]) {
      const again = await connectWire(t, url);
      again.send({ type: 'resume', token, events: 0, keptFrom: 0 });
      const resumed = await again.next('resumed');
      t.match(resumed, { sessionId, events: 0 }, 'from the checkpoint, not from what the node had');
      again.socket.terminate();
    }
  });

  await t.test('RS12: a node without room leaves the session where it is, and another one has it', async (t) => {
    t.equal((await fetch(`${second.http}/v1/drain?stay=true`, { method: 'POST' })).status, 202);
    const client = await connectWire(t, first.url);
    client.send(START);
    const { resumeToken: token = '', sessionId } = await client.next('ready');
    await kept(store, token);
    const refused = await connectWire(t, second.url);
    refused.send({ type: 'resume', token, events: 0, keptFrom: 0 });
    t.equal((await refused.closed).code, 1013);
    t.match(refused.all('error'), [{ code: 'overloaded', retryable: true, fatal: true }]);
    client.send({ type: 'mark', id: 'still here' });
    t.match(await client.next('mark'), { id: 'still here' }, 'the node that has it keeps it');
    const again = await connectWire(t, third.url);
    again.send({ type: 'resume', token, events: 0, keptFrom: 0 });
    t.match(await again.next('resumed'), { sessionId });

    const urls = [first.url, second.url, second.url, third.url];
    const session = connect(first.url, { webSocket: (_, protocols) => new WebSocket(urls.shift() ?? '', protocols) });
    t.teardown(() => session.close());
    const told: string[] = [];
    for (const type of ['resumed', 'restarted'] as const) session.on(type, () => told.push(type));
    const samples = await fixtureSamples('en-bakery');
    await session.ready();
    session.send(pcm16(samples));
    await session.mark();
    first.kill('SIGKILL');
    t.equal((await session.stop()).audioMs, Math.round(samples.length / 16), 'one session, with all of its audio');
    t.same([told, urls.length], [['resumed'], 0], 'the client library asks until one has room');
    t.equal((await fetch(`${second.http}/v1/drain`, { method: 'DELETE' })).status, 200);
  });

  await t.test('RS13: sotto drain; the client library follows at once', async (t) => {
    let { url } = third;
    const session = connect(url, {
      webSocket: (_, protocols) => new WebSocket(url, protocols),
      reconnect: { random: () => 0.999 },
    });
    t.teardown(() => session.close());
    const { sessionId } = await session.ready();
    const delays: number[] = [];
    session.on('reconnecting', ({ delayMs }) => delays.push(delayMs));
    const samples = await fixtureSamples('en-bakery');
    session.send(pcm16(samples));
    const resumed = new Promise<string>((resolve) => session.on('resumed', (event) => resolve(event.sessionId)));
    url = second.url;
    const { stdout, code } = await runSotto(['drain', '--server', third.http]).result;
    t.equal(code, 0);
    t.match(stdout, /drains: 1 connections/);
    t.equal(await resumed, sessionId);
    t.equal(delays[0], 0);
    t.equal((await third.exit()).code, 0);
    t.equal((await session.stop()).audioMs, Math.round(samples.length / 16));
  });
});

/** Waits for the checkpoint of a session; its key. */
async function kept(store: Redis, token: string): Promise<string> {
  const key = createHash('sha256').update(token).digest('base64url');
  while ((await store.hexists('{sotto}:checkpoints', key)) === 0) await delay(5);
  return key;
}
