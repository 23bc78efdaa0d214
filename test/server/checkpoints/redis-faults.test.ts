// A Redis that answers late or wrongly, goes away or dies without a word: live words come all the same, and what it
// costs is the way to another node.
import { connect, TranscriptView } from '@sotto/client';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { RoamingClient } from '../../../bench/src/nodes/roaming-client.js';
import { heardOnce, markedTalk } from '../../support/marked-talk.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { ServerProcess } from '../../support/server-process.js';
import { TcpLink } from '../../support/tcp-link.js';
import { rounds, wholeRunOnly } from '../../support/whole-run.js';

t.setTimeout(300_000);

const SHARED = ['--polish', 'off', '--engine', 'marked', '--store', 'redis'];
/** How long Redis is away, milliseconds. */
const AWAY_MS = rounds(1_500, 30_000);

async function passed(client: RoamingClient, part: number): Promise<void> {
  while (client.progress < part) await delay(5);
}

/** More of what it said is kept than when this was called. */
async function keptMore(client: RoamingClient): Promise<void> {
  const before = client.keepFrom;
  while (client.keepFrom === before) await delay(5);
}

async function storeIs(server: ServerProcess, state: string): Promise<void> {
  while (((await (await fetch(`${server.http}/health`)).json()) as { store: string }).store !== state) await delay(20);
}

t.test('faults of Redis', { skip: WITHOUT_REDIS }, async (t) => {
  const redis = await startRedis(t);
  const link = await TcpLink.start(t, redis.port);
  const behindLink = [...SHARED, '--redis-url', `redis://127.0.0.1:${link.port}`];
  const start = (t: Test) => ServerProcess.start(t, behindLink);
  const [first, second, straight] = await Promise.all([
    start(t),
    start(t),
    ServerProcess.start(t, [...SHARED, '--redis-url', redis.url]),
  ]);
  const talk = await markedTalk(['en-recipe', 'en-bakery']);
  /** Both of them: a node that cannot read knows no session. */
  const storesAreOk = () => Promise.all([first, second].map((node) => storeIs(node, 'ok')));
  /** A client that speaks to the first node at a pace, and to the second once it has lost that. */
  const speak = ({ samples, words }: typeof talk, pace: number) => {
    let { url } = first;
    const client = new RoamingClient(() => url, samples);
    const running = client.run(pace);
    const survives = async (t: Test) => {
      url = second.url;
      client.cut();
      await running;
      t.same([client.moves, client.restarts, client.freshRestarts], [1, 0, 0], 'it survives its node again');
      await heardOnce(t, client, { samples, words }, straight.http);
    };
    return { client, survives };
  };

  await t.test('answers come when all is said: no word waits for them', async (t) => {
    const client = new RoamingClient(first.url, talk.samples);
    link.hold();
    await client.run(8);
    t.equal(client.text, talk.words.join(' '));
    link.release();
    await heardOnce(t, client, talk, straight.http);
  });

  await t.test(
    'answers are seconds late: a session that loses its node begins anew, with all of its words',
    async (t) => {
      link.lateMs = 2_000;
      const node = await ServerProcess.start(t, [...SHARED, '--redis-url', redis.url]);
      let { url } = node;
      const session = connect(url, { webSocket: (_, protocols) => new WebSocket(url, protocols), language: 'en' });
      t.teardown(() => session.close());
      const view = new TranscriptView();
      const told: string[] = [];
      for (const type of ['ready', 'final', 'partial', 'resumed', 'restarted'] as const) {
        session.on(type, (event) => {
          if (type === 'resumed' || type === 'restarted') told.push(type);
          view.apply(event);
        });
      }
      await session.ready();
      const bytes = new Uint8Array(talk.samples.buffer);
      for (let at = 0; at < bytes.length; at += 3_200) {
        session.send(bytes.subarray(at, at + 3_200));
        if (at / bytes.length > 0.5 && url === node.url) {
          url = second.url;
          node.kill('SIGKILL');
        }
        await delay(20);
      }
      await session.stop();
      t.equal(view.rawText.replaceAll(/\s+/g, ' ').trim(), talk.words.join(' '));
      t.same(told, ['restarted'], 'taking it over would have taken longer than a client is left waiting');
      link.lateMs = 0;
    },
  );

  await t.test('what stands at our keys is of another type, or garbage', async (t) => {
    await storesAreOk();
    const long = await markedTalk(['en-recipe', 'en-bakery', 'en-recipe']);
    const { client, survives } = speak(long, 3);
    await passed(client, 0.2);
    // At once: what is written between the two, and told to the client as kept, would be lost.
    const swap = "redis.call('RENAME', KEYS[1], KEYS[2]); redis.call('SET', KEYS[1], 'a string')";
    for (const map of ['checkpoints', 'checkpointOwners']) {
      await redis.ask('EVAL', swap, '2', `{sotto}:${map}`, `kept:${map}`);
    }
    await redis.ask('HSET', '{sotto}:meta', 'node:garbage', 'no JSON');
    await redis.ask('ZADD', '{sotto}:meta:order', '0', 'node:garbage');
    await storeIs(first, 'degraded');
    await passed(client, 0.4);
    t.same(client.losses, [], 'the stream goes on');
    for (const map of ['checkpoints', 'checkpointOwners']) await redis.ask('RENAME', `kept:${map}`, `{sotto}:${map}`);
    await storesAreOk();
    await keptMore(client);
    await survives(t);
  });

  await t.test(`away for ${AWAY_MS} ms`, async (t) => {
    const long = await markedTalk(Array.from({ length: rounds(2, 8) }, () => 'en-recipe'));
    const { client, survives } = speak(long, rounds(3, 1));
    await passed(client, 0.15);
    link.cut();
    await delay(AWAY_MS);
    t.same(client.losses, [], 'the stream goes on');
    link.mend();
    await storesAreOk();
    await passed(client, 0.9);
    await survives(t);
  });

  await t.test('its connections die without a word: others are made', wholeRunOnly, async (t) => {
    await storesAreOk();
    const long = await markedTalk(Array.from({ length: 4 }, () => 'en-recipe'));
    const { client, survives } = speak(long, 1);
    await passed(client, 0.1);
    link.freeze();
    await storeIs(first, 'degraded');
    await storesAreOk();
    t.ok(client.progress < 0.9, 'before the stream is over');
    await passed(client, 0.9);
    await survives(t);
  });
});
