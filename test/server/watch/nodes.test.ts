// WA12: viewers at any node follow a session from node to node. Real servers, a real Redis.
import { TranscriptView, watch } from '@sotto/client';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { mark, speechToMark } from '../../../bench/src/nodes/marked-speech.js';
import { RoamingClient } from '../../../bench/src/nodes/roaming-client.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { MARKED, ServerProcess } from '../../support/server-process.js';
import { connectWire } from '../../support/wire-client.js';
import { wholeRunOnly } from '../../support/whole-run.js';
import { setTimeout as delay } from 'node:timers/promises';

t.setTimeout(600_000);

function node(t: Test, redis: string): Promise<ServerProcess> {
  const flags = ['--polish', 'off', ...MARKED, '--store', 'redis', '--redis-url', redis];
  return ServerProcess.start(t, flags);
}

/** One who reads along. */
function reader(t: Test, url: () => string, token: string) {
  const view = new TranscriptView();
  const types: string[] = [];
  const watching = watch(url(), {
    token,
    retryMs: 20,
    retryMsMax: 200,
    webSocket: (_, protocols) => new WebSocket(`${url().replace('/stream', '/watch')}?token=${token}`, protocols),
    onEvent: (event) => {
      types.push(event.type);
      view.apply(event);
    },
  });
  t.teardown(() => watching.close());
  return { view, types, watching };
}

for (const how of ['SIGTERM', 'SIGKILL'] as const) {
  const skip = WITHOUT_REDIS || (how === 'SIGKILL' && wholeRunOnly.skip);
  t.test(`WA12: the speaker's node ends by ${how}: viewers at it, and at others, follow`, { skip }, async (t) => {
    const redis = await startRedis(t);
    const [first, second, third] = [await node(t, redis.url), await node(t, redis.url), await node(t, redis.url)];
    const clips = await Promise.all(['en-recipe', 'en-bakery', 'en-recipe'].map(fixtureSamples));
    const { samples, words } = mark(speechToMark(clips, 1_000), 1);
    let url = first.url;
    const speaker = new RoamingClient(() => url, samples, { share: true });
    const running = speaker.run(1);
    while (speaker.watchToken === '') await delay(5);
    const beside = reader(t, () => url, speaker.watchToken);
    const elsewhere = reader(t, () => third.url, speaker.watchToken);
    while (speaker.progress < 0.55) await delay(5);
    url = second.url;
    first.kill(how);
    await first.exit();
    const ends = await Promise.all([beside.watching.closed, elsewhere.watching.closed, running]);
    t.same([speaker.restarts + speaker.freshRestarts, speaker.moves], [0, 1]);
    t.strictSame(speaker.text.split(' '), words);
    for (const [index, { view, types }] of [beside, elsewhere].entries()) {
      t.match(ends[index], { ended: { reason: 'stop' } });
      t.strictSame(view.rawText.split(' '), words, 'each word once');
      t.ok(types.filter((type) => type === 'watching').length >= 2, 'the lines again from the new node');
      t.ok(types.includes('partial'));
    }
    const late = await connectWire(t, third.url.replace('/stream', `/watch?token=${speaker.watchToken}`));
    t.equal((await late.closed).code, 4410, 'it is over everywhere');
  });
}

t.test('WA2: a token that no node knows', { skip: wholeRunOnly.skip || WITHOUT_REDIS }, async (t) => {
  const redis = await startRedis(t);
  const server = await node(t, redis.url);
  const viewer = await connectWire(t, server.url.replace('/stream', '/watch?token=nonsense'));
  t.match(await viewer.next('error'), { code: 'share_unknown' });
  t.equal((await viewer.closed).code, 4410);
});
