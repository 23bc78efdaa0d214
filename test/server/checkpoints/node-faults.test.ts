// A node whose clock jumps, whose event loop stands still, whose sockets die without a word: no word is lost or
// doubled.
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { RoamingClient } from '../../../bench/src/nodes/roaming-client.js';
import { startFaultyServer } from '../../support/faulty-server.js';
import { heardOnce, markedTalk } from '../../support/marked-talk.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { ServerProcess } from '../../support/server-process.js';
import { TcpLink } from '../../support/tcp-link.js';

t.setTimeout(300_000);

const HOUR_MS = 3_600_000;
const SHARED = [
  '--polish',
  'off',
  '--engine',
  'marked',
  '--store',
  'redis',
  '--ping-interval-ms',
  '1000',
  '--resume-grace-ms',
  '5000',
];

async function passed(client: RoamingClient, part: number): Promise<void> {
  while (client.progress < part) await delay(5);
}

t.test('faults of a node', { skip: WITHOUT_REDIS }, async (t) => {
  const redis = await startRedis(t);
  const flags = [...SHARED, '--redis-url', redis.url];
  const [faulty, other] = await Promise.all([startFaultyServer(t, flags), ServerProcess.start(t, flags)]);
  const talk = await markedTalk(['en-recipe', 'en-bakery']);
  const panelAt = async () =>
    (await (await fetch(`${faulty.server.http}/v1/panel`)).json()) as { at: number; nodes: { name: string }[] };

  await t.test('the clock jumps by hours, forward and back, under a live stream that then moves', async (t) => {
    let url = faulty.server.url;
    const client = new RoamingClient(() => url, talk.samples);
    const running = client.run(4);
    await passed(client, 0.2);
    await faulty.jumpClock(5 * HOUR_MS);
    t.ok((await panelAt()).at > Date.now() + 4 * HOUR_MS, 'it has jumped');
    await passed(client, 0.4);
    client.cut();
    await faulty.jumpClock(-12 * HOUR_MS);
    await passed(client, 0.6);
    t.equal(client.restarts + client.freshRestarts, 0, 'it waited for its client');
    url = other.url;
    client.cut();
    await passed(client, 0.8);
    await faulty.jumpClock(7 * HOUR_MS);
    await running;
    t.same([client.restarts + client.freshRestarts, client.moves], [0, 1]);
    await heardOnce(t, client, talk, other.http);
  });

  await t.test('the event loop stands still: who waits is served, who left goes on elsewhere', async (t) => {
    const waiting = new RoamingClient(faulty.server.url, talk.samples);
    let url = faulty.server.url;
    const leaving = new RoamingClient(() => url, talk.samples);
    const running = Promise.all([waiting.run(3), leaving.run(3)]);
    await Promise.all([passed(waiting, 0.4), passed(leaving, 0.4)]);
    await faulty.holdLoop(3_000);
    url = other.url;
    leaving.cut();
    await running;
    t.same([waiting.moves, waiting.losses], [0, []]);
    t.same([leaving.moves, leaving.restarts + leaving.freshRestarts], [1, 0]);
    await heardOnce(t, waiting, talk, other.http);
    await heardOnce(t, leaving, talk, other.http);
    while ((await faulty.server.metric('sotto_sessions_detached')) > 0) await delay(20);
  });

  await t.test('a socket dies without a word: its client goes on elsewhere, the node lets go of it', async (t) => {
    const link = await TcpLink.start(t, Number(new URL(faulty.server.http).port));
    let url = `ws://127.0.0.1:${link.port}/v1/stream`;
    const client = new RoamingClient(() => url, talk.samples);
    const running = client.run(4);
    await passed(client, 0.5);
    link.freeze();
    url = other.url;
    client.cut();
    await running;
    t.same([client.moves, client.restarts + client.freshRestarts], [1, 0]);
    await heardOnce(t, client, talk, other.http);
    while ((await faulty.server.metric('sotto_connections')) > 0) await delay(20);
  });
});
