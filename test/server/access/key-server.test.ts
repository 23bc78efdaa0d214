// A whole server with keys: every address, sockets of all wire formats, owners, and the command that makes keys beside
// it.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import t, { type Test } from 'tap';
import { KeyRing } from '../../../server/src/access/key-ring.js';
import type { Scope } from '../../../server/src/access/api-key.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { damagePages } from '../../support/damage.js';
import { runSotto } from '../../support/run-command.js';
import { testFolder } from '../../support/test-folder.js';
import { startWholeServer } from '../../support/whole-server.js';
import { connectWire } from '../../support/wire-client.js';

const AUDIO = { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } as const;

/** Makes keys before the server starts. */
async function open(t: Test, ...scopes: Scope[][]) {
  const dataDir = testFolder(t);
  const store = await LmdbStore.open(dataDir);
  const ring = await KeyRing.open(store);
  const keys: string[] = [];
  for (const wanted of scopes) keys.push((await ring.create({ name: wanted.join(), scopes: wanted })).text);
  await store.close();
  const server = await startWholeServer(t, { dataDir });
  const { url } = server;
  const ask = (key: string | undefined, path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}${path}`, {
      ...init,
      headers: { ...(key !== undefined && { authorization: `Bearer ${key}` }), ...(init.headers as object) },
    });
  const post = (key: string | undefined, path: string, body: object): Promise<Response> =>
    ask(key, path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
  return { dataDir, server, url, keys, ask, post };
}

/** Open without a key: what says that the server is there, its pages and documents, and what has secrets of its own. */
const PUBLIC = [/^GET \/(health|ready|docs|openapi\.json)$/];

t.test('every address but a few wants a key', async (t) => {
  const { url, ask } = await open(t, ['admin']);
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, object> };
  for (const [path, methods] of Object.entries(paths)) {
    for (const method of Object.keys(methods).map((it) => it.toUpperCase())) {
      const name = `${method} ${path}`;
      if (PUBLIC.some((pattern) => pattern.test(name))) continue;
      const response = await ask(undefined, path.replaceAll(/\{[^}]+\}/g, 'j_1'), { method });
      t.equal(response.status, 401, name);
    }
  }
});

t.test('refusals in the words of each interface', async (t) => {
  const { ask, keys } = await open(t, ['stream']);
  const [key] = keys;
  const missing = await ask(undefined, '/v1/transcripts');
  t.equal(missing.headers.get('www-authenticate'), 'Bearer realm="sotto"');
  t.match(await missing.json(), { error: { code: 'unauthorized', message: /sotto keys create/ } });
  t.match(await (await ask('nothing', '/v1/transcripts')).json(), {
    error: { code: 'unauthorized', message: /wrong/ },
  });
  const forbidden = await ask(key, '/v1/transcripts');
  t.match([forbidden.status, await forbidden.json()], [403, { error: { code: 'forbidden', message: /"files"/ } }]);
  t.match(await (await ask(undefined, '/v1/models')).json(), {
    error: { type: 'invalid_request_error', code: 'invalid_api_key' },
  });
  const openAi = await ask(key, '/v1/audio/transcriptions', { method: 'POST' });
  t.match([openAi.status, await openAi.json()], [403, { error: { code: 'insufficient_permissions' } }]);
  const deepgram = await ask(undefined, '/v1/listen', { method: 'POST' });
  t.match([deepgram.status, await deepgram.json()], [401, { err_code: 'INVALID_AUTH' }]);
  t.match(await (await ask(key, '/v1/listen', { method: 'POST' })).json(), { err_code: 'INSUFFICIENT_PERMISSIONS' });
});

t.test('HS13: a stream without a key is told why and closed', async (t) => {
  const { url, keys } = await open(t, ['stream'], ['files']);
  const [streaming = '', other = ''] = keys;
  const stream = `${url.replace('http', 'ws')}/v1/stream`;
  const nobody = await connectWire(t, stream, 'json');
  t.match(await nobody.next('error'), { code: 'unauthorized', fatal: true, retryable: false });
  t.equal((await nobody.closed).code, 4401);
  const wrong = await connectWire(t, stream, 'json', ['sotto.v1.json', `sotto.token.${other}`]);
  t.match(await wrong.next('error'), { code: 'forbidden', fatal: true });
  t.equal((await wrong.closed).code, 4403);
  const good = await connectWire(t, stream, 'msgpack', ['sotto.v1.msgpack', `sotto.token.${streaming}`]);
  good.send({ type: 'start', audio: AUDIO });
  t.match(await good.next('ready'), { sessionId: String });
  const socket = new WebSocket(stream, ['sotto.v1.json', `sotto.token.${streaming}`]);
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  t.equal(socket.protocol, 'sotto.v1.json', 'HS11: the key is never chosen');
});

t.test('a browser gets a token, whose session is that of its key', async (t) => {
  const { url, keys, ask, post } = await open(t, ['stream', 'files'], ['stream', 'files'], ['admin']);
  const [mine = '', others = '', admin = ''] = keys;
  t.match(await (await post(mine, '/v1/tokens', { ttlMs: 5 })).json(), { error: { message: /^ttlMs: at least 1000/ } });
  t.match((await post(mine, '/v1/tokens', { scopes: ['admin'] })).status, 403);
  const made = await post(mine, '/v1/tokens', { ttlMs: 60_000 });
  t.equal(made.status, 201);
  const { token, expiresAt } = (await made.json()) as { token: string; expiresAt: string };
  t.ok(Date.parse(expiresAt) > Date.now());
  t.equal((await post(token, '/v1/tokens', {})).status, 403, 'a token gives out no tokens');
  const stream = `${url.replace('http', 'ws')}/v1/stream?token=${token}`;
  const client = await connectWire(t, stream, 'json');
  client.send({ type: 'start', audio: AUDIO });
  const { sessionId, resumeToken = '' } = await client.next('ready');
  client.socket.terminate();

  const thief = await connectWire(t, `${url.replace('http', 'ws')}/v1/stream`, 'json', [
    'sotto.v1.json',
    `sotto.token.${others}`,
  ]);
  thief.send({ type: 'resume', token: resumeToken, events: 0 });
  t.match(await thief.next('error'), { code: 'resume_unknown' }, 'the session of another key is not resumed');
  const back = await connectWire(t, stream, 'json');
  back.send({ type: 'resume', token: resumeToken, events: 0 });
  await back.next('resumed');
  back.send({ type: 'stop' });
  await back.closed;

  const path = `/v1/transcripts/${sessionId}`;
  t.equal((await ask(token, path)).status, 403, 'the token is for streams only');
  t.equal((await ask(others, path)).status, 404);
  t.equal((await ask(others, path, { method: 'DELETE' })).status, 404);
  t.equal((await ask(mine, path)).status, 200);
  t.equal((await ask(admin, path)).status, 200);
  const listed = async (key: string) =>
    ((await (await ask(key, '/v1/transcripts')).json()) as { transcripts: object[] }).transcripts.length;
  t.strictSame([await listed(mine), await listed(others), await listed(admin)], [1, 0, 1]);
});

t.test('a job is its key’s', async (t) => {
  const { keys, ask } = await open(t, ['files'], ['files']);
  const [mine, others] = keys;
  const form = new FormData();
  form.set('file', new Blob([new Uint8Array(100)]), 'talk.wav');
  const { id } = (await (await ask(mine, '/v1/jobs', { method: 'POST', body: form })).json()) as { id: string };
  t.equal((await ask(mine, `/v1/jobs/${id}`)).status, 200);
  for (const [path, method] of [
    [`/v1/jobs/${id}`, 'GET'],
    [`/v1/jobs/${id}/events`, 'GET'],
    [`/v1/jobs/${id}`, 'DELETE'],
  ] as const) {
    t.equal((await ask(others, path, { method })).status, 404, `${method} ${path}`);
  }
  t.strictSame(await (await ask(others, '/v1/jobs')).json(), { jobs: [] });
  t.match(await (await ask(mine, '/v1/jobs')).json(), { jobs: [{ id }] });
});

t.test('admins make and revoke keys over HTTP', async (t) => {
  const { keys, ask, post } = await open(t, ['admin'], ['stream']);
  const [admin, plain] = keys;
  t.equal((await post(plain, '/v1/keys', {})).status, 403);
  t.match(await (await post(admin, '/v1/keys', { scopes: ['all'] })).json(), { error: { message: /one of stream/ } });
  const made = await post(admin, '/v1/keys', { name: 'phone', scopes: ['files'] });
  const { id, key } = (await made.json()) as { id: string; key: string };
  t.match([made.status, made.headers.get('cache-control')], [201, 'no-store']);
  t.equal((await ask(key, '/v1/jobs')).status, 200);
  const text = await (await ask(admin, '/v1/keys')).text();
  t.match(JSON.parse(text), { keys: [{}, {}, { id, name: 'phone', scopes: ['files'] }] });
  t.notMatch(text, key);
  t.equal((await ask(admin, `/v1/keys/${id}`, { method: 'DELETE' })).status, 204);
  t.equal((await ask(admin, `/v1/keys/${id}`, { method: 'DELETE' })).status, 404);
  t.equal((await ask(key, '/v1/jobs')).status, 401);
  t.equal((await ask(admin, '/metrics')).status, 200);
  t.equal((await ask(plain, '/metrics')).status, 403);
});

t.test('without a key all is open, but keys', async (t) => {
  const { url, ask, post } = await open(t);
  t.equal((await ask(undefined, '/v1/jobs')).status, 200);
  t.equal((await ask('any', '/v1/models')).status, 200);
  t.equal((await post(undefined, '/v1/keys', {})).status, 403, 'the first is made by the command');
  t.equal((await post(undefined, '/v1/tokens', {})).status, 201);
  const client = await connectWire(t, `${url.replace('http', 'ws')}/v1/stream`, 'json');
  client.send({ type: 'start', audio: AUDIO });
  await client.next('ready');
});

t.test('the command makes the first key beside a running server', async (t) => {
  const { dataDir, ask } = await open(t);
  const sotto = (...args: string[]) => runSotto(['keys', ...args, '--data-dir', dataDir]).result;
  const { code, stdout } = await sotto('create', '--name', 'phone', '--scopes', 'files');
  t.equal(code, 0);
  const key = stdout.trim();
  // The server looks about once a second.
  for (let status = 200; status === 200; status = (await ask(undefined, '/v1/jobs')).status) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.equal((await ask(key, '/v1/jobs')).status, 200);
  const { stdout: list } = await sotto('list');
  t.match(list, /^[0-9a-f]{10} {2}\S+Z {2}valid {4}files {2}phone\n$/);
});

t.test('a damaged page costs the command, with a sentence', async (t) => {
  const dataDir = testFolder(t);
  const store = await LmdbStore.open(dataDir);
  const ring = await KeyRing.open(store);
  for (let index = 0; index < 200; index++)
    await ring.create({ name: `phone ${index} `.repeat(20), scopes: ['files'] });
  await store.close();
  const file = join(dataDir, 'data.mdb');
  t.ok((await damagePages(file, 'phone')) > 0);
  const { code, stdout, stderr } = await runSotto(['keys', 'list', '--data-dir', dataDir]).result;
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(stderr, new RegExp(`^sotto: The store's process ended .* \\(${file} may be damaged\\)$`, 'm'));
});

t.test('only the admin ends the server', async (t) => {
  const { server, keys, ask } = await open(t, ['stream', 'files', 'watch'], ['admin']);
  const [user, admin] = keys;
  let asked = 0;
  server.onceStopAsked(() => asked++);
  const drain = (key?: string): Promise<Response> => ask(key, '/v1/drain', { method: 'POST' });
  t.equal((await drain()).status, 401);
  t.equal((await drain('any')).status, 401);
  t.equal((await drain(user)).status, 403);
  t.equal((await ask(admin, '/v1/drain')).status, 405);
  t.equal(asked, 0);
  const answer = await drain(admin);
  t.match([answer.status, await answer.json()], [202, { connections: 0 }]);
  t.equal(asked, 1);
  const exposed = await startWholeServer(t, {
    host: '0.0.0.0',
    allowAnonymous: true,
    dataDir: join(testFolder(t), 'open'),
  });
  const refused = await fetch(`http://127.0.0.1:${new URL(exposed.url).port}/v1/drain`, { method: 'POST' });
  t.match([refused.status, await refused.json()], [403, { error: { code: 'panel_needs_key' } }]);
});

t.test('a store that cannot be read opens nothing', async (t) => {
  const dataDir = testFolder(t, { 'keys-made': '' });
  await writeFile(join(dataDir, 'data.mdb'), 'damaged');
  const { url } = await startWholeServer(t, { dataDir });
  t.equal((await fetch(`${url}/v1/models`)).status, 401);
  await t.rejects(startWholeServer(t, { keys: 'required', store: 'none' }), { message: /kept nowhere/ });
});
