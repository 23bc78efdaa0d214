// Every quota attacked: by one key, by one address, and by all together; and who gives way to whom.
import { CLOSE } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { ClientAddresses } from '../../../server/src/access/client-address.js';
import { ANYBODY, type Client, type Principal } from '../../../server/src/access/principal.js';
import { Admission, type AdmissionSettings } from '../../../server/src/admission/admission.js';
import { admitRequest } from '../../../server/src/admission/admit-request.js';
import { BoundedSession } from '../../../server/src/admission/bounded-session.js';
import { DecodeQueue, type QueuedDecode } from '../../../server/src/asr/scheduling/decode-queue.js';
import { createGatewayMetrics } from '../../../server/src/metrics/gateway-metrics.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';
import type { HttpRequest } from '../../../server/src/http/exchange.js';
import { SessionRegistry } from '../../../server/src/gateway/resume/session-registry.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedSession } from '../../support/scripted-session.js';

const NONE: AdmissionSettings = {
  streamsPerKeyMax: 0,
  streamsPerAddressMax: 0,
  audioMsPerDayPerKeyMax: 0,
  audioMsPerDayPerAddressMax: 0,
  audioMsPerDayMax: 0,
  streamBytesPerSecondPerKeyMax: 0,
  streamBytesPerSecondPerAddressMax: 0,
  requestsPerMinutePerKeyMax: 0,
  requestsPerMinutePerAddressMax: 0,
  uploadsPerKeyMax: 0,
  uploadsPerAddressMax: 0,
  uploadsMax: 0,
  sessionMsMax: 0,
};
const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;

function key(keyId: string, facts: Partial<Principal> = {}): Principal {
  return { ...ANYBODY, keyId, ...facts };
}

function from(address: string, principal: Principal = ANYBODY): Client {
  return { principal, address };
}

function open(settings: Partial<AdmissionSettings>) {
  const clock = new ManualClock();
  return { clock, admission: new Admission({ ...NONE, ...settings }, clock.now) };
}

t.test('streams at a time: of a key, of an address, given back once', async (t) => {
  const { admission } = open({ streamsPerKeyMax: 2, streamsPerAddressMax: 3 });
  const { streams } = admission;
  const release = streams.take(from('192.0.2.1', key('a')));
  streams.take(from('192.0.2.1', key('a')));
  t.throws(() => streams.take(from('192.0.2.9', key('a'))), {
    code: 'quota_exceeded',
    message: /This key.* 2 streams/,
  });
  streams.take(from('192.0.2.1', key('b')));
  t.throws(() => streams.take(from('192.0.2.1')), { message: /This address.* 3 streams/ });
  release();
  release();
  streams.take(from('192.0.2.1'));
  t.throws(() => streams.take(from('192.0.2.1')), { code: 'quota_exceeded' }, 'what is given back twice counts once');
  for (let count = 0; count < 10; count++) streams.take(from('127.0.0.1'));
  t.pass('this machine has no address of its own');
});

function request(headers: Record<string, string>, method = 'POST'): HttpRequest {
  return { method, header: (name: string) => headers[name] ?? '' } as HttpRequest;
}

t.test('uploads at a time, requests a minute', async (t) => {
  const { admission, clock } = open({ uploadsMax: 2, uploadsPerAddressMax: 1, requestsPerMinutePerKeyMax: 3 });
  const upload = request({ 'content-length': '1000000' });
  const done = admitRequest(admission, from('192.0.2.1'), upload);
  t.throws(() => admitRequest(admission, from('192.0.2.1'), upload), { status: 429, code: 'quota_exceeded' });
  admitRequest(admission, from('192.0.2.2'), request({ 'transfer-encoding': 'chunked' }));
  t.throws(() => admitRequest(admission, from('192.0.2.3'), upload), { message: /All clients/ });
  admitRequest(admission, from('192.0.2.3'), request({ 'content-length': '10' }));
  done();
  admitRequest(admission, from('192.0.2.3'), upload);
  const client = from('', key('a'));
  for (let count = 0; count < 3; count++) admitRequest(admission, client, request({}, 'GET'));
  t.throws(() => admitRequest(admission, client, request({}, 'GET')), { code: 'quota_exceeded' });
  clock.advance(60_000);
  admitRequest(admission, client, request({}, 'GET'));
});

/** A session of a client, and what it was told. */
function session(admission: Admission, client: Client) {
  const told: object[] = [];
  let inner: ScriptedSession | undefined;
  const bounded = new BoundedSession(
    (sink) => (inner = new ScriptedSession('s', sink)),
    { send: (message) => told.push(message), end: (reason) => told.push(reason) },
    client,
    admission,
  );
  let at = 0;
  const second = (): void => {
    bounded.receive({ type: 'audio', offset: at, data: new Uint8Array(32_000) });
    at += 16_000;
  };
  return { bounded, second, last: () => told.slice(-2), told, inner: () => inner };
}

t.test('audio a day: of a key over all its sessions, and again the next day', async (t) => {
  const { admission, clock } = open({ audioMsPerDayPerKeyMax: 3_000 });
  const [one, two] = [session(admission, from('', key('a'))), session(admission, from('', key('a')))];
  for (const { bounded } of [one, two]) bounded.receive(START);
  one.second();
  two.second();
  one.second();
  // A repeat is not spent again.
  one.bounded.receive({ type: 'audio', offset: 16_000, data: new Uint8Array(32_000) });
  t.notMatch(one.told, [{ type: 'error' }]);
  two.second();
  t.match(two.last(), [{ code: 'quota_exceeded', retryable: true, retryAfterMs: 86_400_000 }, CLOSE.quotaExceeded]);
  t.equal(two.inner()?.abandoned, 1);
  two.second();
  t.equal(two.inner()?.received.filter(({ type }) => type === 'audio').length, 2, 'nothing more is taken');
  const others = session(admission, from('', key('b')));
  others.bounded.receive(START);
  others.second();
  t.notMatch(others.last(), [{ type: 'error' }]);
  clock.advance(86_400_000);
  one.second();
  t.notMatch(one.last(), [{ type: 'error' }]);
});

t.test('audio, bytes a second and length of one session; audio of an address and of all', async (t) => {
  for (const [bounds, client, most] of [
    [{ streamBytesPerSecondPerAddressMax: 64_000 }, from('192.0.2.1'), 2],
    [{ streamBytesPerSecondPerKeyMax: 32_000 }, from('', key('a')), 1],
    [{ audioMsPerDayPerAddressMax: 2_000 }, from('192.0.2.1'), 2],
    [{ audioMsPerDayMax: 1_000 }, from('127.0.0.1'), 1],
  ] as const) {
    const it = session(open(bounds).admission, client);
    it.bounded.receive(START);
    for (let count = 0; count < most; count++) it.second();
    t.notMatch(it.told.at(-1), { code: 'quota_exceeded' });
    it.second();
    t.match(it.last(), [{ code: 'quota_exceeded', fatal: true }, CLOSE.quotaExceeded], Object.keys(bounds).join());
  }
  const { admission, clock } = open({ sessionMsMax: 60_000 });
  const long = session(admission, from('127.0.0.1'));
  long.bounded.receive(START);
  clock.advance(60_000);
  long.second();
  t.equal(long.told.length, 1);
  clock.advance(1);
  long.second();
  t.match(long.last(), [{ code: 'quota_exceeded' }, CLOSE.quotaExceeded]);
});

t.test('what a token does not allow', async (t) => {
  const token = { id: 't', expiresAt: 0, audioMsMax: 1_500, polish: false };
  const client = from('', key('a', { token, scopes: new Set(['stream']), isLasting: false }));
  const { admission } = open({});
  const polished = session(admission, client);
  polished.bounded.receive({ ...START, polish: { mode: 'standard' } });
  t.match(polished.last(), [{ code: 'forbidden', message: /polish/ }, CLOSE.forbidden]);
  const shared = session(admission, client);
  shared.bounded.receive({ ...START, share: true });
  t.match(shared.last(), [{ code: 'forbidden', message: /"watch"/ }, CLOSE.forbidden]);
  const [one, two] = [session(admission, client), session(admission, client)];
  for (const it of [one, two]) {
    it.bounded.receive(START);
    it.second();
  }
  t.match(two.last(), [{ code: 'quota_exceeded', message: /1500 milliseconds of audio of its token/ }, {}]);
});

/** Sessions that vanish, and those that are left. */
function registry(limits: Partial<ConstructorParameters<typeof SessionRegistry>[0]['limits']>) {
  const metrics = createGatewayMetrics(new MetricsRegistry(), { connections: () => 0, detached: () => 0 });
  const sessions = new SessionRegistry({
    limits: { resumeGraceMs: 30_000, detachedSessionsMax: 1_000, resumeBytesMax: 4_096, ...limits },
    clock: new ManualClock(),
    metrics,
  });
  const vanish = (client: Client, withAudio: boolean): ScriptedSession => {
    const owner = { send: () => undefined, end: () => undefined, takenOver: () => undefined };
    let inner: ScriptedSession | undefined;
    const session = sessions.open((sink) => (inner = new ScriptedSession('s', sink)), owner, client);
    session.receive(START);
    if (withAudio) session.receive({ type: 'audio', offset: 0, data: new Uint8Array(3_200) });
    sessions.release(session, owner, true);
    return inner as unknown as ScriptedSession;
  };
  return { sessions, vanish };
}

t.test('1,100 sessions that vanish do not push out one that waits', async (t) => {
  for (const withAudio of [false, true]) {
    const { sessions, vanish } = registry({});
    const honest = vanish(from('192.0.2.1'), true);
    for (let count = 0; count < 1_100; count++) vanish(from('192.0.2.66'), withAudio);
    t.equal(sessions.waiting, 1_000);
    t.equal(honest.abandoned, 0, withAudio ? 'of the address that has most' : 'those without audio go first');
  }
  const { sessions, vanish } = registry({ detachedSessionsPerAddressMax: 10, detachedSessionsPerKeyMax: 5 });
  for (let count = 0; count < 20; count++) vanish(from('192.0.2.66'), true);
  t.equal(sessions.waiting, 10);
  for (let count = 0; count < 20; count++) vanish(from(`192.0.2.${count}`, key('a')), true);
  t.equal(sessions.waiting, 15);
});

t.test('streams whose client is gone give way', async (t) => {
  const queue = new DecodeQueue<QueuedDecode & { name: string }>();
  let isThere = false;
  const add = (name: string, kind: QueuedDecode['kind'], deadline: number, isAttended?: () => boolean) =>
    queue.add({ name, kind, deadline, isAttended, segment: {}, bucket: 1, alone: false });
  add('gone final', 'final', 1, () => false);
  add('away final', 'final', 2, () => isThere);
  add('partial', 'partial', 3);
  add('final', 'final', 9);
  t.equal(queue.nextFinal, 9);
  isThere = true;
  t.equal(queue.nextFinal, 2);
  const names = queue.take({ live: 10, file: 10 }).map(({ name }) => name);
  t.strictSame(names, ['away final', 'final', 'partial', 'gone final']);
});

t.test('the address behind proxies that are trusted, and no others', async (t: Test) => {
  const addresses = new ClientAddresses(['127.0.0.1', '10.0.0.0/8']);
  const of = (remoteAddress: string, forwarded = ''): string =>
    addresses.of({ remoteAddress, header: (name) => (name === 'x-forwarded-for' ? forwarded : '') });
  t.equal(of('127.0.0.1', '192.0.2.7'), '192.0.2.7');
  t.equal(
    of('127.0.0.1', '1.1.1.1, 192.0.2.7, 10.1.2.3'),
    '192.0.2.7',
    'what the client wrote in front is not believed',
  );
  t.equal(of('192.0.2.7', '1.1.1.1'), '192.0.2.7');
  t.equal(of('127.0.0.1', 'nonsense'), '127.0.0.1');
  t.equal(of('::ffff:192.0.2.7'), '192.0.2.7');
  t.equal(of('0000:0000:0000:0000:0000:0000:0000:0001'), '::1');
  t.equal(of('2001:db8::1'), of('2001:db8::2'), 'IPv6 clients own whole networks');
  t.throws(() => new ClientAddresses(['proxy']), { code: 'invalid_proxy_list', message: /"proxy"/ });
});
