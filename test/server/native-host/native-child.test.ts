// One child process: what it promises to whatever is within it, engine, polisher or decoder.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { getPriority } from 'node:os';
import t from 'tap';
import { isAlive, SCRIPTED_CHILD, startScriptedChild } from '../../support/scripted-child.js';
import { until } from '../../support/until.js';

const echo = (text: string) => ({ do: 'echo', text }) as const;
const NAME = { name: 'test' } as const;

t.test('a child at work', async (t) => {
  const child = startScriptedChild({ flags: ['--max-old-space-size=99'], priority: 5 });
  t.teardown(() => child.close());

  t.test('says what it has loaded, with the flags and the priority that it was given', async (t) => {
    t.match(await child.loaded, { greeting: 'hello there' });
    t.ok((await child.loaded).args.includes('--max-old-space-size=99'));
    t.equal(getPriority(child.pid), 5);
  });

  t.test('answers many requests at once, and gives parts of answers before them', async (t) => {
    const parts: string[] = [];
    const run = { ...NAME, onPart: (part: string) => void parts.push(part) };
    t.same(await Promise.all([child.run(echo('ab'), run), child.run({ do: 'wait', ms: 20 }, NAME)]), ['ab', 'waited']);
    t.same(parts, ['a', 'b']);
    t.equal(child.death, undefined);
  });

  t.test('is told what wants no answer, and tells by itself', async (t) => {
    const told: string[] = [];
    const talking = startScriptedChild({ onTells: (text) => told.push(text) });
    t.teardown(() => talking.close());
    await talking.loaded;
    for (const text of ['a', 'b']) talking.tell(text);
    await until(() => told.length === 2);
    t.same(told, ['heard a', 'heard b'], 'in order');
    talking.kill(new Error('enough'));
    await talking.exited;
    talking.tell('c');
    t.equal(told.length, 2, 'nobody is there');
  });

  t.test('a request that fails rejects with its code, and the child continues', async (t) => {
    const refused = { name: 'RequestError', code: 'refused', message: 'no' };
    await t.rejects(child.run({ do: 'refuse', text: 'no' }, NAME), refused);
    t.equal(await child.run(echo('yes'), NAME), 'yes');
  });

  t.test('a request that is left is rejected at once with its reason, and the child learns of it', async (t) => {
    const controller = new AbortController();
    const run = child.run({ do: 'untilAborted' }, { ...NAME, signal: controller.signal });
    controller.abort(new Error('enough'));
    await t.rejects(run, { message: 'enough' });
    t.equal(await child.run({ do: 'countAborted' }, NAME), '1');
    await t.rejects(child.run(echo(''), { ...NAME, signal: controller.signal }), { message: 'enough' });
  });
});

t.test('what does not load says why; what dies while it loads says how', async (t) => {
  const failing = startScriptedChild({ load: { how: 'fail', text: 'no such model' } });
  await t.rejects(failing.loaded, { name: 'ChildError', code: 'load_failed', message: 'no such model' });
  await failing.close();
  const dying = startScriptedChild({ load: { how: 'exit', text: '' } });
  const waiting = dying.run(echo('x'), NAME);
  const death = { code: 'crashed', message: "the script's process ended with code 3" };
  await Promise.all([t.rejects(dying.loaded, death), t.rejects(waiting, death)]);
  const hanging = startScriptedChild({ load: { how: 'hang', text: '' }, loadTimeoutMs: 50 });
  await t.rejects(hanging.loaded, { code: 'timeout', message: 'the script did not answer load within 50 ms' });
});

t.test('its death rejects what waits and what comes', async (t) => {
  const child = startScriptedChild();
  await child.loaded;
  const run = child.run({ do: 'wait', ms: 60_000 }, NAME);
  process.kill(child.pid as number, 'SIGKILL');
  const death = { name: 'ChildError', code: 'crashed', message: "the script's process was killed by SIGKILL" };
  await t.rejects(run, death);
  t.match(await child.exited, death);
  t.match(child.death, death);
  await t.rejects(child.run(echo('late'), NAME), death);
  await child.close();
});

t.test('one that has lost what it needs answers, and ends', async (t) => {
  const child = startScriptedChild();
  await t.rejects(child.run({ do: 'lose', text: 'the device' }, NAME), { code: 'refused', message: 'the device' });
  t.match(await child.exited, { message: /ended with code 1/ });
});

t.test('a request that hangs is ended at its bound, a silent process at its own', async (t) => {
  const child = startScriptedChild();
  const run = child.run({ do: 'wait', ms: 60_000 }, { ...NAME, timeoutMs: 50 });
  await t.rejects(run, { code: 'timeout', message: 'the script did not answer test within 50 ms' });
  const silent = startScriptedChild({ silenceTimeoutMs: 1_000 });
  await silent.loaded;
  await t.rejects(silent.run({ do: 'spin' }, NAME), { code: 'timeout', message: /was silent for \d s/ });
  await silent.exited;
  t.notOk(isAlive(silent.pid));
});

t.test(
  'memory is bounded where the system tells how much it is',
  { skip: !existsSync('/proc/self/statm') && 'no /proc/PID/statm here' },
  async (t) => {
    const child = startScriptedChild({ memoryMaxBytes: 2 ** 29 });
    t.equal(await child.run(echo('small'), NAME), 'small');
    await t.rejects(child.run({ do: 'eat' }, NAME), { code: 'memory', message: /process took \d+ MB of memory/ });
    await child.exited;
  },
);

t.test('close ends it, may be called twice, and is waited for no longer than its bound', async (t) => {
  const child = startScriptedChild();
  await child.loaded;
  await Promise.all([child.close(), child.close()]);
  t.match(child.death, { code: 'crashed', message: /ended with code 0/ });
  const busy = startScriptedChild({ closeTimeoutMs: 50 });
  await busy.loaded;
  const run = busy.run({ do: 'spin' }, NAME);
  await Promise.all([t.rejects(run, { code: 'closed', message: 'the script was closed' }), busy.close()]);
});

t.test('one that nobody holds keeps no process alive, and one that is killed early is gone', async (t) => {
  const child = startScriptedChild();
  child.hold(false);
  child.hold(true);
  child.kill(new Error('by the test'));
  await t.rejects(child.loaded, { message: 'by the test' });
  t.match(await child.exited, { message: 'by the test' });
});

t.test('one whose parent was killed while it was starting does not stay', async (t) => {
  const options = `{ stdio: ['ignore', 2, 2, 'ipc'], execArgv: ['--import=tsx'] }`;
  const code = `import { fork } from 'node:child_process';
    console.log(fork(${JSON.stringify(SCRIPTED_CHILD)}, [], ${options}).pid);
    process.kill(process.pid, 'SIGKILL');`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 2] });
  if (parent.stdout === null) throw new Error('no output');
  const pid = Number(String(await once(parent.stdout, 'data')));
  t.ok(pid > 0);
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
  t.notOk(isAlive(pid));
});
