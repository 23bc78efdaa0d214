// Sessions that outlive their node: real servers, a real Redis, the real nginx.
import { connect, TranscriptView } from '@sotto/client';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { fixtureSamples } from '../../support/fixtures.js';
import { startNginx, WITHOUT_NGINX } from '../../support/nginx.js';
import { startLastingRedis, startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { mark, speechToMark } from '../../../bench/src/nodes/marked-speech.js';
import { RoamingClient } from '../../../bench/src/nodes/roaming-client.js';
import { MARKED, NO_WORDS, ServerProcess } from '../../support/server-process.js';
import { wholeRunOnly } from '../../support/whole-run.js';

t.setTimeout(600_000);

const hostOf = (server: ServerProcess): string => new URL(server.http).host;

/** Speech with pauses between, the ends of utterances, and the words that a server with {@link MARKED} hears in it. */
async function talk(...names: string[]): Promise<{ readonly samples: Int16Array; readonly text: string }> {
  const { samples, words } = mark(speechToMark(await Promise.all(names.map(fixtureSamples)), 1_000), 1);
  return { samples, text: words.join(' ') };
}

function node(t: Test, redis: string, ...flags: string[]): Promise<ServerProcess> {
  const shared = ['--polish', 'off', '--trusted-proxies', '127.0.0.1', '--store', 'redis', '--redis-url', redis];
  return ServerProcess.start(t, [...shared, ...flags]);
}

interface Kept {
  readonly state: string;
  readonly audioMs: number;
  readonly text: string;
}

/** Once it is complete: that is written behind `stopped`. */
async function transcript(base: string, id: string): Promise<Kept> {
  for (let tries = 0; ; tries++) {
    const kept = (await (await fetch(`${base}/v1/transcripts/${id}`)).json()) as Kept;
    if (kept.state === 'complete' || tries === 500) return kept;
    await delay(10);
  }
}

async function transcriptCount(base: string): Promise<number> {
  const response = await fetch(`${base}/v1/transcripts?limit=100`);
  return ((await response.json()) as { transcripts: unknown[] }).transcripts.length;
}

/** Its utterances, and why they ended. */
function utterancesOf(client: RoamingClient): unknown[] {
  return [...client.finals.values()].map(({ segmentId, reason }) => [segmentId, reason]);
}

async function passed(client: RoamingClient, part: number): Promise<void> {
  while (client.progress < part) await delay(10);
}

t.test(
  'RS11, RS12: a node is killed under a stream behind nginx: one transcript, all words, each once',
  { skip: WITHOUT_NGINX || WITHOUT_REDIS },
  async (t) => {
    const redis = await startRedis(t);
    const nodes = [await node(t, redis.url, ...MARKED), await node(t, redis.url, ...MARKED)] as const;
    const nginx = await startNginx(t, nodes.map(hostOf));
    const { samples, text } = await talk('en-recipe', 'en-bakery', 'en-recipe');

    const calm = new RoamingClient(nodes[0].url, samples);
    await calm.run(3);
    t.ok(calm.text.split(' ').length > 10, calm.text);
    t.equal(calm.text, text);

    const client = new RoamingClient(`ws://${nginx}/v1/stream`, samples);
    const view = new TranscriptView();
    const session = connect(`ws://${nginx}/v1/stream`, {
      language: 'en',
      webSocket: (address, protocols) => new WebSocket(address, protocols),
    });
    t.teardown(() => session.close());
    const told: string[] = [];
    for (const type of ['ready', 'final', 'resumed', 'restarted', 'partial'] as const) {
      session.on(type, (event) => {
        if (type !== 'partial') told.push(type);
        view.apply(event);
      });
    }
    const { sessionId } = await session.ready();
    const speaking = (async () => {
      for (let at = 0; at < samples.length; at += 1_600) {
        session.send(new Uint8Array(samples.slice(at, at + 1_600).buffer));
        await delay(33);
      }
      return session.stop();
    })();
    const running = client.run(3);
    await passed(client, 0.55);
    // Each client has its node: the one with fewer sockets got the second. Both have to move once, one of them twice.
    nodes[0].kill('SIGKILL');
    const [stopped, sdkStopped] = await Promise.all([running, speaking]);

    t.equal(client.restarts + client.freshRestarts, 0);
    t.equal(client.doubled, 0);
    t.equal(client.text, calm.text, 'the same words as without');
    t.equal(view.rawText, calm.text, 'the client library tells the same');
    t.equal(told.includes('restarted'), false);
    t.equal(client.moves + told.filter((type) => type === 'resumed').length, 1, 'one of the two was on that node');
    t.equal(stopped.audioMs, Math.round(samples.length / 16), 'one total');
    t.equal(sdkStopped.audioMs, stopped.audioMs);
    for (const id of [client.sessionId, sessionId]) {
      const kept = await transcript(nodes[1].http, id);
      t.equal(kept.state, 'complete');
      t.equal(kept.text, calm.text, 'the transcript has the same words');
    }
    t.equal(await transcriptCount(nodes[1].http), 3, 'one transcript each');
  },
);

t.test('RS12: a server that is killed and starts again goes on from its data folder', wholeRunOnly, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-nodes-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const flags = ['--polish', 'off', ...MARKED, '--store', 'lmdb', '--data-dir', folder];
  let server = await ServerProcess.start(t, flags);
  const { samples } = await talk('en-recipe', 'en-bakery');
  const calm = new RoamingClient(server.url, samples);
  await calm.run(3);

  const client = new RoamingClient(() => server.url, samples);
  const running = client.run(3);
  await passed(client, 0.6);
  server.kill('SIGKILL');
  await server.exit();
  server = await ServerProcess.start(t, flags);
  await running;
  t.equal(client.restarts + client.freshRestarts, 0);
  t.equal(client.moves, 1);
  t.equal(client.text, calm.text);
  const kept = await transcript(server.http, client.sessionId);
  t.equal(kept.text, calm.text);
  t.equal(kept.state, 'complete');
  t.equal(await transcriptCount(server.http), 2);
});

t.test('RS13: a node that drains sends 20 clients to another', { skip: WITHOUT_REDIS }, async (t) => {
  const redis = await startRedis(t);
  const flags = [...NO_WORDS];
  const [first, second] = [await node(t, redis.url, ...flags), await node(t, redis.url, ...flags)];
  const { samples } = await talk('en-recipe', 'en-bakery');
  const calm = new RoamingClient(second.url, samples);
  await calm.run(3);
  t.ok(calm.finals.size > 1);

  let url = first.url;
  const clients = Array.from({ length: 20 }, () => new RoamingClient(() => url, samples));
  const running = Promise.all(clients.map((client) => client.run(2)));
  await passed(clients[0] as RoamingClient, 0.5);
  url = second.url;
  first.kill('SIGTERM');
  t.equal((await first.exit()).code, 0);
  const stopped = await running;
  t.same(new Set(clients.flatMap(({ losses }) => losses)), new Set([1012]));
  for (const [index, client] of clients.entries()) {
    t.same([client.restarts + client.freshRestarts, client.doubled, client.moves], [0, 0, 1]);
    t.same(utterancesOf(client), utterancesOf(calm));
    t.equal(stopped[index]?.audioMs, Math.round(samples.length / 16));
  }
  t.equal(await transcriptCount(second.http), 21);
});

t.test(
  'Redis is away for a while: streams go on, and survive their node again when it is back',
  { skip: wholeRunOnly.skip ?? WITHOUT_REDIS },
  async (t) => {
    const redis = await startLastingRedis(t);
    const [first, second] = [await node(t, redis.url, ...MARKED), await node(t, redis.url, ...MARKED)];
    const { samples } = await talk('en-recipe', 'en-bakery', 'en-recipe');
    const calm = new RoamingClient(second.url, samples);
    await calm.run(3);

    let url = first.url;
    const client = new RoamingClient(() => url, samples);
    const running = client.run(2);
    await passed(client, 0.2);
    await redis.kill();
    await passed(client, 0.5);
    t.same(client.losses, [], 'the stream goes on');
    await redis.restart();
    while ((await (await fetch(`${first.http}/ready`)).text()).includes('degraded')) await delay(50);
    await passed(client, 0.8);
    url = second.url;
    first.kill('SIGKILL');
    await running;
    t.equal(client.restarts + client.freshRestarts, 0);
    t.equal(client.doubled, 0);
    t.equal(client.text, calm.text);
    t.equal((await transcript(second.http, client.sessionId)).text, calm.text);
  },
);
