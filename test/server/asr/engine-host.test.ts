import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openEngine } from '../../../server/src/asr/engine-host/open-engine.js';
import {
  type EngineProcessEvent,
  ProcessEngine,
  type ProcessEngineOptions,
} from '../../../server/src/asr/engine-host/process-engine.js';
import { StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import { childModule } from '../../support/child-module.js';
import { isBuildTested } from '../../support/sotto-command.js';
import { engineContract, scriptedRequest, spell } from '../../support/engine-contract.js';
import {
  scriptedAudio,
  type ScriptedWord,
  scriptedSpec,
  scriptedTokenizer,
  scriptOf,
} from '../../support/scripted-engine.js';

const TEXT = 'the cat and the dog sleep';
const SCRIPT = scriptOf(TEXT);
/** The script with a fault in its fifth word, which ends at 2,200 ms. */
const withFault = (fault: NonNullable<ScriptedWord['fault']>) =>
  SCRIPT.map((word, i) => (i === 4 ? { ...word, fault } : word));

t.test('inline', (t) => {
  engineContract(t, (spec) => openEngine(spec, 'inline'));
  t.end();
});

t.test('process', (t) => {
  engineContract(t, (spec) => openEngine(spec, 'process'));
  t.end();
});

async function start(t: Test, script: readonly ScriptedWord[], options: Partial<ProcessEngineOptions> = {}, runMs = 0) {
  const events: EngineProcessEvent[] = [];
  const engine = await ProcessEngine.start(scriptedSpec({ script, runMs }), {
    backoffMinMs: 20,
    onEvent: (event) => events.push(event),
    ...options,
  });
  t.teardown(() => engine.close());
  return { engine, events };
}

const isAlive = (pid: number | undefined): boolean => {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
};

t.test('kill -9 of the process: the run is rejected, the next one is served by a new process', async (t) => {
  const { engine, events } = await start(t, SCRIPT, {}, 200);
  const first = engine.pid;
  const running = engine.decode([scriptedRequest(0, 3_000)]);
  running.catch(() => undefined);
  await turn();
  process.kill(first as number, 'SIGKILL');
  await t.rejects(running, {
    name: 'EngineError',
    code: 'engine_crashed',
    message: "the engine's process was killed by SIGKILL",
    retryable: true,
  });
  t.equal(spell((await engine.decode([scriptedRequest(0, 3_000)]))[0]), ` ${TEXT}`);
  t.not(engine.pid, first);
  t.match(events, [{ type: 'died', restartInMs: 20 }, { type: 'restarted' }]);
});

t.test(
  'a window that fells the process fells nobody else: others come through, it is answered with an error',
  async (t) => {
    const { engine, events } = await start(t, withFault('exit'));
    const asr = new StreamingRecognizer([engine], scriptedTokenizer());
    const options = {
      language: 'en',
      task: 'transcribe',
      previousText: '',
      hotwords: [],
      words: false,
      onPartial: () => undefined,
      onError: () => undefined,
    } as const;
    const poison = asr.open(options).finish(scriptedAudio(0, 3_000), 0.9);
    const good = asr.open(options).finish(scriptedAudio(0, 1_600), 0.9);
    await t.rejects(poison, { name: 'AsrError', code: 'recognition_failed' });
    t.match(await good, { text: 'the cat and' });
    t.equal(events.filter((event) => event.type === 'died').length, 2, 'once together, once alone');
    await asr.close();
  },
);

t.test('an engine that has lost its device answers, and a new process takes its place', async (t) => {
  const { engine, events } = await start(t, withFault('lose'));
  const first = engine.pid;
  t.equal(engine.isUp, true);
  await t.rejects(engine.decode([scriptedRequest(0, 3_000)]), { code: 'engine_failed', message: 'the script says so' });
  while (events.length < 2) await delay(5);
  t.match(events, [{ type: 'died' }, { type: 'restarted' }]);
  t.equal(engine.isUp, true);
  t.equal(spell((await engine.decode([scriptedRequest(0, 1_300)]))[0]), ' the cat a?');
  t.not(engine.pid, first);
});

t.test('a run that hangs is ended at its bound', async (t) => {
  const { engine } = await start(t, withFault('hang'), { decodeTimeoutMs: 150 });
  await t.rejects(engine.decode([scriptedRequest(0, 3_000)]), {
    code: 'engine_timeout',
    message: 'the engine did not answer decode within 150 ms',
  });
  t.equal(spell((await engine.decode([scriptedRequest(0, 1_300)]))[0]), ' the cat a?');
});

t.test('a process whose event loop hangs is ended when it has been silent for too long', async (t) => {
  const { engine } = await start(t, SCRIPT, { silenceTimeoutMs: 1_000 });
  const pid = engine.pid as number;
  process.kill(pid, 'SIGSTOP');
  await t.rejects(engine.decode([scriptedRequest(0, 3_000)]), { code: 'engine_timeout', message: /silent for/ });
  t.equal(spell((await engine.decode([scriptedRequest(0, 3_000)]))[0]), ` ${TEXT}`);
  t.notOk(isAlive(pid));
});

t.test('restarts back off, and a request does not wait for ever', async (t) => {
  const { engine, events } = await start(t, SCRIPT, { backoffMinMs: 400, unavailableAfterMs: 100 });
  process.kill(engine.pid as number, 'SIGKILL');
  while (events.length === 0) await delay(5);
  await t.rejects(engine.decode([scriptedRequest(0, 3_000)]), {
    code: 'engine_unavailable',
    message: 'the engine did not come back within 100 ms',
  });
  while (events.length < 2) await delay(10);
  process.kill(engine.pid as number, 'SIGKILL');
  while (events.length < 3) await delay(5);
  t.match(events, [{ restartInMs: 400 }, { type: 'restarted' }, { restartInMs: 800 }]);
});

t.test('close while it is being brought back leaves no process', async (t) => {
  const { engine, events } = await start(t, SCRIPT);
  process.kill(engine.pid as number, 'SIGKILL');
  while (events.length === 0) await delay(1);
  const waiting = engine.decode([scriptedRequest(0, 3_000)]);
  waiting.catch(() => undefined);
  await engine.close();
  await t.rejects(waiting, { code: 'engine_closed' });
  t.notOk(isAlive(engine.pid));
});

t.test('a start that is given up while the model loads leaves no process, and waits for none', async (t) => {
  const module = 'data:text/javascript,export const createEngine = () => new Promise(() => setInterval(() => {}, 1e6))';
  const givenUp = new AbortController();
  const starting = ProcessEngine.start({ module, options: {} }, { signal: givenUp.signal });
  givenUp.abort();
  await t.rejects(starting, { name: 'EngineError', code: 'engine_closed' });
});

const processes = () => process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length;

t.test('a start that was given up before it began starts no process', async (t) => {
  const before = processes();
  const started = ProcessEngine.start(scriptedSpec({ script: SCRIPT }), { signal: AbortSignal.abort() });
  t.equal(processes(), before);
  await t.rejects(started, { name: 'EngineError', code: 'engine_closed' });
});

t.test('signals of the terminal do not end it: the parent decides', async (t) => {
  const { engine, events } = await start(t, SCRIPT);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(engine.pid as number, signal);
  t.equal(spell((await engine.decode([scriptedRequest(0, 3_000)]))[0]), ` ${TEXT}`);
  t.same(events, []);
});

t.test('an orphan ends: it does not outlive a parent that was killed', async (t) => {
  const script = childModule(new URL('../../support/engine-parent.ts', import.meta.url).href);
  const parent = fork(fileURLToPath(script), [], {
    stdio: ['ignore', 2, 2, 'ipc'],
    ...(!isBuildTested && { execArgv: ['--import=tsx'] }),
  });
  const [pid] = (await once(parent, 'message')) as [number];
  t.ok(isAlive(pid));
  parent.kill('SIGKILL');
  const deadline = Date.now() + 5_000;
  while (isAlive(pid) && Date.now() < deadline) await delay(20);
  t.notOk(isAlive(pid));
});
