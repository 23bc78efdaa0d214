// Every quota attacked through the sockets and addresses of a whole server: one client too many, and everybody else is
// served.
import { once } from 'node:events';
import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import type { Scope } from '../../../server/src/access/api-key.js';
import { KeyRing } from '../../../server/src/access/key-ring.js';
import type { Settings } from '../../../server/src/config/settings.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { testFolder } from '../../support/test-folder.js';
import { startWholeServer } from '../../support/whole-server.js';
import { wavFile } from '../../support/wav-file.js';
import { WireClient } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;
const NEAR = '192.0.2.1';
const FAR = '192.0.2.2';
const SECOND = new Uint8Array(32_000);

/** Somebody: from an address, behind a proxy that is trusted, with a key or a token, or with none. */
interface Who {
  readonly address: string;
  readonly key?: string | undefined;
}

function headersOf({ address, key }: Who): Record<string, string> {
  return { 'x-forwarded-for': address, ...(key !== undefined && { authorization: `Bearer ${key}` }) };
}

async function open(t: Test, settings: Partial<Settings>, keyCount = 0) {
  const dataDir = testFolder(t);
  const keys: string[] = [];
  if (keyCount > 0) {
    const store = await LmdbStore.open(dataDir);
    const ring = await KeyRing.open(store);
    const scopes: Scope[] = ['stream', 'files'];
    for (let made = 0; made < keyCount; made++) keys.push((await ring.create({ name: `${made}`, scopes })).text);
    await store.close();
  }
  const { url } = await startWholeServer(t, { dataDir, trustedProxies: '127.0.0.1', ...settings });
  const socket = async (who: Who, path: string, protocols: string[] = []): Promise<WebSocket> => {
    const it = new WebSocket(`${url.replace('http', 'ws')}${path}`, protocols, { headers: headersOf(who) });
    t.teardown(() => it.terminate());
    return it;
  };
  return {
    url,
    keys,
    socket,
    ask: (who: Who, path: string, init: RequestInit = {}): Promise<Response> =>
      fetch(`${url}${path}`, { ...init, headers: { ...headersOf(who), ...(init.headers as object) } }),
    stream: async (who: Who): Promise<WireClient> => {
      const it = await socket(who, '/v1/stream', ['sotto.v1.json']);
      const client = new WireClient(it, 'json');
      await once(it, 'open');
      return client;
    },
    /** Begins an upload that never ends; resolves when the server has it. */
    begin: async (who: Who, path: string, type = 'audio/wav', body = 'x'): Promise<void> => {
      const { hostname, port } = new URL(url);
      const it = connect(Number(port), hostname);
      t.teardown(() => it.destroy());
      it.on('error', () => {});
      const headers = Object.entries({ ...headersOf(who), host: 'localhost', 'content-type': type });
      const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
      it.write(`POST ${path} HTTP/1.1\r\n${lines}expect: 100-continue\r\ncontent-length: 1000000\r\n\r\n`);
      await once(it, 'data');
      it.write(body);
    },
  };
}

const wav = (seconds: number): Uint8Array =>
  wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, new Uint8Array(32_000 * seconds));

function form(seconds: number, fields: Readonly<Record<string, string>> = {}): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  data.append('file', new Blob([wav(seconds) as Uint8Array<ArrayBuffer>]), 'a.wav');
  return data;
}

/** Starts, sends seconds of audio, and asks for an echo behind each. */
function speak(client: WireClient, seconds: number): void {
  client.send(START);
  for (let second = 0; second < seconds; second++) {
    client.send({ type: 'audio', offset: second * 16_000, data: SECOND }, { type: 'mark', id: `${second}` });
  }
}

t.test('streams at a time: of a key, of an address', async (t) => {
  const { stream, keys } = await open(t, { streamsPerKeyMax: 1, streamsPerAddressMax: 2 }, 3);
  const [one, two, three] = keys;
  await stream({ address: NEAR, key: one });
  const again = await stream({ address: FAR, key: one });
  t.match(await again.next('error'), {
    code: 'quota_exceeded',
    message: /^This key .* 1 streams/,
    retryAfterMs: 5_000,
  });
  t.match(await again.closed, { code: 1013 });
  const last = await stream({ address: NEAR, key: two });
  t.match(await (await stream({ address: NEAR, key: three })).next('error'), { message: /^This address .* 2 streams/ });
  last.socket.close();
  await last.closed;
  await until(() => last.socket.readyState === WebSocket.CLOSED, 'closed');
  const free = await stream({ address: NEAR, key: three });
  free.send(START);
  await free.next('ready');
});

t.test('audio a day: of a key, of an address, of all; live', async (t) => {
  for (const [settings, whose] of [
    [{ audioMsPerDayPerKeyMax: 2_000 }, 'This key'],
    [{ audioMsPerDayPerAddressMax: 2_000 }, 'This address'],
    [{ audioMsPerDayMax: 2_000 }, 'All clients'],
  ] as const) {
    const { stream, keys } = await open(t, settings, 1);
    const who = { address: NEAR, key: keys[0] };
    const first = await stream(who);
    speak(first, 2);
    await first.next('mark', 1);
    const second = await stream(who);
    speak(second, 1);
    t.match(await second.next('error'), { code: 'quota_exceeded', fatal: true, message: new RegExp(`^${whose}`) });
    t.equal((await second.closed).code, 4430);
  }
});

t.test('bytes a second of a key and of an address, length of a session', async (t) => {
  for (const settings of [
    { streamBytesPerSecondPerKeyMax: 40_000 },
    { streamBytesPerSecondPerAddressMax: 40_000 },
    { sessionMsMax: 1 },
  ]) {
    const { stream, keys } = await open(t, settings, 1);
    const client = await stream({ address: NEAR, key: keys[0] });
    client.send(START);
    await client.next('ready');
    await until(() => performance.now() % 10 < 5, 'a millisecond has passed');
    speak(client, 3);
    t.match(await client.next('error', 1).catch(() => client.next('error')), { type: 'error' });
    t.equal((await client.closed).code, 4430, Object.keys(settings).join());
    t.ok(client.all('error').some(({ code }) => code === 'quota_exceeded'));
  }
});

t.test('recordings and jobs count as audio of a day', async (t) => {
  const { ask, stream, keys } = await open(t, { audioMsPerDayPerKeyMax: 5_000 }, 2);
  const [key, other] = keys;
  const who = { address: NEAR, key };
  const post = (path: string, seconds: number, from: Who = who): Promise<Response> =>
    ask(from, path, { method: 'POST', body: form(seconds, { model: 'whisper-1' }) });
  t.equal((await post('/transcribe_only', 2)).status, 200);
  t.equal((await post('/transcribe_only', 2)).status, 200, 'what was heard before costs nothing');
  const job = (await (await post('/v1/jobs', 3)).json()) as { id: string };
  const ended = async (id: string, from: Who): Promise<{ state: string }> => {
    for (;;) {
      const it = (await (await ask(from, `/v1/jobs/${id}`)).json()) as { state: string };
      if (it.state === 'done' || it.state === 'failed') return it;
    }
  };
  t.match(await ended(job.id, who), { state: 'done' });
  const refused = await post('/transcribe_only', 1);
  t.equal(refused.status, 429);
  t.ok(Number(refused.headers.get('retry-after')) > 80_000);
  t.match(await refused.json(), { error: { code: 'quota_exceeded', message: /5000 milliseconds of audio a day/ } });
  const openAi = await post('/v1/audio/transcriptions', 1);
  t.match([openAi.status, await openAi.json()], [429, { error: { type: 'rate_limit_error' } }]);
  const deepgram = await ask(who, '/v1/listen', {
    method: 'POST',
    body: wav(1) as Uint8Array<ArrayBuffer>,
    headers: { 'content-type': 'audio/wav' },
  });
  t.match([deepgram.status, await deepgram.json()], [429, { err_code: 'TOO_MANY_REQUESTS' }]);
  const late = (await (await post('/v1/jobs', 1)).json()) as { id: string };
  t.match(await ended(late.id, who), { state: 'failed', error: { code: 'quota_exceeded' } });
  const live = await stream(who);
  speak(live, 1);
  t.match(await live.next('error'), { code: 'quota_exceeded' });
  t.equal((await post('/transcribe_only', 4, { address: NEAR, key: other })).status, 200, 'others are served');
});

t.test('a token: its audio over all that it is used for, and no polish anywhere', async (t) => {
  const { ask, keys } = await open(t, { jobsMax: 1 }, 1);
  const minted = await ask({ address: NEAR, key: keys[0] }, '/v1/tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ scopes: ['stream', 'files'], audioMsMax: 2_000, polish: false }),
  });
  const { token } = (await minted.json()) as { token: string };
  const who = { address: NEAR, key: token };
  const json = (path: string, body: object): Promise<Response> =>
    ask(who, path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const refusal = { error: { code: 'forbidden', message: /does not allow polish/ } };
  for (const path of ['/v1/polish', '/optimize_only']) {
    const answer = await json(path, { text: 'so um' });
    t.match([answer.status, await answer.json()], [403, refusal], path);
  }
  const optimized = await ask(who, '/transcribe_and_optimize', { method: 'POST', body: form(1) });
  t.match([optimized.status, await optimized.json()], [403, refusal]);
  const polished = await ask(who, '/v1/jobs', { method: 'POST', body: form(1, { polish: 'standard' }) });
  t.match([polished.status, await polished.json()], [403, refusal]);
  t.equal((await ask(who, '/v1/jobs', { method: 'POST', body: form(1, { polish: 'off' }) })).status, 202);
  t.equal((await ask(who, '/transcribe_only', { method: 'POST', body: form(3) })).status, 429);
});

t.test('requests a minute: of a key, of an address', async (t) => {
  const { ask, keys } = await open(t, { requestsPerMinutePerKeyMax: 3, requestsPerMinutePerAddressMax: 5 }, 2);
  const [one, two] = keys;
  const statuses = async (who: Who, count: number): Promise<number[]> => {
    const all: number[] = [];
    for (let asked = 0; asked < count; asked++) all.push((await ask(who, '/health')).status);
    return all;
  };
  t.strictSame(await statuses({ address: NEAR, key: one }, 4), [200, 200, 200, 429]);
  t.strictSame(await statuses({ address: NEAR, key: two }, 3), [200, 200, 429], 'the address has had its five');
  t.strictSame(await statuses({ address: FAR, key: two }, 1), [200]);
  t.strictSame(await statuses({ address: NEAR }, 1), [429], 'without a key too');
});

t.test('uploads at a time: of a key, of an address, of all', async (t) => {
  for (const [settings, other] of [
    [{ uploadsPerKeyMax: 1 }, { address: FAR, key: 'other' }],
    [{ uploadsPerAddressMax: 1 }, { address: FAR, key: 'same' }],
    [{ uploadsMax: 1 }, undefined],
  ] as const) {
    const { ask, begin, keys } = await open(t, settings, 2);
    const who = { address: NEAR, key: keys[0] };
    await begin(who, '/transcribe_only');
    const upload = (from: Who): Promise<Response> => ask(from, '/transcribe_only', { method: 'POST', body: form(3) });
    const refused = await upload(who);
    t.match([refused.status, await refused.json()], [429, { error: { code: 'quota_exceeded' } }]);
    if (other === undefined) t.equal((await upload({ address: FAR, key: keys[1] })).status, 429);
    else t.equal((await upload({ address: other.address, key: keys[other.key === 'same' ? 0 : 1] })).status, 200);
  }
});

t.test('jobs that are not over: of a key, of an address; those whose recording still comes count', async (t) => {
  for (const settings of [{ jobsPerKeyMax: 1 }, { jobsPerAddressMax: 1 }]) {
    const { ask, begin, keys } = await open(t, settings, 2);
    const [one, two] = keys;
    const who = { address: NEAR, key: one };
    await begin(who, '/v1/jobs', 'multipart/form-data; boundary=x', '--x\r\n');
    const submit = (from: Who): Promise<Response> => ask(from, '/v1/jobs', { method: 'POST', body: form(1) });
    const refused = await submit(who);
    t.match([refused.status, await refused.json()], [503, { error: { code: 'jobs_full', message: /of this/ } }]);
    t.equal((await submit({ address: FAR, key: two })).status, 202);
  }
});

t.test('sessions that wait for their clients: of a key, of an address', async (t) => {
  for (const settings of [{ detachedSessionsPerKeyMax: 1 }, { detachedSessionsPerAddressMax: 1 }]) {
    const { url, ask, stream, keys } = await open(t, settings, 2);
    const [one, two] = keys;
    const vanish = async (who: Who): Promise<string> => {
      const client = await stream(who);
      client.send(START);
      const { resumeToken = '' } = await client.next('ready');
      client.socket.terminate();
      await client.closed;
      return resumeToken;
    };
    const resumed = async (who: Who, token: string): Promise<boolean> => {
      const client = await stream(who);
      client.send({ type: 'resume', token, events: 0 });
      await until(() => client.received.length > 0, 'an answer');
      return client.all('resumed').length > 0;
    };
    const mine = { address: NEAR, key: one };
    const others = { address: FAR, key: two };
    const tokens = [await vanish(others), await vanish(mine), await vanish(mine)] as const;
    // The server learns of each end by itself: the next request comes behind.
    for (let asked = 0; asked < 20; asked++) await ask(mine, '/health');
    t.strictSame(
      [await resumed(others, tokens[0]), await resumed(mine, tokens[1]), await resumed(mine, tokens[2])],
      [true, false, true],
      url,
    );
  }
});

/** What a socket is told until it is closed. */
async function told(socket: WebSocket): Promise<{ events: object[]; code: number }> {
  const events: object[] = [];
  socket.on('message', (data) => events.push(JSON.parse(String(data)) as object));
  const [code] = (await once(socket, 'close')) as [number];
  return { events, code };
}

t.test('clients of OpenAI and Deepgram are told in their own words', async (t) => {
  const { socket, keys } = await open(t, { streamsPerKeyMax: 1, audioMsPerDayPerKeyMax: 1_000 }, 2);
  const [one, two] = keys;
  const listen = '/v1/listen?encoding=linear16&sample_rate=16000';
  const realtime = '/v1/realtime?intent=transcription';
  const open1 = await socket({ address: NEAR, key: one }, realtime);
  await once(open1, 'open');
  const turned = await told(await socket({ address: NEAR, key: one }, realtime));
  t.match(turned, { events: [{ type: 'error', error: { type: 'rate_limit_error', code: 'insufficient_quota' } }] });
  t.equal(turned.code, 1013);
  const turnedToo = await told(await socket({ address: NEAR, key: one }, listen));
  t.match(turnedToo, { events: [{ type: 'Error', variant: 'TOO_MANY_REQUESTS', message: /1 streams/ }], code: 1008 });

  const ended = told(open1);
  const audio = Buffer.alloc(96_000).toString('base64');
  open1.send(JSON.stringify({ type: 'input_audio_buffer.append', audio }));
  const { events } = await ended;
  t.match(events.at(-1), { type: 'error', error: { code: 'insufficient_quota', message: /audio a day/ } });
  const deepgram = await socket({ address: NEAR, key: two }, listen);
  await once(deepgram, 'open');
  const over = told(deepgram);
  deepgram.send(Buffer.alloc(64_000));
  const { events: said, code } = await over;
  t.match(said, [{ type: 'Error', variant: 'TOO_MANY_REQUESTS', message: /audio a day/ }, { type: 'Metadata' }]);
  t.equal(code, 1008);
});
