// The host of a child process: when it starts one, and when another.
import t, { type Test } from 'tap';
import { type HostEvent, type HostOptions, NativeHost } from '../../../server/src/native-host/native-host.js';
import type { NativeChild } from '../../../server/src/native-host/native-child.js';
import { isAlive, type ScriptedWork, startScriptedChild } from '../../support/scripted-child.js';

type Child = NativeChild<ScriptedWork>;
const NAME = { name: 'test' } as const;

function hostOf(t: Test, options: Partial<HostOptions<Child>> = {}, first?: Child) {
  const events: HostEvent[] = [];
  const waiting: (() => void)[] = [];
  const host = new NativeHost<ScriptedWork>(
    {
      name: 'the script',
      start: () => startScriptedChild(),
      backoffMinMs: 10,
      backoffMaxMs: 15,
      healthyAfterMs: 60_000,
      restart: 'at_once',
      onEvent: (event) => {
        events.push(event);
        for (const wake of waiting.splice(0)) wake();
      },
      ...options,
    },
    first,
  );
  t.teardown(() => host.close());
  const seen = async (count: number): Promise<void> => {
    while (events.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
  };
  return { host, events, seen };
}

t.test('nothing runs before it is asked for; then one process serves everybody', async (t) => {
  const { host, events } = hostOf(t);
  t.equal(host.pid, undefined);
  t.match(host, { isUp: false, isAvailable: true });
  const [a, b] = await Promise.all([host.child(), host.child()]);
  t.equal(a, b);
  t.match(host, { isUp: true, pid: a.pid });
  t.match(events, [{ type: 'loaded', pid: a.pid, loadMs: Number }]);
});

t.test('at once: another takes the place of a dead one, after waits that grow', async (t) => {
  let prepared = 0;
  const { host, events, seen } = hostOf(t, { prepare: async () => void prepared++ }, startScriptedChild());
  const first = await host.child();
  await first.loaded;
  for (let death = 1; death <= 3; death++) {
    process.kill(host.pid as number, 'SIGKILL');
    await seen(2 * death);
    t.equal(await (await host.child()).run({ do: 'echo', text: 'again' }, NAME), 'again');
  }
  t.not(host.pid, first.pid);
  t.match(events, [
    { type: 'died', restartInMs: 10, reason: /SIGKILL/ },
    { type: 'loaded' },
    { type: 'died', restartInMs: 15 },
    { type: 'loaded' },
    { type: 'died', restartInMs: 15 },
    { type: 'loaded' },
  ]);
  t.equal(prepared, 3, 'all but the first, which came ready');
});

t.test('at once: one that does not load is followed by the next', async (t) => {
  const loads = ['fail', 'exit', 'well'] as const;
  let starts = 0;
  const start = () => startScriptedChild({ load: { how: loads[starts++] ?? 'well', text: '' } });
  const { host, events } = hostOf(t, { start });
  t.ok(isAlive((await host.child()).pid));
  t.match(events, [{ type: 'died' }, { type: 'died', reason: /ended with code 3/ }, { type: 'loaded' }]);
});

t.test(
  'on demand: another starts with the next request after the wait, which a healthy life makes short',
  async (t) => {
    const { host, events, seen } = hostOf(t, { restart: 'on_demand', backoffMinMs: 1, healthyAfterMs: 0 });
    const first = await host.child();
    first.kill(new Error('by the test'));
    await seen(2);
    t.match(events[1], { type: 'died', reason: 'by the test', restartInMs: 1 });
    t.notOk(host.isUp);
    t.notOk(isAlive(first.pid), 'and nothing runs meanwhile');
    const second = await host.child();
    t.not(second.pid, first.pid);
    second.kill(new Error('again'));
    await seen(4);
    t.match(events[3], { restartInMs: 1 });
  },
);

t.test('on demand: what cannot load has failed for good', async (t) => {
  let starts = 0;
  const start = () => (starts++, startScriptedChild({ load: { how: 'fail', text: 'no such model' } }));
  const { host, events } = hostOf(t, { restart: 'on_demand', start });
  await t.rejects(host.child(), { code: 'load_failed', message: 'no such model' });
  t.match(host, { isAvailable: false, failure: 'no such model' });
  t.same(events, [{ type: 'failed', reason: 'no such model' }]);
  t.equal(starts, 1);
});

t.test(
  'close ends the process, also one that is being started; may be called twice, and refuses what comes',
  async (t) => {
    const { host, events } = hostOf(t);
    const child = await host.child();
    await Promise.all([host.close(), host.close()]);
    t.notOk(isAlive(child.pid));
    t.notOk(host.isAvailable);
    await t.rejects(host.child(), { code: 'closed', message: 'the script is closed' });
    t.equal(events.length, 1, 'its end is no death');
    const starting = hostOf(t, { start: () => startScriptedChild({ load: { how: 'hang', text: '' } }) }).host;
    const waiting = starting.child();
    waiting.catch(() => undefined);
    await starting.close();
    await t.rejects(waiting, { code: 'closed' });
    t.notOk(isAlive(starting.pid));
  },
);
