// What the client does about a lost connection: when it tries again, when it gives up, what it keeps, and how it shows
// its token.
import {
  connect,
  type Clock,
  type ConnectOptions,
  type ReadyMessage,
  type ResumedMessage,
  type SessionEvent,
} from '@sotto/client';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { ReconnectPolicy } from '../../client-sdk/src/reconnect-policy.js';
import { CALM, ChaosProxy } from '../support/chaos-proxy.js';
import { ManualClock } from '../support/manual-clock.js';
import { until } from '../support/until.js';
import { READY, startWireServer, type WireScript } from '../support/wire-server.js';

const webSocket: NonNullable<ConnectOptions['webSocket']> = (url, protocols) => new WebSocket(url, protocols);
const FAST = { delayMs: 2, delayMsMax: 4, attemptsMax: 3 };
const RESUMABLE: ReadyMessage = { ...READY, resumeToken: 'secret', resumeWindowMs: 30_000 };
const RESUMED: ResumedMessage = {
  type: 'resumed',
  sessionId: 's1',
  audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
  offset: 0,
  messages: 0,
};

async function open(t: Test, script: WireScript, options: ConnectOptions = {}) {
  const { url, peers } = await startWireServer(t, script);
  const session = connect(url, { webSocket, reconnect: FAST, ...options });
  t.teardown(() => session.close());
  const events: SessionEvent[] = [];
  void (async () => {
    for await (const event of session) events.push(event);
  })().catch(() => undefined);
  await session.ready();
  return { session, peers, events };
}

t.test('waits are drawn from a bound that doubles up to its maximum, and end', async (t) => {
  let now = 0;
  const clock: Clock = { now: () => now, after: () => () => {} };
  const policy = new ReconnectPolicy({ delayMs: 100, delayMsMax: 500, attemptsMax: 5, random: () => 0.5, clock });
  const draw = () => Array.from({ length: 6 }, () => policy.next());
  t.same(draw(), [50, 100, 200, 250, 250, undefined]);
  policy.progressed();
  t.same(draw(), [50, 100, 200, 250, 250, undefined], 'after progress it begins anew');
  policy.connected();
  now += 499;
  t.equal(policy.next(), undefined, 'a connection that is taken only to be dropped is no progress');
  policy.connected();
  now += 501;
  t.equal(policy.next(), 50, 'one that held is');
});

t.test('attempts that all fail end in ConnectionLostError, and everything that waits is told', async (t) => {
  const { session, peers, events } = await open(t, (message, peer) => {
    if (message.type === 'start') peer.send(RESUMABLE);
    if (message.type === 'resume') peer.terminate();
  });
  const marked = session.mark();
  peers[0]?.terminate();
  t.match(await session.closed, { error: { code: 'connection_lost', closeCode: 1006, retryable: true } });
  await t.rejects(marked, { code: 'connection_lost' });
  t.match(
    events.filter(({ type }) => type === 'reconnecting'),
    [{ attempt: 1, closeCode: 1006 }, { attempt: 2 }, { attempt: 3 }],
  );
});

t.test('RS2, RS5: what had not arrived is sent again, from the sample that the server asks for', async (t) => {
  const { session, peers, events } = await open(t, (message, peer) => {
    if (message.type === 'start') peer.send(RESUMABLE, { type: 'speechStarted', segmentId: 0, startMs: 0 });
    if (message.type === 'resume') {
      peer.send({ ...RESUMED, offset: 150, messages: 1 });
    }
    if (message.type === 'mark') peer.send({ type: 'mark', id: message.id, offset: 0 });
  });
  const send = (value: number) => session.send(new Int16Array(100).fill(value));
  send(1);
  session.configure({ words: true });
  send(2);
  session.configure({ words: false });
  peers[0]?.terminate();
  await until(() => events.some(({ type }) => type === 'reconnecting'), 'the loss');
  send(3);
  await session.mark();
  const [, again] = peers;
  t.match(again?.received, [
    { type: 'resume', token: 'secret', events: 1 },
    { type: 'audio', offset: 150 },
    { type: 'configure', words: false },
    { type: 'audio', offset: 200 },
    { type: 'mark' },
  ]);
  const [, rest] = again?.received ?? [];
  t.equal(rest?.type === 'audio' && rest.data.byteLength, 100, 'half of the chunk had arrived');
});

t.test('audio is kept while there is no connection, up to both bounds', async (t) => {
  const clock: Clock = { now: () => performance.now(), after: () => () => {} };
  const lost = async (options: ConnectOptions) => {
    const { session, peers, events } = await open(
      t,
      (message, peer) => {
        if (message.type === 'start') peer.send(RESUMABLE);
      },
      { reconnect: { clock }, ...options },
    );
    peers[0]?.terminate();
    await until(() => events.some(({ type }) => type === 'reconnecting'), 'the loss');
    return session;
  };
  const byTime = await lost({ bufferedMsMax: 1_000 });
  for (let i = 0; i < 10; i++) byTime.send(new Int16Array(1_600));
  t.throws(() => byTime.send(new Int16Array(1)), { code: 'buffer_full', bufferedMs: 1_000 });
  const byBytes = await lost({ bufferedBytesMax: 10_000 });
  byBytes.send(new Int16Array(5_000));
  t.throws(() => byBytes.send(new Int16Array(1)), { code: 'buffer_full' });
});

t.test('RS7: a session that is gone begins again with its settings, once', async (t) => {
  let isKnown = true;
  const { session, peers, events } = await open(t, (message, peer) => {
    if (message.type === 'start') peer.send(RESUMABLE);
    if (message.type === 'resume') {
      isKnown = false;
      peer.send({ type: 'error', code: 'resume_unknown', message: 'gone', retryable: false, fatal: true });
      peer.close(4404);
    }
    if (message.type === 'mark') peer.send({ type: 'mark', id: message.id, offset: 100 });
  });
  session.send(new Int16Array(100));
  session.configure({ language: 'de' });
  await session.mark();
  peers[0]?.terminate();
  await until(() => events.some(({ type }) => type === 'restarted'), 'a new session');
  await session.mark();
  t.notOk(isKnown);
  t.match(
    events.filter(({ type }) => ['ready', 'error', 'reconnecting', 'restarted'].includes(type)).map(({ type }) => type),
    ['ready', 'reconnecting', 'restarted'],
  );
  t.match(peers.at(-1)?.received, [{ type: 'start', language: 'de' }, { type: 'audio', offset: 0 }, { type: 'mark' }]);
});

t.test('RS8: a session that another socket took over is not fought for', async (t) => {
  const { session, peers } = await open(t, (message, peer) => {
    if (message.type === 'start') peer.send(RESUMABLE);
  });
  peers[0]?.close(4409, 'elsewhere');
  t.match(await session.closed, { error: { code: 'connection_lost', closeCode: 4409, retryable: false } });
});

t.test('HS11: a token goes with every connection, fetched anew each time', async (t) => {
  const offered: string[][] = [];
  let fetched = 0;
  const { session, peers, events } = await open(
    t,
    (message, peer) => {
      if (message.type === 'start') peer.send(RESUMABLE);
      if (message.type === 'resume') peer.send(RESUMED);
    },
    {
      token: async () => `token-${++fetched}`,
      webSocket: (url, protocols) => {
        offered.push([...protocols]);
        return new WebSocket(url, protocols);
      },
    },
  );
  peers[0]?.terminate();
  await until(() => events.some(({ type }) => type === 'resumed'), 'the way back');
  t.same(offered, [
    ['sotto.v1.msgpack', 'sotto.token.token-1'],
    ['sotto.v1.msgpack', 'sotto.token.token-2'],
  ]);
  t.equal(peers[1]?.subprotocol, 'sotto.v1.msgpack', 'it is never chosen');
  session.close();
});

t.test('HS11: no token, or one that cannot be sent, is told', async (t) => {
  const { url } = await startWireServer(t, () => undefined);
  t.throws(() => connect(url, { webSocket, token: 'two words' }), { name: 'TypeError', message: /letters, digits/ });
  const failing = connect(url, { webSocket, token: () => Promise.reject(new Error('no keys today')) });
  await t.rejects(failing.ready(), { name: 'ConnectError', message: /no keys today/ });
});

t.test('a network that dies without a word is noticed while an answer is due, and nothing of it is lost', async (t) => {
  const server = await startWireServer(t, (message, peer) => {
    if (message.type === 'start') peer.send(RESUMABLE);
    if (message.type === 'resume') peer.send(RESUMED);
    if (message.type === 'ping') peer.send({ type: 'pong' });
    if (message.type === 'mark') peer.send({ type: 'mark', id: message.id, offset: 0 });
  });
  const proxy = await ChaosProxy.start(t, Number(new URL(server.url).port), CALM);
  const clock = new ManualClock();
  const session = connect(proxy.url, { webSocket, reconnect: { ...FAST, clock }, silenceMsMax: 3_000 });
  t.teardown(() => session.close());
  const told: string[] = [];
  for (const type of ['reconnecting', 'resumed', 'pong'] as const) session.on(type, () => told.push(type));
  await session.ready();
  proxy.freezeAll();
  for (let second = 0; second < 20; second++) clock.advance(1_000);
  t.same(told, [], 'where nothing is due, silence says nothing');
  session.send(Int16Array.of(1, 2, 3));
  const marked = session.mark();
  for (let second = 0; second < 3; second++) clock.advance(1_000);
  t.same(told, ['reconnecting'], 'within the bound');
  clock.advance(FAST.delayMsMax);
  await marked;
  t.same(told, ['reconnecting', 'resumed']);
  t.match(
    server.peers[1]?.received.map(({ type }) => type),
    ['resume', 'audio', 'mark'],
  );
});

t.test('a server that is slow but answers pings is waited for', async (t) => {
  const clock = new ManualClock();
  const { session, peers, events } = await open(
    t,
    (message, peer) => {
      if (message.type === 'start') peer.send(RESUMABLE);
      if (message.type === 'ping') peer.send({ type: 'pong', ...(message.id === undefined ? {} : { id: message.id }) });
    },
    { reconnect: { ...FAST, clock }, silenceMsMax: 3_000 },
  );
  const marked = session.mark();
  const pings = () => peers[0]?.received.filter((it) => it.type === 'ping' && it.id === undefined).length ?? 0;
  for (let second = 0; second < 10; second++) {
    clock.advance(1_000);
    // A question of the caller's behind each of the client's own: when it is answered, so is that.
    if (second % 2 === 1) await session.ping();
  }
  t.ok(pings() >= 2, `${pings()} pings`);
  const asked = peers[0]?.received.find(({ type }) => type === 'mark');
  if (asked?.type === 'mark') peers[0]?.send({ type: 'mark', id: asked.id, offset: 0 });
  await marked;
  t.notOk(events.some(({ type }) => type === 'reconnecting'));
  t.equal(events.filter(({ type }) => type === 'pong').length, 5, 'answers to its own pings are not told');
});

t.test('a server that has no room says when to come back, and is left alone until then', async (t) => {
  const clock = new ManualClock();
  let refusals = 0;
  const { session, peers, events } = await open(
    t,
    (message, peer) => {
      if (message.type === 'start') peer.send(RESUMABLE);
      if (message.type === 'resume' && refusals++ === 0) {
        const error = { type: 'error', retryable: true, fatal: true, retryAfterMs: 7_000 } as const;
        peer.send({ ...error, code: 'overloaded', message: 'Later.' });
      } else if (message.type === 'resume') {
        peer.send(RESUMED);
      }
    },
    { reconnect: { ...FAST, clock } },
  );
  peers[0]?.terminate();
  await until(() => events.some(({ type }) => type === 'reconnecting'), 'lost');
  clock.advance(4);
  await until(() => events.filter(({ type }) => type === 'reconnecting').length === 2, 'refused');
  const { delayMs } = events.filter((event) => event.type === 'reconnecting')[1] ?? { delayMs: 0 };
  t.ok(delayMs >= 7_000 && delayMs <= 7_004, `${delayMs}`);
  clock.advance(6_999);
  t.equal(peers.length, 2, 'not yet');
  clock.advance(10);
  await until(() => events.some(({ type }) => type === 'resumed'), 'back');
  session.close();
});

t.test('a wait that is too long, and a quota that is used up, end the session with the time', async (t) => {
  const error = {
    type: 'error',
    code: 'quota_exceeded',
    retryable: true,
    fatal: true,
    retryAfterMs: 86_400_000,
  } as const;
  const refused = await open(t, (message, peer) => {
    if (message.type === 'start') peer.send(RESUMABLE);
    if (message.type === 'resume') peer.send({ ...error, message: 'Tomorrow.' });
  });
  refused.peers[0]?.terminate();
  t.match(await refused.session.closed, { error: { code: 'quota_exceeded', retryAfterMs: 86_400_000 } });
  const spent = await open(t, (message, peer) => {
    if (message.type === 'start') peer.send(RESUMABLE);
    if (message.type !== 'audio') return;
    peer.send({ ...error, message: 'Tomorrow.' });
    peer.close(4430);
  });
  spent.session.send(new Int16Array(160));
  t.match(await spent.session.closed, { error: { code: 'quota_exceeded', retryable: true, retryAfterMs: 86_400_000 } });
});
