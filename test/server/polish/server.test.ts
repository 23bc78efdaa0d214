// Polish of the whole server: the settings, what is told of it, and polished text over a real socket.
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '@sotto/client';
import type { ServerMessage } from '@sotto/protocol';
import { pino } from 'pino';
import t from 'tap';
import { WebSocket } from 'ws';
import { resolveSettings } from '../../../server/src/config/resolve-settings.js';
import { MetricsRegistry } from '../../../server/src/metrics/metrics-registry.js';
import { openPolish } from '../../../server/src/polish/open-polish.js';
import { saidIn, startChatEndpoint, streams } from '../../support/chat-endpoint.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { ServerProcess, TINY } from '../../support/server-process.js';
import { joined, pcm16, silence } from '../../support/speech.js';

async function speak(server: ServerProcess, polish: object): Promise<ServerMessage[]> {
  const session = connect(server.url, {
    audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
    polish,
    webSocket: (url, subprotocols) => new WebSocket(url, subprotocols),
  });
  const events: ServerMessage[] = [];
  const reading = (async () => {
    for await (const event of session)
      if (event.type !== 'reconnecting' && event.type !== 'restarted') events.push(event);
  })();
  await session.ready();
  const clip = await fixtureSamples('en-question');
  session.send(pcm16(joined(clip, silence(1_200), clip, silence(1_200))));
  await session.stop();
  await reading;
  return events;
}

t.test('an endpoint polishes what is said; its key goes there and nowhere else', async (t) => {
  const endpoint = await startChatEndpoint(
    t,
    streams((call) => saidIn(call)),
  );
  const environment = { POLISH_URL: endpoint.url, POLISH_MODEL: 'some-model', POLISH_KEY: 'top-secret' };
  const server = await ServerProcess.start(t, [...TINY, '--log-level', 'debug'], environment);
  t.match(await (await fetch(`${server.http}/ready`)).json(), {
    status: 'ready',
    polish: { available: true, models: ['some-model'] },
  });
  const events = await speak(server, { scope: 'both', deltas: true });
  t.match(events[0], {
    type: 'ready',
    polish: { available: true, models: ['some-model'], modes: ['standard', 'formal'] },
  });
  const said = events.filter((event) => event.type === 'final').filter(({ text }) => text.trim() !== '');
  const polished = events.filter((event) => event.type === 'polished');
  t.same(
    polished.flatMap(({ segmentId }) => segmentId ?? []),
    said.map(({ segmentId }) => segmentId),
  );
  t.equal(polished.filter(({ scope }) => scope === 'session').length, said.length > 0 ? 1 : 0);
  t.equal(events.at(-1)?.type, 'stopped');
  t.ok(endpoint.calls.every(({ headers }) => headers.authorization === 'Bearer top-secret'));
  t.notMatch(server.stderr + server.stdout, 'top-secret');
  t.equal(await server.metric('sotto_polish_latency_seconds_count'), polished.length);
});

t.test('a model that is broken or missing: the server starts, says so, and texts fall back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-polish-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'broken.gguf'), 'not a model');
  const models = ['--polish-model', join(folder, 'broken.gguf'), '--polish-best-model', 'owner/never-pulled:Q4_K_M'];
  const server = await ServerProcess.start(t, [...TINY, ...models]);
  t.match(await (await fetch(`${server.http}/ready`)).json(), { status: 'ready', polish: { available: false } });
  t.match(server.stderr, /broken.gguf is not a GGUF file/);
  t.match(server.stderr, 'npx sotto models pull owner/never-pulled:Q4_K_M');
  const events = await speak(server, {});
  t.match(events[0], { type: 'ready', polish: { available: false } });
  const polished = events.filter((event) => event.type === 'polished');
  t.ok(polished.every(({ fallback, model: by }) => fallback === 'unavailable' && by === 'rules'));
  t.equal(events.at(-1)?.type, 'stopped');
});

t.test('polish can be left to the rules, or turned off', async (t) => {
  const log = pino({ level: 'silent' });
  const open = (flags: Readonly<Record<string, string>>) =>
    openPolish(resolveSettings({ flags, environment: {} }).settings, log, new MetricsRegistry());
  const rules = await open({ polish: 'rules', polishModel: 'not-installed' });
  t.match(rules?.offer, { available: true, models: ['rules'], modes: ['standard'] });
  t.equal(await open({ polish: 'off' }), undefined);
  const endpoints = await open({ polishUrl: 'http://127.0.0.1:1', polishModel: 'a', polishBestModel: 'b' });
  t.match(endpoints?.offer, { available: true, models: ['a', 'b'] });
  const wrong = await open({ polishUrl: 'nonsense', polishModel: 'a' });
  t.match(wrong?.offer, { available: false, models: ['a'] });
});

t.test('why a polish failed is logged with its session and counted, without a word of the text', async (t) => {
  const endpoint = await startChatEndpoint(t, (response, { body }) => {
    response.setHeader('content-type', 'text/event-stream');
    // As some servers do, with what they were asked.
    response.end(
      `data: {"error": {"message": ${JSON.stringify(`bad request: ${body.messages.at(-1)?.content}`)}}}\n\n`,
    );
  });
  const environment = { POLISH_URL: endpoint.url, POLISH_MODEL: 'some-model' };
  const server = await ServerProcess.start(t, [...TINY, '--log-level', 'debug'], environment);
  const events = await speak(server, { scope: 'segment' });
  const ready = events.find((event) => event.type === 'ready');
  const polished = events.find((event) => event.type === 'polished');
  t.match(polished, { fallback: 'failed' });
  const log = server.stdout + server.stderr;
  const logged = log
    .split('\n')
    .filter((line) => line.includes('"polish failed"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.match(logged[0], {
    level: 40,
    session: ready?.sessionId,
    model: 'some-model',
    code: 'failed',
    reason: 'the endpoint reports an error',
  });
  const { text } = events.find((event) => event.type === 'final' && event.text.trim() !== '') as { text: string };
  t.notOk(log.includes(text.trim()), 'nobody reads it there');
  t.match(
    await (await fetch(`${server.http}/metrics`)).text(),
    /sotto_polish_fallbacks_total\{reason="failed"\} [1-9]/,
  );
});
