// What fails beside live streams of a whole server: its decoders, its polisher, its disk. Words come all the same, and
// who asked for what failed is told so.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '@sotto/client';
import type { ServerMessage } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { RoamingClient } from '../../bench/src/nodes/roaming-client.js';
import { startChatEndpoint } from '../support/chat-endpoint.js';
import { connectEvents } from '../support/event-client.js';
import { fixture } from '../support/fixtures.js';
import { heardOnce, markedTalk } from '../support/marked-talk.js';
import { MARKED, ServerProcess } from '../support/server-process.js';
import { startSmallDisk, WITHOUT_SMALL_DISK } from '../support/small-disk.js';
import { testFolder } from '../support/test-folder.js';

t.setTimeout(300_000);

const RECORDING = readFileSync(fixture('en-bakery'));
const LLAMA = fileURLToPath(new URL('../fixtures/tiny-llama/model.gguf', import.meta.url));
const needsProc = {
  skip: !existsSync(`/proc/self/task/${process.pid}/children`) && 'no /proc/PID/task/PID/children here',
};

/** Process ids of the server's children that run a module. */
function childrenOf({ pid }: ServerProcess, module: string): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.filter((child) => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'utf8').includes(module);
    } catch {
      // It has ended.
      return false;
    }
  });
}

/** Signals each that there is and that comes, until it is called back. */
function keepSignalling(server: ServerProcess, module: string, signal: NodeJS.Signals): () => readonly number[] {
  const signalled = new Set<number>();
  const signalling = setInterval(() => {
    for (const pid of childrenOf(server, module)) if (sends(pid, signal)) signalled.add(pid);
  }, 5);
  return () => {
    clearInterval(signalling);
    return [...signalled];
  };
}

/** Whether the process was there. */
function sends(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function upload(server: ServerProcess): Promise<Response> {
  return fetch(`${server.http}/transcribe_only`, { method: 'POST', body: new Uint8Array(RECORDING) });
}

t.test(
  'decoders are killed: an upload and a stream in a container are told, the rest goes on',
  needsProc,
  async (t) => {
    const server = await ServerProcess.start(t, [
      ...MARKED,
      '--store',
      'lmdb',
      '--data-dir',
      join(testFolder(t), 'data'),
    ]);
    const talk = await markedTalk(['en-recipe', 'en-bakery']);
    const client = new RoamingClient(server.url, talk.samples);
    const running = client.run(2);
    const before = await upload(server);
    t.equal(before.status, 200);
    t.ok(childrenOf(server, 'decoder-main').length > 0);

    const container = await connectEvents(t, `${server.http.replace('http', 'ws')}/v1/listen`);
    container.send(RECORDING.subarray(0, RECORDING.length / 2));
    const stopKilling = keepSignalling(server, 'decoder-main', 'SIGKILL');
    t.teardown(() => void stopKilling());
    const refused = await upload(server);
    container.send(RECORDING.subarray(RECORDING.length / 2));
    const { code } = await container.closed;
    stopKilling();
    const { error } = (await refused.json()) as { error: { code: string } };
    // In the middle of it, or before one could begin with it.
    const codes: Record<string, number> = { audio_too_complex: 400, decoder_unavailable: 503 };
    t.equal(refused.status, codes[error.code], error.code);
    t.ok([1008, 1011].includes(code), `the stream in a container is closed with ${code}`);

    await running;
    t.same([client.losses, client.restarts], [[], 0], 'the live stream has not noticed');
    await heardOnce(t, client, talk, server.http);
    t.equal((await upload(server)).status, 200, 'the next one has a decoder');
  },
);

/** Says two sentences, and what came until all of it was heard; `stop` ends it. */
async function speak(t: Test, server: ServerProcess) {
  const session = connect(server.url, {
    audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
    polish: { scope: 'both' },
    webSocket: (url, protocols) => new WebSocket(url, protocols),
  });
  t.teardown(() => session.close());
  const events: ServerMessage[] = [];
  const reading = (async () => {
    for await (const event of session)
      if (event.type !== 'reconnecting' && event.type !== 'restarted') events.push(event);
  })();
  const talk = await markedTalk(['en-recipe', 'en-bakery']);
  await session.ready();
  session.send(new Uint8Array(talk.samples.buffer));
  await session.mark();
  const of = <T extends ServerMessage['type']>(type: T) =>
    events.filter((event): event is Extract<ServerMessage, { type: T }> => event.type === type);
  return { talk, of, stop: () => session.stop().then(() => reading) };
}

async function finalsDoNotWait(t: Test, server: ServerProcess, mayBe: readonly string[]): Promise<void> {
  const { talk, of, stop } = await speak(t, server);
  const finals = of('final').filter(({ text }) => text.trim() !== '');
  t.strictSame(
    finals.flatMap(({ text }) => text.trim().split(' ')),
    talk.words,
    'all words, while nothing is polished',
  );
  // A busy machine may take longer than a polisher may be silent, but not as long as a text has.
  t.notOk(of('polished').some(({ fallback }) => fallback === 'timeout'));
  await stop();
  const polished = of('polished');
  t.strictSame(
    polished.flatMap(({ segmentId }) => segmentId ?? []),
    finals.map(({ segmentId }) => segmentId),
    'each final has its polished text',
  );
  t.ok(polished.some(({ scope }) => scope === 'session'));
  for (const { fallback = '', model, text } of polished) {
    t.ok(mayBe.includes(fallback), `gives up with ${fallback}`);
    t.equal(model, 'rules');
    t.not(text, '');
  }
}

// No text has a model's answer in this time, and the finals have come long before.
const BUDGETS = ['--polish-budget-ms', '60000', '--polish-stop-budget-ms', '500'];

t.test('a polisher that hangs: finals come, and polished gives up with its code', async (t) => {
  const endpoint = await startChatEndpoint(t, () => undefined);
  const environment = { POLISH_URL: endpoint.url, POLISH_MODEL: 'silent' };
  const server = await ServerProcess.start(t, [...MARKED, ...BUDGETS], environment);
  // `failed`: it has said nothing for so long that the try is over.
  await finalsDoNotWait(t, server, ['timeout', 'failed']);
  t.ok(endpoint.calls.length > 0, 'it was asked');
});

t.test('the same of llama.cpp in its process', needsProc, async (t) => {
  const server = await ServerProcess.start(t, [...MARKED, ...BUDGETS, '--polish-model', LLAMA]);
  const stopStopping = keepSignalling(server, 'host-child-main', 'SIGSTOP');
  t.teardown(() => {
    for (const pid of stopStopping()) sends(pid, 'SIGKILL');
  });
  await finalsDoNotWait(t, server, ['timeout', 'unavailable']);
  t.ok(stopStopping().length > 0, 'it was asked');
});

t.test(
  'the disk is full: streams go on, what cannot be kept is told, and is kept later',
  { skip: WITHOUT_SMALL_DISK },
  async (t) => {
    const disk = await startSmallDisk(t, 8_000_000);
    const server = await ServerProcess.start(t, [
      ...MARKED,
      '--store',
      'lmdb',
      '--data-dir',
      join(disk.folder, 'data'),
    ]);
    const store = async () => ((await (await fetch(`${server.http}/health`)).json()) as { store: string }).store;
    const talk = await markedTalk(['en-recipe', 'en-bakery']);
    const during = new RoamingClient(server.url, talk.samples);
    const across = new RoamingClient(server.url, talk.samples);
    const job = () => {
      const form = new FormData();
      form.set('file', new Blob([new Uint8Array(RECORDING)]), 'bakery.flac');
      return fetch(`${server.http}/v1/jobs`, { method: 'POST', body: form });
    };

    const running = across.run(2);
    while (across.progress < 0.3) await delay(5);
    disk.fill();
    await during.run(4);
    t.equal(during.text, talk.words.join(' '), 'a stream begins and ends');
    // What is free within its file holds out for a while.
    while ((await store()) !== 'degraded') await new RoamingClient(server.url, talk.samples).run(20);
    t.match(await (await fetch(`${server.http}/ready`)).json(), { status: 'ready' }, 'streams may come');
    const refused = await job();
    t.equal(refused.status, 503);
    t.ok(refused.headers.has('retry-after'));
    t.match(await refused.json(), { error: { code: /^store_(unavailable|full)$/ } });
    t.equal((await upload(server)).status, 200, 'an upload that is not kept is heard');

    disk.free();
    await running;
    while ((await store()) !== 'ok') await delay(20);
    for (const client of [during, across]) {
      t.same([client.losses, client.restarts], [[], 0]);
      await heardOnce(t, client, talk, server.http);
    }
    t.equal((await job()).status, 202, 'jobs are taken again');
    server.kill('SIGTERM');
    t.match(await server.exit(), { code: 0 });
  },
);
