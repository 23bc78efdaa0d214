// Nodes behind the real nginx that are killed and replaced, one after the other, under live streams.
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { RoamingClient } from '../../bench/src/nodes/roaming-client.js';
import { freePort } from '../../bench/src/server/free-port.js';
import { heardOnce, markedTalk } from '../support/marked-talk.js';
import { startNginx, WITHOUT_NGINX } from '../support/nginx.js';
import { startRedis, WITHOUT_REDIS } from '../support/redis-server.js';
import { ServerProcess } from '../support/server-process.js';
import { isWholeRun, rounds } from '../support/whole-run.js';

t.setTimeout(300_000);

const STREAMS = rounds(4, 20);

/** What happens to which node; it is there again before the next one. */
const DISTURBANCES = [...(isWholeRun ? ([['SIGKILL', 1]] as const) : []), ['SIGTERM', 0], ['SIGTERM', 1]] as const;

function start(t: Test, redis: string, port: number): Promise<ServerProcess> {
  const shared = ['--polish', 'off', '--engine', 'marked', '--trusted-proxies', '127.0.0.1', '--store', 'redis'];
  return ServerProcess.start(t, [...shared, '--redis-url', redis, '--port', `${port}`]);
}

t.test(
  'nodes are replaced one after the other: no word of a live stream is lost or doubled',
  { skip: WITHOUT_NGINX || WITHOUT_REDIS },
  async (t) => {
    const redis = await startRedis(t);
    const ports = [await freePort(), await freePort()];
    const nodes = await Promise.all(ports.map((port) => start(t, redis.url, port)));
    const nginx = await startNginx(
      t,
      ports.map((port) => `127.0.0.1:${port}`),
    );
    const talks = await Promise.all(
      Array.from({ length: STREAMS }, (_, index) =>
        markedTalk(['en-recipe', 'en-bakery', 'en-recipe', 'en-bakery'], ((index * 37) % 255) + 1),
      ),
    );
    const state = { isOver: false };
    const clients: RoamingClient[] = [];
    /** One stream after the other, until all is over. */
    const speaking = talks.map(async (talk, index) => {
      await delay(index * 100);
      do {
        const client = new RoamingClient(`ws://${nginx}/v1/stream`, talk.samples);
        clients.push(client);
        await client.run(2);
        t.same(client.restarts, 0, 'no session begins anew');
        await heardOnce(t, client, talk, `http://${nginx}`);
      } while (!state.isOver);
    });
    const disturbing = (async () => {
      while (clients.length < STREAMS || clients.some(({ progress }) => progress < 0.05)) await delay(10);
      for (const [signal, at] of DISTURBANCES) {
        const node = nodes[at] as ServerProcess;
        node.kill(signal);
        const { code } = await node.exit();
        if (signal === 'SIGTERM') t.equal(code, 0, 'it ends by itself');
        nodes[at] = await start(t, redis.url, ports[at] as number);
        // Streams go on for a while between two of them.
        await delay(500);
      }
      state.isOver = true;
    })();
    await Promise.all([disturbing, ...speaking]);
    t.ok(clients.reduce((sum, { moves }) => sum + moves, 0) >= STREAMS, 'streams moved');
  },
);
