// Polish over HTTP: POST /v1/polish and /optimize_only on a real server, with the bodies that people and others send.
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { Gateway } from '../../../server/src/gateway/gateway.js';
import { createWsTransport } from '../../../server/src/transport/ws-transport.js';
import { polishRoutes, TEXTS_MAX } from '../../../server/src/api/polish/polish-routes.js';
import { PolishService } from '../../../server/src/polish/polish-service.js';
import { TASK_CHARS_MAX } from '../../../server/src/polish/polishing.js';
import { RulesPolisher } from '../../../server/src/polish/rules/rules-polisher.js';
import type { Polisher } from '../../../server/src/polish/polisher.js';
import { ScriptedPolisher } from '../../support/scripted-polisher.js';
import { ScriptedSession } from '../../support/scripted-session.js';
import { ROOMY_LIMITS } from '../../support/test-gateway.js';

const SAID = 'um so we should meet on tuesday';
const WRITTEN = 'So we should meet on Tuesday.';

async function open(t: Test, fast: Polisher | undefined) {
  const gateway = new Gateway({
    createTransport: createWsTransport,
    limits: ROOMY_LIMITS,
    log: pino({ level: 'silent' }),
  });
  t.teardown(() => gateway.close());
  const port = await gateway.listen(0, '127.0.0.1');
  const polishing = fast && new PolishService({ fast, waitingMax: 100 });
  gateway.open((sink) => new ScriptedSession('s', sink), polishRoutes(polishing));
  return (body: unknown, path = '/v1/polish', init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
    });
}

/** The events of a stream, as [name, data]. */
async function eventsOf(response: Response): Promise<[string, Record<string, unknown>][]> {
  t.match(response.headers.get('content-type'), 'text/event-stream');
  const text = await response.text();
  return [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, name = '', data = '']) => [
    name,
    JSON.parse(data) as Record<string, unknown>,
  ]);
}

t.test('one text, at both addresses', async (t) => {
  const post = await open(t, new RulesPolisher());
  for (const path of ['/v1/polish', '/optimize_only']) {
    const response = await post({ text: SAID, mode: 'standard', language: 'en' }, path);
    t.equal(response.status, 200);
    t.same(await response.json(), { original: SAID, optimized: WRITTEN, mode: 'standard', model: 'rules' });
  }
  t.match(await (await post({ text: '嗯 我们去吧', script: 'traditional' })).json(), { optimized: '我們去吧。' });
});

t.test('several texts in one call, each in its place', async (t) => {
  const post = await open(t, new RulesPolisher());
  const texts = Array.from({ length: TEXTS_MAX }, (_, index) => `number ${index} of them`);
  const { results } = (await (await post({ texts })).json()) as { results: { original: string; optimized: string }[] };
  t.same(
    results.map(({ original }) => original),
    texts,
  );
  t.equal(results[7]?.optimized, 'Number 7 of them.');
});

t.test('a text while it is written, by the body or by Accept', async (t) => {
  const post = await open(t, new ScriptedPolisher({ write: () => WRITTEN }));
  for (const response of [
    await post({ text: SAID, stream: true }),
    await post({ text: SAID }, '/optimize_only', {
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    }),
  ]) {
    const events = await eventsOf(response);
    t.same(
      events.map(([name]) => name),
      ['delta', 'delta', 'result', 'done'],
    );
    t.same(events[0]?.[1], { from: 0, text: WRITTEN.slice(0, 5) });
    t.match(events[2]?.[1], { original: SAID, optimized: WRITTEN, model: 'scripted' });
  }
  const batch = await eventsOf(await post({ texts: [SAID, SAID], stream: true }));
  t.same(
    batch
      .filter(([name]) => name === 'result')
      .map(([, { index }]) => index)
      .toSorted(),
    [0, 1],
  );
});

t.test('100 kB of text; a text of nothing', async (t) => {
  const post = await open(t, new ScriptedPolisher({ write: ({ text }) => text }));
  const text = 'And then we went on to the next house in the street. '.repeat(2_000).trim();
  t.match(await (await post({ text })).json(), { optimized: text, model: 'scripted' });
  t.same(await (await post({ text: ' \u0000 ' })).json(), {
    original: ' \u0000 ',
    optimized: '',
    mode: 'standard',
    model: 'none',
  });
});

t.test('what is wrong is named', async (t) => {
  const post = await open(t, new RulesPolisher());
  for (const [body, status, code, message] of [
    ['{', 400, 'invalid_json', /JSON/],
    [{}, 400, 'invalid_request', /either "text" or "texts"/],
    [{ text: 'a', texts: ['b'] }, 400, 'invalid_request', /either/],
    [{ text: 5 }, 400, 'invalid_request', /text: a text/],
    [{ texts: [] }, 400, 'invalid_request', /texts: at least one/],
    [{ texts: Array.from({ length: TEXTS_MAX + 1 }, () => 'a') }, 400, 'invalid_request', /at most 64 texts/],
    [{ texts: ['x'.repeat(TASK_CHARS_MAX), 'y'] }, 400, 'invalid_request', /together/],
    [{ text: 'x'.repeat(TASK_CHARS_MAX + 1) }, 400, 'invalid_request', /at most 200000 characters/],
    [{ text: 'a', mode: 'poem' }, 400, 'invalid_request', /mode: one of standard/],
    [{ text: 'a', mode: 'formal' }, 400, 'unsupported_option', /rules cannot polish in the mode "formal"/],
    [{ text: 'a', language: 'English' }, 400, 'invalid_request', /language/],
  ] as const) {
    const response = await post(body);
    t.equal(response.status, status);
    t.match(await response.json(), { error: { code, message } });
  }
  t.equal((await post('x', '/v1/polish', { headers: { 'content-type': 'text/plain' } })).status, 415);
  t.equal((await post('x'.repeat(3_000_000))).status, 413);
  t.equal((await post(undefined, '/v1/polish', { method: 'GET', body: null })).status, 405);
  const none = await open(t, undefined);
  t.match(await (await none({ text: 'a' })).json(), { error: { code: 'unsupported_option', message: /no polisher/ } });
});

t.test('time is bounded, and a caller who goes away ends the work', async (t) => {
  const polisher = new ScriptedPolisher();
  const post = await open(t, polisher);
  t.match(await (await post({ text: SAID, timeoutMs: 100 })).json(), {
    optimized: WRITTEN,
    model: 'rules',
    fallback: 'timeout',
  });
  const controller = new AbortController();
  const response = post({ text: SAID }, '/v1/polish', {
    signal: controller.signal,
    headers: { 'content-type': 'application/json' },
  });
  const { run } = await polisher.call();
  controller.abort();
  await t.rejects(response);
  if (!run.signal.aborted)
    await new Promise((resolve) => run.signal.addEventListener('abort', resolve, { once: true }));
  t.pass('the polisher was told');
});
