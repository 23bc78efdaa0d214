// What an operator does to a running server: no further streams and again some, and another model under live speech.
import { mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@sotto/client';
import { EMBEDDED_MODEL, ModelRegistry } from '@sotto/models';
import t from 'tap';
import { WebSocket } from 'ws';
import { fixtureSamples } from '../../support/fixtures.js';
import { runSotto } from '../../support/run-command.js';
import { ServerProcess } from '../../support/server-process.js';
import { writeSmallModel } from '../../support/small-model.js';
import { silence } from '../../support/speech.js';
import { wholeRunOnly } from '../../support/whole-run.js';
import { startWholeServer } from '../../support/whole-server.js';

t.setTimeout(300_000);

function stream(httpUrl: string) {
  return connect(`${httpUrl.replace('http', 'ws')}/v1/stream`, {
    language: 'en',
    webSocket: (address, protocols) => new WebSocket(address, protocols),
    reconnect: false,
  });
}

t.test('drain that stays: streams go on, further ones and the balancer are told; undrain', async (t) => {
  const { url } = await startWholeServer(t);
  const before = stream(url);
  t.teardown(() => before.close());
  await before.ready();
  const ready = async () => {
    const response = await fetch(`${url}/ready`);
    return [response.status, ((await response.json()) as { status: string }).status];
  };
  const drained = await runSotto(['drain', '--stay', '--server', url]).result;
  t.match(drained, { code: 0, stdout: /1 connections are open/ });
  t.same(await ready(), [503, 'paused']);
  t.equal((await fetch(`${url}/health`)).status, 200);
  await t.rejects(stream(url).ready(), { code: 'overloaded' }, 'no further stream begins');
  t.match(await (await fetch(`${url}/v1/panel`)).json(), { isPaused: true, sessionCount: 1 });
  t.match(await runSotto(['undrain', '--server', url]).result, { code: 0 });
  t.same(await ready(), [200, 'ready']);
  const after = stream(url);
  await after.ready();
  await after.stop();
  await before.stop();
  t.match((await before.closed).closeCode, 1000, 'the first stream went on through it all');
});

t.test('a server without a model has none to swap', async (t) => {
  const { url } = await startWholeServer(t);
  const swapped = await runSotto(['models', 'use', 'other', '--server', url]).result;
  t.match(swapped, { code: 1, stderr: /without a model/ });
  const headers = { 'content-type': 'application/json' };
  const refused = await fetch(`${url}/v1/model`, { method: 'PUT', headers, body: '{"model": 7}' });
  t.match([refused.status, await refused.text()], [400, /model: the name of an installed model/]);
});

t.test(
  'another model under live speech: no stream is dropped, and what does not load leaves all as it is',
  // The quick run has it without a server, in asr/model-swap.test.ts.
  wholeRunOnly,
  async (t) => {
    const models = await mkdtemp(join(tmpdir(), 'sotto-models-'));
    const { directory } = await new ModelRegistry(models).find(EMBEDDED_MODEL);
    await symlink(directory, join(models, 'other'));
    await writeSmallModel(join(models, 'torn'));
    const server = await ServerProcess.start(t, ['--models', models, '--model', 'whisper-base-adapted']);
    const session = stream(server.http);
    t.teardown(() => session.close());
    const { model } = await session.ready();
    t.equal(model, 'whisper-base-adapted');
    const finals: string[] = [];
    const errors: unknown[] = [];
    session.on('final', ({ text }) => finals.push(text));
    session.on('error', (error) => errors.push(error));
    const speech = await fixtureSamples('en-recipe');
    session.send(speech.subarray(0, 32_000));

    const use = (name: string) => runSotto(['models', 'use', name, '--server', server.http]).result;
    t.match(await use('torn'), { code: 1, stderr: /torn does not load, the former model serves on/ });
    t.match(await use('nowhere'), { code: 1, stderr: /No model "nowhere": there are other, torn/ });
    const told = async () => (await (await fetch(`${server.http}/v1/model`)).json()) as Record<string, unknown>;
    t.match(await told(), { model: 'whisper-base-adapted', loading: null, failed: { code: 'model_unknown' } });

    t.match(await use('other'), { code: 0, stdout: /other serves from now on/ });
    t.match(await told(), { model: 'other', failed: null, installed: ['other', 'torn', 'whisper-base-adapted'] });
    t.match(await (await fetch(`${server.http}/health`)).json(), { model: 'other', engines: [{ isUp: true }] });
    session.send(speech.subarray(32_000));
    session.send(silence(2_000));
    session.send(speech);
    await session.stop();
    t.strictSame(errors, []);
    t.equal((await session.closed).closeCode, 1000);
    t.ok(finals.length >= 2, `${finals.length} finals`);
    const [first = ''] = finals;
    t.ok(first.length > 20, 'the utterance that began before the swap has its final');
    while ((await told())['leaving'] !== 0) await new Promise((resolve) => setTimeout(resolve, 20));
    t.ok((await server.metric('sotto_decode_windows_total')) > 2, 'what the former model did is still counted');
    t.equal(await server.metric('sotto_engine_deaths_total'), 0);
  },
);
