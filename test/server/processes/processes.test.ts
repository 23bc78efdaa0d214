// Several server processes on one port, before one set of engines: real ones, and a real Redis.
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { mark, speechToMark } from '../../../bench/src/nodes/marked-speech.js';
import { RoamingClient } from '../../../bench/src/nodes/roaming-client.js';
import { largestOf, parsePrometheus, sumOf, type MetricSample } from '../../../bench/src/measure/prometheus.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { startRedis, WITHOUT_REDIS } from '../../support/redis-server.js';
import { runSotto } from '../../support/run-command.js';
import { isAlive } from '../../support/scripted-child.js';
import { MARKED, NO_WORDS, ServerProcess, TINY } from '../../support/server-process.js';
import { until } from '../../support/until.js';

t.setTimeout(120_000);

const JSON_BODY = { 'content-type': 'application/json' };
const SEVERAL = ['--processes', '2', '--polish', 'off'] as const;
const here = {
  skip:
    WITHOUT_REDIS || (!existsSync(`/proc/self/task/${process.pid}/children`) && 'no /proc/PID/task/PID/children here'),
};
/** Clients that come until each process has one: with so many, all on one of two would be one run in half a million. */
const CLIENTS_MAX = 20;

/** Its server processes, in the order in which they were started. */
function processesOf({ pid }: ServerProcess): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  return children.filter((child) => commandOf(child).includes('server-process-main'));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

async function metricsOf({ http }: ServerProcess): Promise<MetricSample[]> {
  return parsePrometheus(await (await fetch(`${http}/metrics`)).text());
}

interface Health {
  readonly processes: { readonly number: number; readonly count: number; readonly up: number };
}

async function healthOf({ http }: ServerProcess): Promise<Health> {
  return (await (await fetch(`${http}/health`)).json()) as Health;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** By a connection of its own, so at a process by chance. */
async function ask({ http }: ServerProcess, path: string, options: RequestOptions = {}, body = ''): Promise<Answer> {
  const asked = request(`${http}${path}`, { ...options, agent: false });
  const [answer] = (await once(asked.end(body), 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, body: await text(answer) };
}

/** Asks until each process has answered so: whoever answers was told a moment ago. */
async function allSay(server: ServerProcess, path: string, isSo: (status: number) => boolean): Promise<void> {
  const numbers = new Set<number>();
  while (numbers.size < 2) {
    const { status, body } = await ask(server, path);
    if (isSo(status)) numbers.add((JSON.parse(body) as Health).processes.number);
    await delay(2);
  }
}

async function talk(): Promise<{ readonly samples: Int16Array; readonly words: string }> {
  const clips = await Promise.all(['en-recipe', 'en-bakery'].map(fixtureSamples));
  const { samples, words } = mark(speechToMark(clips, 1_000), 1);
  return { samples, words: words.join(' ') };
}

interface Talking {
  readonly client: RoamingClient;
  readonly over: Promise<unknown>;
}

/** Clients at each of the processes, the newest alone at one of them. */
async function talkers(
  server: ServerProcess,
  url: () => string,
  samples: Int16Array,
): Promise<{ readonly all: Talking[]; readonly numberOfNewest: number }> {
  const all: Talking[] = [];
  let before: string | undefined;
  while (all.length < CLIENTS_MAX) {
    all.push(await talking(url, samples));
    const busy = (await metricsOf(server)).filter(({ name, value }) => name === 'sotto_connections' && value > 0);
    const numbers = busy.map(({ labels }) => labels['process']);
    const newest = numbers.find((number) => number !== before);
    if (numbers.length === 2) return { all, numberOfNewest: Number(newest) };
    before = numbers[0];
  }
  throw new Error('all connections went to one process');
}

async function talking(url: () => string, samples: Int16Array, pace = 2): Promise<Talking> {
  const client = new RoamingClient(url, samples);
  const over = client.run(pace);
  await until(() => client.progress > 0);
  return { client, over };
}

async function passed(talking: readonly Talking[], part: number): Promise<void> {
  await until(() => talking.every(({ client }) => client.progress >= part), 'all clients come so far');
}

t.test('streams of two processes: one dies, then all are sent away, and no word is lost', here, async (t) => {
  const redis = await startRedis(t);
  const shared = ['--store', 'redis', '--redis-url', redis.url, ...MARKED];
  const [server, other] = await Promise.all([
    ServerProcess.start(t, [...SEVERAL, ...shared]),
    ServerProcess.start(t, ['--polish', 'off', ...shared]),
  ]);
  const { samples, words } = await talk();
  let url = server.url;
  const { all, numberOfNewest } = await talkers(server, () => url, samples);
  await passed(all, 0.2);

  const metrics = await metricsOf(server);
  const processes = metrics.flatMap(({ name, labels }) => (name === 'sotto_uptime_seconds' ? labels['process'] : []));
  t.same(processes, ['queue', '1', '2'], 'any process tells of all');
  const connections = sumOf(metrics, 'sotto_connections') ?? 0;
  t.ok(connections >= 2 && connections <= all.length);
  t.equal(metrics.filter(({ name }) => name === 'sotto_decode_runs_total').length, 1, 'there is one queue');
  t.ok((largestOf(metrics, 'sotto_decode_windows_total') ?? 0) > 0);
  t.match(await healthOf(server), { processes: { count: 2, up: 2 } });
  const panel = (await (await fetch(`${server.http}/v1/panel`)).json()) as { sessionCount: number };
  t.ok(panel.sessionCount >= 2 && panel.sessionCount <= connections, 'so does the panel');

  const newest = all.at(-1)?.client;
  const pids = processesOf(server);
  const killed = pids[numberOfNewest - 1] ?? 0;
  process.kill(killed, 'SIGKILL');
  await until(() => !isAlive(killed));
  await until(() => newest?.moves === 1, 'it goes on at the other process');
  const untouched = all.filter(({ client }) => client !== newest);
  t.same(new Set(untouched.flatMap(({ client }) => client.losses)), new Set(), 'those of that one notice nothing');
  await until(() => processesOf(server).some((pid) => !pids.includes(pid)), 'another one takes its place');
  while ((await healthOf(server)).processes.up < 2) await delay(10);
  t.equal(processesOf(server).filter((pid) => pids.includes(pid)).length, 1);
  t.equal(await server.metric('sotto_server_process_deaths_total'), 1);

  const last = await talking(() => url, samples, 4);
  all.push(last);
  url = other.url;
  server.kill('SIGTERM');
  t.equal((await server.exit()).code, 0);
  await Promise.all(all.map(({ over }) => over));
  for (const { client } of all) {
    t.equal(client.text, words);
    t.equal(client.doubled, 0);
    t.equal(client.restarts + client.freshRestarts, 0);
  }
  t.same(last.client.losses, [1012], 'sent away');
});

t.test(
  'an operator speaks to one of them and is heard by all; without the supervisor none goes on',
  here,
  async (t) => {
    const redis = await startRedis(t);
    const server = await ServerProcess.start(t, [...SEVERAL, '--redis-url', redis.url, '--store', 'redis', ...TINY]);
    const children = processesOf(server);
    t.equal(children.length, 2);
    t.equal((await ask(server, '/v1/drain?stay=true', { method: 'POST' })).status, 202);
    await allSay(server, '/ready', (status) => status === 503);
    t.equal((await ask(server, '/v1/drain', { method: 'DELETE' })).status, 200);
    await allSay(server, '/ready', (status) => status === 200);

    const swap = await ask(
      server,
      '/v1/model',
      { method: 'PUT', headers: JSON_BODY },
      JSON.stringify({ model: 'other' }),
    );
    t.match(JSON.parse(swap.body), { error: { code: 'swap_unavailable', message: /--model other/ } });

    const grant = await ask(server, '/v1/auth/grant', { method: 'POST', headers: { 'content-length': 0 } });
    const { access_token: key } = JSON.parse(grant.body) as { access_token: string };
    const seen = Array.from({ length: 16 }, () =>
      ask(server, '/v1/auth/token', { headers: { authorization: `Token ${key}` } }),
    );
    t.same(
      new Set((await Promise.all(seen)).map(({ status }) => status)),
      new Set([200]),
      'a key of one is a key of all',
    );

    server.kill('SIGKILL');
    await server.exit();
    await until(() => children.every((pid) => !isAlive(pid)), 'they end with it');
  },
);

t.test('what several processes need is said before anything is loaded', async (t) => {
  const refused = async (flags: readonly string[], why: RegExp): Promise<void> => {
    const { code, stderr } = await runSotto(['serve', '--processes', '2', '--port', '0', ...NO_WORDS, ...flags], {
      env: { SOTTO_STORE: 'auto' },
    }).result;
    t.equal(code, 1);
    t.match(stderr, why);
  };
  const nowhere = ['--redis-url', 'redis://127.0.0.1:1'];
  await Promise.all([
    refused([], /--processes 2 needs a Redis.*--redis-url/),
    refused([...nowhere, '--engine', 'whisper', '--engine-host', 'inline'], /--engine-host process/),
  ]);
});
