// Watching a shared session: who may, what they see, what they may not do; on both transports, over both subprotocols.
import t, { type Test } from 'tap';
import type { Transport, TransportOptions } from '../../../server/src/transport/transport.js';
import { WATCHED_FINALS_MAX } from '../../../server/src/watch/share.js';
import { CAPTIONS_LINGER_MS } from '../../../server/src/watch/shares.js';
import { LIMITS, openSharedGateway, TRANSPORTS } from '../../support/shared-gateway.js';
import { connectWire, refusedUpgrade } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

for (const [name, create] of TRANSPORTS) {
  if (create === undefined) t.test(`watching on ${name}`, { skip: 'no binary for this Node' }, async () => {});
  else t.test(`watching on ${name}`, async (t) => watchSuite(t, create));
}

const types = (client: { received: { type: string }[] }): string[] => client.received.map(({ type }) => type);

function watchSuite(t: Test, create: (options: TransportOptions) => Transport): void {
  t.test('WA1: a session that asks for it gets a name and a secret, others get none', async (t) => {
    const server = await openSharedGateway(t, create);
    const [one, two] = [await server.speak(), await server.speak()];
    t.match(one.ready, { shareId: /^w_[\w-]{8}$/, watchToken: /^[\w-]{32}$/ });
    t.not(one.token, two.token);
    t.notOk(one.token.includes(one.ready.shareId?.slice(2) ?? ''), 'the name tells nothing of the secret');
    const unshared = await connectWire(t, `${server.url}/v1/stream`);
    unshared.send({ type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } });
    t.notOk('watchToken' in (await unshared.next('ready')));
  });

  t.test('WA1: a server that does not share says so', async (t) => {
    const server = await openSharedGateway(t, create, { sharing: { isEnabled: false } });
    const speaker = await connectWire(t, `${server.url}/v1/stream`);
    speaker.send({ type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 }, share: true });
    t.match(await speaker.next('error'), { code: 'unsupported_option', fatal: true });
    t.equal((await speaker.closed).code, 4400);
  });

  t.test('WA3, WA4: viewers see words and speech as the speaker does, and none of the rest', async (t) => {
    const server = await openSharedGateway(t, create);
    const { session, speaker, token, ready } = await server.speak();
    const viewers = [await server.watch(token), await server.watch(token, 'json')];
    for (const viewer of viewers) {
      t.strictSame(await viewer.next('watching'), {
        type: 'watching',
        version: 1,
        shareId: ready.shareId,
        finals: [],
        partials: [],
      });
    }
    session.sink.send({ type: 'ack', offset: 1_600, lagMs: 0 });
    session.sink.send({ type: 'speechStarted', segmentId: 0, startMs: 100 });
    session.partial(0, 1, 'hel');
    session.sink.send({ type: 'mark', id: 'private', offset: 5 });
    session.sink.send({ type: 'error', code: 'invalid_message', message: 'private', retryable: false, fatal: false });
    session.sink.send({ type: 'speechEnded', segmentId: 0, endMs: 900 });
    session.sink.send({ ...FINAL, finalizeId: 'private' });
    session.sink.send({ ...FAILED, segmentId: 1 });
    speaker.send({ type: 'stop' });
    for (const viewer of viewers) {
      t.equal((await viewer.closed).code, 1000);
      t.strictSame(types(viewer), ['watching', 'speechStarted', 'partial', 'speechEnded', 'final', 'error', 'ended']);
      t.strictSame(viewer.all('final'), [FINAL]);
      t.match(viewer.all('error'), [{ code: 'recognition_failed', segmentId: 1 }]);
      t.notMatch(JSON.stringify(viewer.received), 'private');
      t.notMatch(JSON.stringify(viewer.received), token);
    }
    t.match(types(speaker), ['ready', 'ack', 'speechStarted', 'partial', 'mark', 'error', 'speechEnded', 'final']);
  });

  t.test('WA3: a late viewer gets the current lines at once, and then what follows', async (t) => {
    const server = await openSharedGateway(t, create);
    const { session, token } = await server.speak();
    for (let id = 0; id < WATCHED_FINALS_MAX + 5; id++) session.final(id, id % 4 === 3 ? '' : `line ${id}`);
    session.partial(20, 1, 'old');
    session.partial(20, 2, 'now');
    session.partial(21, 1, 'next');
    session.sink.send({ ...FAILED, segmentId: 21 });
    const late = await server.watch(token, 'json');
    const { finals, partials } = await late.next('watching');
    t.equal(finals.length, WATCHED_FINALS_MAX);
    t.equal(finals.at(-1)?.text, 'line 14');
    t.ok(finals.every(({ text }) => text !== ''));
    t.match(partials, [{ segmentId: 20, revision: 2, tentative: 'now' }]);
    t.equal(partials.length, 1);
    session.final(20, 'now it is said');
    t.match(await late.next('final'), { text: 'now it is said' });
    const later = await server.watch(token);
    t.match(await later.next('watching'), { partials: [] });
  });

  t.test('WA2: a wrong token, one that is over, none at all', async (t) => {
    const server = await openSharedGateway(t, create);
    const { speaker, token } = await server.speak();
    speaker.send({ type: 'stop' });
    await speaker.closed;
    for (const wrong of ['', 'nonsense', token, `${token}x`, '../../etc', '%00']) {
      const viewer = await server.watch(wrong, 'json');
      t.match(await viewer.next('error'), { code: 'share_unknown', fatal: true, retryable: false });
      t.equal((await viewer.closed).code, 4410);
      t.strictSame(types(viewer), ['error']);
    }
    t.equal(await refusedUpgrade(`${server.url}/v1/watch?token=${token}`, ['graphql']), 400);
    t.equal((await fetch(`${server.http}/v1/watch?token=${token}`)).status, 426);
    await until(() => server.gateway.status().connections === 0, 'no socket left');
  });

  t.test('WA5: a viewer may ping, and nothing else', async (t) => {
    const server = await openSharedGateway(t, create);
    const { session, token } = await server.speak();
    const polite = await server.watch(token);
    polite.send({ type: 'ping', id: 'p' });
    t.strictSame(await polite.next('pong'), { type: 'pong', id: 'p' });
    const audio = { type: 'audio', offset: 0, data: new Uint8Array(640) } as const;
    const start = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;
    for (const encoding of ['msgpack', 'json'] as const) {
      for (const message of [audio, start, { type: 'stop' }, { type: 'mark', id: 'm' }] as const) {
        const rude = await server.watch(token, encoding);
        rude.send(message);
        t.match(await rude.next('error'), { code: 'read_only', fatal: true });
        t.equal((await rude.closed).code, 4400);
      }
    }
    const garbled = await server.watch(token);
    garbled.raw(Buffer.from([0xc1]));
    t.match(await garbled.next('error'), { code: 'malformed_message' });
    t.equal((await garbled.closed).code, 4400);
    const flooding = await server.watch(token);
    for (let i = 0; i < 100; i++) flooding.send({ type: 'ping' });
    t.equal((await flooding.closed).code, 4429);
    t.strictSame(
      session.received.map(({ type }) => type),
      ['start'],
      'the session hears of none of it',
    );
    session.partial(0, 1, 'still here');
    t.match(await polite.next('partial'), { tentative: 'still here' });
  });

  t.test('WA6: beyond the bound viewers are refused, and a place that is free is given again', async (t) => {
    const server = await openSharedGateway(t, create, { sharing: { viewersMax: 2 } });
    const { token } = await server.speak();
    const [first] = [await server.watch(token), await server.watch(token)];
    const third = await server.watch(token);
    t.match(await third.next('error'), { code: 'overloaded', retryable: true, fatal: true });
    t.equal((await third.closed).code, 1013);
    first?.socket.close();
    await until(() => server.gateway.status().connections === 2, 'a free place');
    await (await server.watch(token)).next('watching');
  });

  t.test('WA7: a slow reader skips partials, gets every final in order, and slows nobody', async (t) => {
    const patient = { outboxStallMs: 3_600_000, pingIntervalMs: 3_600_000, idleTimeoutMs: 3_600_000 };
    const server = await openSharedGateway(t, create, { limits: patient });
    const { session, speaker, token } = await server.speak();
    const slow = await server.watch(token);
    const quick = await server.watch(token);
    await slow.next('watching');
    slow.socket.pause();
    let id = 0;
    // The kernel takes some megabytes before anything waits in the process.
    for (; id < 2_000 && server.metric('sotto_messages_coalesced_total') === 0; id++) {
      session.partial(id, 1, TEXT);
      session.partial(id, 2, TEXT);
      session.final(id, `${id} ${TEXT}`);
      // A few at a time: a look at what has come takes longer than all of them.
      if (id % 8 !== 7) continue;
      await quick.next('final', id);
      server.clock.advance(1_000);
    }
    const finals = id;
    for (let i = 0; i < 200; i++) session.partial(id, i, `tentative ${i}`);
    session.sink.send({ type: 'speechEnded', segmentId: id, endMs: 5 });
    await quick.next('speechEnded');
    await speaker.next('speechEnded');
    t.equal(quick.all('final').length, finals);
    slow.socket.resume();
    await slow.next('speechEnded');
    t.strictSame(
      slow.all('final').map(({ segmentId }) => segmentId),
      Array.from({ length: finals }, (_, i) => i),
      `all ${finals} finals, in order`,
    );
    t.ok(slow.all('partial').length < quick.all('partial').length, 'partials were left out');
    t.equal(slow.all('partial').at(-1)?.tentative, 'tentative 199', 'the last one is there');
    session.final(id, 'and it goes on');
    t.match(await slow.next('final', finals), { text: 'and it goes on' });
    t.equal(slow.received.length, new Set(slow.received.map((m) => JSON.stringify(m))).size, 'nothing comes twice');
  });

  t.test('WA7: a viewer that never reads is closed', async (t) => {
    const limits = { idleTimeoutMs: 3_600_000, pingIntervalMs: 3_600_000 };
    const server = await openSharedGateway(t, create, { limits });
    const { session, speaker, token } = await server.speak();
    const dead = await server.watch(token);
    await dead.next('watching');
    dead.socket.pause();
    let id = 0;
    while (server.gateway.status().connections === 2 && id < 20_000) {
      for (let i = 0; i < 50; i++) session.final(id++, TEXT);
      server.clock.advance(1_000);
      await speaker.next('final', id - 1);
    }
    t.match(await closeCodes(server.http), /code="4413"\} 1|code="1006"\} 1/);
    t.equal(server.gateway.status().connections, 1);
  });

  t.test('WA5, CL3: one that only listens is not idle, one that vanished without a word is dropped', async (t) => {
    const server = await openSharedGateway(t, create);
    const { token, speaker } = await server.speak();
    const viewer = await server.watch(token);
    await viewer.next('watching');
    for (let passed = 0; passed < 2 * LIMITS.idleTimeoutMs; passed += LIMITS.pingIntervalMs) {
      speaker.send({ type: 'ping' });
      const speakerPings = speaker.pings;
      await viewer.pingedBy(() => server.clock.advance(LIMITS.pingIntervalMs));
      await until(() => speaker.pings > speakerPings, 'a ping of the speaker');
    }
    t.equal(server.gateway.status().connections, 2);
    viewer.socket.pause();
    for (let ping = 0; ping < LIMITS.missedPingsMax + 2; ping++) {
      speaker.send({ type: 'ping' });
      await speaker.pingedBy(() => server.clock.advance(LIMITS.pingIntervalMs));
    }
    await until(() => server.gateway.status().connections === 1, 'the silent viewer is gone');
  });

  t.test('WA8: the end: stopped, lost, drained', async (t) => {
    const server = await openSharedGateway(t, create);
    const stopped = await server.speak();
    const lost = await server.speak();
    const drained = await server.speak();
    const watching = await Promise.all([stopped, lost, drained].map(({ token }) => server.watch(token)));
    await Promise.all(watching.map((viewer) => viewer.next('watching')));
    stopped.speaker.send({ type: 'stop' });
    t.equal((await watching[0]?.closed)?.code, 1000);
    lost.speaker.socket.terminate();
    t.equal((await watching[1]?.closed)?.code, 1000);
    await server.gateway.drain();
    t.equal((await watching[2]?.closed)?.code, 1001);
    t.strictSame(
      watching.map((viewer) => viewer.received.at(-1)),
      ['stop', 'lost', 'drain'].map((reason) => ({ type: 'ended', reason })),
    );
  });

  t.test('WA8, RS1: viewers stay while the speaker finds a way back, and hear on', async (t) => {
    const server = await openSharedGateway(t, create, { limits: { resumeGraceMs: 30_000 } });
    const { session, speaker, ready, token } = await server.speak();
    const viewer = await server.watch(token);
    await viewer.next('watching');
    speaker.socket.terminate();
    await until(() => server.gateway.status().connections === 1, 'the speaker is gone');
    session.partial(0, 1, 'meanwhile');
    t.match(await viewer.next('partial'), { tentative: 'meanwhile' });
    const again = await connectWire(t, `${server.url}/v1/stream`);
    again.send({ type: 'resume', token: ready.resumeToken ?? '', events: 0 });
    await again.next('resumed');
    session.final(0, 'Meanwhile it was said.');
    t.match(await viewer.next('final'), { text: 'Meanwhile it was said.' });
    again.send({ type: 'stop' });
    t.match(await viewer.next('ended'), { reason: 'stop' });
  });

  t.test('WA9, WA10: captions over plain HTTP, for players of any origin', async (t) => {
    const server = await openSharedGateway(t, create);
    const { session, speaker, token } = await server.speak();
    const base = `${server.http}/v1/watch/${token}`;
    const text = async (path: string) => (await fetch(base + path)).text();
    t.match(await text('/captions.vtt'), /^WEBVTT\n$/);
    t.notMatch(await text('/captions.m3u8'), 'EXTINF');
    session.sink.send({ type: 'speechStarted', segmentId: 0, startMs: 3_000 });
    session.sink.send({ type: 'ack', offset: 16_000 * 9, lagMs: 0 });
    t.notMatch(await text('/captions.m3u8'), 'segments/', 'a segment whose words are not final is not listed');
    session.sink.send({ ...FINAL, text: 'Ask <not> & see.', startMs: 3_000, endMs: 5_500 });

    const playlist = await fetch(`${base}/captions.m3u8?mpegts=900000`);
    t.equal(playlist.headers.get('content-type'), 'application/vnd.apple.mpegurl');
    t.equal(playlist.headers.get('access-control-allow-origin'), '*');
    const body = await playlist.text();
    t.match(body, /^#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:0\n/);
    t.match(body, /#EXT-X-PROGRAM-DATE-TIME:\d{4}-\d\d-\d\dT/);
    t.strictSame(body.match(/^segments.*$/gm), ['segments/0.vtt?mpegts=900000', 'segments/1.vtt?mpegts=900000']);

    const segment = await fetch(`${base}/segments/1.vtt?mpegts=900000`);
    t.equal(segment.headers.get('content-type'), 'text/vtt; charset=utf-8');
    t.equal(segment.headers.get('access-control-allow-origin'), '*');
    t.equal(
      await segment.text(),
      'WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n00:00:03.000 --> 00:00:05.500\nAsk &lt;not&gt; &amp; see.\n',
    );
    t.equal(await text('/segments/0.vtt?mpegts=900000'), await text('/segments/1.vtt?mpegts=900000'), 'it spans both');
    t.match(await text('/captions.vtt'), '00:00:03.000 --> 00:00:05.500\nAsk &lt;not&gt; &amp; see.\n');

    for (const path of [
      '/segments/2.vtt',
      '/segments/99999.vtt',
      '/segments/-1.vtt',
      '/captions.txt',
      '/x/../captions',
    ]) {
      t.equal((await fetch(base + path)).status, 404, path);
    }
    t.equal((await fetch(`${base}/captions.m3u8?mpegts=x`)).status, 400);
    const wrong = await fetch(`${server.http}/v1/watch/${'x'.repeat(32)}/captions.vtt`);
    t.equal(wrong.status, 404);
    t.equal(wrong.headers.get('access-control-allow-origin'), '*');

    speaker.send({ type: 'stop' });
    await speaker.closed;
    t.match(await text('/captions.m3u8'), /segments\/2\.vtt\n#EXT-X-ENDLIST\n$/, 'the end is told');
    server.clock.advance(CAPTIONS_LINGER_MS + 2_000);
    t.equal((await fetch(`${base}/captions.m3u8`)).status, 404, 'and then forgotten');
  });
}

const TEXT = 'x'.repeat(6_000);
const FINAL = {
  type: 'final',
  segmentId: 0,
  reason: 'endpoint',
  text: 'hello',
  startMs: 100,
  endMs: 900,
  language: 'en',
  avgLogprob: -0.5,
  noSpeechProb: 0.25,
} as const;
const FAILED = {
  type: 'error',
  code: 'recognition_failed',
  message: 'It failed.',
  retryable: true,
  fatal: false,
} as const;

async function closeCodes(http: string): Promise<string> {
  return (
    (await (await fetch(`${http}/metrics`)).text()).match(/^sotto_connections_closed_total.*$/gm)?.join('\n') ?? ''
  );
}
