// A real server whose data file or store's process comes to harm: it stays, says how its store is, and live streams
// lose nothing.
import { existsSync, readFileSync } from 'node:fs';
import { rename, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@sotto/client';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { Transcripts } from '../../../server/src/transcripts/transcripts.js';
import { damagePages } from '../../support/damage.js';
import { mark, speechToMark } from '../../../bench/src/nodes/marked-speech.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { record, segment } from '../../support/kept-transcripts.js';
import { MARKED, ServerProcess } from '../../support/server-process.js';
import { SAMPLE_RATE } from '../../support/speech.js';
import { testFolder } from '../../support/test-folder.js';
import { wholeRunOnly } from '../../support/whole-run.js';

const needsProc = {
  skip: !existsSync(`/proc/self/task/${process.pid}/children`) && 'no /proc/PID/task/PID/children here',
};

function start(t: Test, folder: string): Promise<ServerProcess> {
  return ServerProcess.start(t, [...MARKED, '--store', 'lmdb', '--data-dir', folder]);
}

async function healthOf(server: ServerProcess): Promise<{ status: string; store: string }> {
  return (await (await fetch(`${server.http}/health`)).json()) as { status: string; store: string };
}

/** Waits until the store is in a state; the test's own bound ends it. */
async function storeIs(server: ServerProcess, state: string): Promise<void> {
  while ((await healthOf(server)).store !== state) await delay(50);
}

/** The process id of the server's store. */
function storeOf(server: ServerProcess): number {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim().split(' ');
  const store = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('store-child'));
  if (store === undefined) throw new Error('the server has no process of a store');
  return Number(store);
}

/**
 * Says a question twice over a live stream; `between` happens in the middle of it. What was heard, and the session's
 * id.
 */
async function say(server: ServerProcess, between: () => Promise<void> | void = () => undefined) {
  const session = connect(server.url, {
    reconnect: false,
    language: 'en',
    webSocket: (url, protocols) => new WebSocket(url, protocols),
  });
  const texts: string[] = [];
  let id = '';
  const heard = (async () => {
    for await (const event of session) {
      if (event.type === 'ready') id = event.sessionId;
      if (event.type === 'final') texts.push(event.text.trim());
    }
  })();
  const clip = await fixtureSamples('en-question');
  const { samples: audio, words } = mark(speechToMark([clip, clip], 1_200), 1);
  const chunk = SAMPLE_RATE / 10;
  for (let at = 0; at < audio.length; at += chunk) {
    if (at <= audio.length / 2 && audio.length / 2 < at + chunk) await between();
    if (!session.send(new Uint8Array(audio.slice(at, at + chunk).buffer))) await session.drained();
  }
  const totals = await session.stop();
  await heard.catch(() => undefined);
  const heardTexts = texts.filter((text) => text !== '');
  return { id, texts: heardTexts, words, audioMs: totals.audioMs, wantedMs: audio.length / 16 };
}

async function lost(t: Test, said: Awaited<ReturnType<typeof say>>): Promise<void> {
  t.equal(said.audioMs, Math.floor(said.wantedMs), 'all audio was heard');
  t.strictSame(said.texts.join(' ').split(' '), said.words, 'every word was heard, once');
}

t.test("the store's process is killed in the middle of a stream: nobody notices", needsProc, async (t) => {
  const server = await start(t, join(testFolder(t), 'data'));
  const before = await say(server);
  await lost(t, before);
  const first = storeOf(server);
  const said = await say(server, () => void process.kill(first, 'SIGKILL'));
  await lost(t, said);
  const wanted = [before, said];
  for (const { id, texts } of wanted) {
    let kept = { state: '', text: '' };
    while (kept.state !== 'complete') {
      const response = await fetch(`${server.http}/v1/transcripts/${id}`);
      t.equal(response.status, 200, 'asked while the process is away, too');
      kept = (await response.json()) as typeof kept;
    }
    t.equal(kept.text, texts.join(' '));
  }
  t.not(storeOf(server), first);
  t.match(await healthOf(server), { status: 'ready', store: 'ok' });
  t.equal(await server.metric('sotto_store_deaths_total'), 1);
  server.kill('SIGTERM');
  t.match(await server.exit(), { code: 0 });
});

t.test('the file is cut off while the server runs', async (t) => {
  const folder = join(testFolder(t), 'data');
  const file = join(folder, 'data.mdb');
  const server = await start(t, folder);
  await lost(t, await say(server));
  await truncate(file, 8_192);
  const said = await say(server, () => storeIs(server, 'degraded'));
  await lost(t, said);
  t.match(await healthOf(server), { status: 'ready', store: 'degraded' });
  t.equal(await server.metric('sotto_store_up'), 0);
  const refused = await fetch(`${server.http}/v1/transcripts`);
  t.equal(refused.status, 503);
  t.ok(refused.headers.has('retry-after'));
  t.match(await refused.json(), { error: { code: 'store_unavailable' } });
  server.kill('SIGTERM');
  t.match(await server.exit(), { code: 0 });
  t.ok(existsSync(file), 'the file is left');
  // Moved away, it is begun anew.
  await rename(file, `${file}.damaged`);
  const next = await start(t, folder);
  t.match(await healthOf(next), { status: 'ready', store: 'ok' });
});

// The quick run has it in hosted-store.test.ts, without a server.
t.test('a page in the middle is damaged', wholeRunOnly, async (t) => {
  const folder = join(testFolder(t), 'data');
  const file = join(folder, 'data.mdb');
  const data = await LmdbStore.open(folder);
  const transcripts = new Transcripts({ store: data, retentionMs: 3_600_000, wallNow: Date.now });
  for (let index = 0; index < 200; index++) {
    const now = Date.now();
    const facts = { name: `talk ${index} `.repeat(20), createdAt: now, updatedAt: now, state: 'live' } as const;
    await transcripts.write(record(`s_${index}`, facts), [segment(0, `word${index}`)], undefined);
  }
  await data.close();
  const { size } = await stat(file);
  t.ok((await damagePages(file, 'talk 100 ')) > 0);
  const server = await start(t, folder);
  await storeIs(server, 'degraded');
  await lost(t, await say(server));
  t.equal((await fetch(`${server.http}/v1/transcripts/s_100`)).status, 503);
  t.match(await healthOf(server), { status: 'ready' });
  t.ok((await server.metric('sotto_store_deaths_total')) > 0);
  server.kill('SIGTERM');
  t.match(await server.exit(), { code: 0 });
  t.ok((await stat(file)).size >= size, 'the file is left');
});
