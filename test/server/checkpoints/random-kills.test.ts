// Random cuts of sockets and kills of nodes under live streams: no utterance is lost or doubled.
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { fixtureSamples } from '../../support/fixtures.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { RoamingClient } from '../../support/roaming-client.js';
import { ServerProcess } from '../../support/server-process.js';
import { wholeRunOnly } from '../../support/whole-run.js';

t.setTimeout(1_200_000);

function node(t: Test, redis: string): Promise<ServerProcess> {
  const flags = ['--polish', 'off', '--engine', 'null', '--store', 'redis', '--redis-url', redis];
  return ServerProcess.start(t, flags);
}

t.test(
  'random cuts and kills: no utterance is lost or doubled',
  { skip: wholeRunOnly.skip ?? WITHOUT_REDIS },
  async (t) => {
    const redis = await startRedis(t);
    const nodes = [await node(t, redis.url), await node(t, redis.url)];
    const clips = await Promise.all(['en-recipe', 'en-bakery', 'en-recipe', 'en-bakery'].map(fixtureSamples));
    const pause = new Float32Array(16_000);
    const samples = Float32Array.from(clips.flatMap((clip) => [...clip, ...pause]));
    const calm = new RoamingClient(() => nodes[0]?.url ?? '', samples);
    const whole = await calm.run(8);
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 16_807) % 2_147_483_647) % below;
    const kills = 30;
    let done = 0;
    while (done < kills) {
      const clients = Array.from({ length: 6 }, () => {
        return new RoamingClient(() => nodes[random(nodes.length)]?.url ?? '', samples);
      });
      const state = { isOver: false };
      const running = Promise.all(clients.map((client) => client.run(2))).finally(() => (state.isOver = true));
      while (!state.isOver) {
        await delay(200 + random(1_500));
        if (state.isOver) break;
        clients[random(clients.length)]?.cut();
        if (done >= kills || random(3) > 0) continue;
        const at = random(nodes.length);
        nodes[at]?.kill('SIGKILL');
        await nodes[at]?.exit();
        done++;
        nodes[at] = await node(t, redis.url);
      }
      for (const [index, stopped] of (await running).entries()) {
        const client = clients[index] as RoamingClient;
        const heard = [...client.finals.values()].map(({ segmentId, reason }) => [segmentId, reason]);
        t.same([client.restarts, client.doubled], [0, 0], `${client.losses.length} losses, ${client.moves} moves`);
        t.same(
          heard,
          [...calm.finals.values()].map(({ segmentId, reason }) => [segmentId, reason]),
        );
        t.same([stopped.audioMs, stopped.segments], [whole.audioMs, whole.segments]);
      }
    }
  },
);
