// The nginx configuration of deploy/, in the real nginx, before real servers.
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@sotto/client';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { markedTalk } from '../support/marked-talk.js';
import { startNginx, WITHOUT_NGINX } from '../support/nginx.js';
import { MARKED, NO_WORDS, ServerProcess } from '../support/server-process.js';
import { wavFile } from '../support/wav-file.js';
import { rounds } from '../support/whole-run.js';

t.setTimeout(300_000);

const hostOf = (server: ServerProcess): string => new URL(server.http).host;

/** Behind a proxy the name in Host is the proxy's. */
async function node(t: Test, ...flags: string[]): Promise<ServerProcess> {
  return ServerProcess.start(t, ['--polish', 'off', '--trusted-proxies', '127.0.0.1', ...flags]);
}

/** Signed 16-bit samples of a clip, and the words that a node with {@link MARKED} hears in them. */
async function spoken(clip: string): Promise<{ readonly bytes: Uint8Array; readonly text: string }> {
  const { samples, words } = await markedTalk([clip]);
  return { bytes: new Uint8Array(samples.buffer), text: words.join(' ') };
}

t.test('a stream, an upload, a large upload and a refusal go through', { skip: WITHOUT_NGINX }, async (t) => {
  const server = await node(t, ...MARKED);
  const nginx = await startNginx(t, [hostOf(server)]);
  const { bytes, text } = await spoken('en-recipe');

  const session = connect(`ws://${nginx}/v1/stream`, {
    language: 'en',
    webSocket: (address, protocols) => new WebSocket(address, protocols),
  });
  t.teardown(() => session.close());
  const events: string[] = [];
  session.on('final', ({ text }) => events.push(text));
  session.send(bytes);
  await session.stop();
  t.ok(text.split(' ').length > 5);
  t.equal(events.map((final) => final.trim()).join(' '), text);

  const form = new FormData();
  form.set('file', new Blob([Uint8Array.from(wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, bytes))]), 'a.wav');
  form.set('model', 'whisper-1');
  const upload = await fetch(`http://${nginx}/v1/audio/transcriptions`, { method: 'POST', body: form });
  t.equal(upload.status, 200);
  t.equal(((await upload.json()) as { text: string }).text.trim(), text);

  // Two megabytes that are no recording: nginx has no limit of its own, the node's sentence comes back.
  const noise = new FormData();
  noise.set('file', new Blob([new Uint8Array(2_000_000)]), 'zeros.bin');
  noise.set('model', 'whisper-1');
  const refused = await fetch(`http://${nginx}/v1/audio/transcriptions`, { method: 'POST', body: noise });
  t.equal(refused.status, 400);
  t.match(await refused.text(), /format|audio/i);

  t.equal((await fetch(`http://${nginx}/metrics`)).status, 403, 'metrics are for machines inside');
  t.match(await (await fetch(`http://${nginx}/health`)).json(), { status: 'ready' });
});

t.test('a long recording that comes slowly, and events of a job while it runs', { skip: WITHOUT_NGINX }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-deploy-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const server = await node(t, ...MARKED, '--store', 'lmdb', '--data-dir', folder);
  const nginx = await startNginx(t, [hostOf(server)]);
  const { samples, words } = await markedTalk(Array.from({ length: 9 }, () => 'en-recipe'));
  const wav = wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, new Uint8Array(samples.buffer));
  t.ok(wav.length > 1_048_576, 'more than nginx takes by itself');
  const answered = await new Promise<string>((resolve, reject) => {
    const headers = { 'content-type': 'audio/wav', 'content-length': wav.length };
    const sending = request(`http://${nginx}/transcribe_only`, { method: 'POST', headers }, (answer) => {
      text(answer).then(resolve, reject);
    });
    sending.on('error', reject);
    void (async () => {
      const piece = Math.ceil(wav.length / 10);
      for (let at = 0; at < wav.length; at += piece) {
        sending.write(wav.subarray(at, at + piece));
        await delay(rounds(100, 3_000));
      }
      sending.end();
    })();
  });
  t.equal((JSON.parse(answered) as { raw_text: string }).raw_text, words.join(' '));

  // The first event comes while the second is not even due: it is that of a cancellation.
  const all = Buffer.concat(Array.from({ length: 20 }, () => new Uint8Array(samples.buffer)));
  const form = new FormData();
  form.set('file', new Blob([Uint8Array.from(wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, all))]), 'a.wav');
  const made = await fetch(`http://${nginx}/v1/jobs`, { method: 'POST', body: form });
  const { id } = (await made.json()) as { id: string };
  const events = await fetch(`http://${nginx}/v1/jobs/${id}/events`);
  t.match(events.headers.get('content-type'), /^text\/event-stream/);
  let told = '';
  for await (const piece of events.body ?? []) {
    if (told === '') await fetch(`http://${nginx}/v1/jobs/${id}`, { method: 'DELETE' });
    told += Buffer.from(piece).toString();
  }
  t.same([...told.matchAll(/^event: (.*)$/gm)].at(-1)?.[1], 'cancelled', told);
});

t.test('a node that drains gets nothing new, and one that dies is passed over', { skip: WITHOUT_NGINX }, async (t) => {
  const flags = [...NO_WORDS, '--drain-timeout-ms', '60000'];
  const [first, second] = [await node(t, ...flags), await node(t, ...flags)];
  const nginx = await startNginx(t, [hostOf(first), hostOf(second)]);
  const open = () =>
    connect(`ws://${nginx}/v1/stream`, { webSocket: (address, protocols) => new WebSocket(address, protocols) });
  const held = [open(), open(), open(), open()];
  t.teardown(() => held.forEach((session) => session.close()));
  await Promise.all(held.map((session) => session.ready()));
  t.same(
    [await first.metric('sotto_connections'), await second.metric('sotto_connections')],
    [2, 2],
    'the node with the fewest sockets is next',
  );

  first.kill('SIGTERM');
  const statuses = await Promise.all(
    Array.from({ length: 20 }, () => fetch(`http://${nginx}/ready`).then((r) => r.status)),
  );
  t.same(new Set(statuses), new Set([200]), 'the other one answers');
  const late = open();
  t.teardown(() => late.close());
  const { sessionId } = await late.ready();
  // Those of the first node come over too, when they are ready to: their number is a matter of moments.
  const panel = (await (await fetch(`${second.http}/v1/panel`)).json()) as { sessions: { id: string }[] };
  t.ok(
    panel.sessions.some(({ id }) => id === sessionId),
    'the late one is at the other node',
  );

  first.kill('SIGKILL');
  await first.exit();
  const after = await Promise.all(
    Array.from({ length: 20 }, () => fetch(`http://${nginx}/health`).then((r) => r.status)),
  );
  t.same(new Set(after), new Set([200]));
});

t.test('server-sent events are not held back', { skip: WITHOUT_NGINX }, async (t) => {
  const server = await node(
    t,
    ...MARKED,
    '--store',
    'lmdb',
    '--data-dir',
    await mkdtemp(join(tmpdir(), 'sotto-deploy-')),
  );
  const nginx = await startNginx(t, [hostOf(server)]);
  const { bytes } = await spoken('en-dialogue');
  const form = new FormData();
  form.set('file', new Blob([Uint8Array.from(wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, bytes))]), 'a.wav');
  form.set('model', 'whisper-1');
  form.set('stream', 'true');
  const response = await fetch(`http://${nginx}/v1/audio/transcriptions`, { method: 'POST', body: form });
  t.match(response.headers.get('content-type'), /^text\/event-stream/);
  let pieces = 0;
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    pieces++;
    text += decoder.decode(piece, { stream: true });
  }
  t.match(text, /transcript\.text\.done/);
  t.ok(pieces > 1, `in ${pieces} pieces`);
});

t.test('a node that is full is passed over, and says so itself', { skip: WITHOUT_NGINX }, async (t) => {
  const [small, large] = [await node(t, ...NO_WORDS, '--max-connections', '1'), await node(t, ...NO_WORDS)];
  const nginx = await startNginx(t, [hostOf(small), hostOf(large)]);
  const sessions = Array.from({ length: 4 }, () =>
    connect(`ws://${nginx}/v1/stream`, { webSocket: (address, protocols) => new WebSocket(address, protocols) }),
  );
  t.teardown(() => sessions.forEach((session) => session.close()));
  await Promise.all(sessions.map((session) => session.ready()));
  t.same([await small.metric('sotto_connections'), await large.metric('sotto_connections')], [1, 3]);
  t.equal((await fetch(`${small.http}/ready`)).status, 503);
  t.equal((await fetch(`${large.http}/ready`)).status, 200);
  t.equal((await fetch(`${small.http}/health`)).status, 200, 'it is alive');
});
