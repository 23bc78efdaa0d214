// Polish by a chat endpoint: a real HTTP server that answers well, slowly, wrongly, breaks off, or is not there.
import { EventEmitter, once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import { CircuitBreaker } from '../../../server/src/polish/endpoint/circuit-breaker.js';
import {
  completionsUrl,
  EndpointPolisher,
  type EndpointOptions,
} from '../../../server/src/polish/endpoint/endpoint-polisher.js';
import { eventData } from '../../../server/src/polish/endpoint/event-stream.js';
import { PolishService } from '../../../server/src/polish/polish-service.js';
import { piece, saidIn, startChatEndpoint, streams, type ChatScript } from '../../support/chat-endpoint.js';
import { TimeUpError } from '../../../server/src/polish/polisher.js';
import { polisherContract, REQUEST } from '../../support/polisher-contract.js';
import { anyText } from '../../support/property.js';

const WRITTEN = 'So I think we should meet on Tuesday.';

async function open(t: Test, script: ChatScript, options: Partial<EndpointOptions> = {}) {
  const endpoint = await startChatEndpoint(t, script);
  const events: string[] = [];
  const polisher = new EndpointPolisher({
    url: endpoint.url,
    model: 'm',
    retryDelayMs: 1,
    onEvent: (event) => events.push(event.type === 'down' ? `down: ${event.reason}` : 'back'),
    ...options,
  });
  t.teardown(() => polisher.close());
  const polish = (signal = new AbortController().signal) => polisher.polish(REQUEST, { signal });
  return { endpoint, polisher, events, polish };
}

polisherContract(t, 'a chat endpoint', async (t) => {
  const { polisher } = await open(
    t,
    streams((call) => saidIn(call)),
  );
  return polisher;
});

t.test('the request is what such servers take', async (t) => {
  const { endpoint, polisher } = await open(t, streams(WRITTEN), { key: 'secret' });
  const pieces: string[] = [];
  const run = { signal: new AbortController().signal, onText: (text: string) => void pieces.push(text) };
  t.equal(await polisher.polish(REQUEST, run), WRITTEN);
  t.ok(pieces.length > 3, 'it streams');
  const [call] = endpoint.calls;
  t.match(call, {
    path: '/v1/chat/completions',
    headers: { authorization: 'Bearer secret' },
    body: { model: 'm', stream: true },
  });
  t.equal(call && saidIn(call), REQUEST.text);
  t.notMatch(endpoint.calls[0]?.body.messages[0]?.content, REQUEST.text, 'the rules stand apart from the text');
});

t.test('a server that does not stream answers in one piece', async (t) => {
  const { polish } = await open(t, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ choices: [{ message: { content: WRITTEN }, finish_reason: 'stop' }] }));
  });
  t.equal(await polish(), WRITTEN);
});

const html: ChatScript = (response) => {
  response.writeHead(200, { 'content-type': 'text/html' });
  response.end('<html>data: nothing here</html>');
};
const garbage: ChatScript = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end('data: {"choices":[{"delta":{"content":\n\n');
};
const wrong: ChatScript = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{"choices":"many"}');
};
const says: ChatScript = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end('data: {"error":{"message":"what was said","code":"out_of_memory"}}\n\n');
};
const breaks: ChatScript = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(piece('So I'), () => response.destroy());
};
const ends: ChatScript = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(piece('So I'));
};
const cut: ChatScript = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`data: ${JSON.stringify({ choices: [{ delta: { content: 'So' }, finish_reason: 'length' }] })}\n\n`);
};

t.test('PO5: an endpoint that answers garbage, errors, or breaks off gives no text', async (t) => {
  for (const [script, message] of [
    [html, /broke off/],
    [garbage, /not a chat completion/],
    [wrong, /not a chat completion/],
    [says, /an error: out_of_memory$/],
    [breaks, /terminated|closed|aborted/],
    [ends, /broke off/],
    [cut, /cut at its length/],
  ] as const) {
    const { polish, polisher } = await open(t, script);
    await t.rejects(polish(), { name: 'PolisherError', code: 'failed', message });
    const service = new PolishService({ fast: polisher, waitingMax: 9 });
    const style = { mode: 'standard', instruction: '', quality: 'auto', script: undefined } as const;
    const task = { text: REQUEST.text, previous: '', language: 'en', paragraphs: false, budgetMs: 10_000, style };
    const result = await service.polish({ ...task, signal: new AbortController().signal });
    t.match(result, { text: WRITTEN, model: 'rules', fallback: 'failed' }, 'and the words are there all the same');
  }
});

t.test('what may pass is tried once more, what will not is not', async (t) => {
  const { endpoint, polish } = await open(t, (response) => {
    endpoint.script = streams(WRITTEN);
    response.writeHead(503).end('busy');
  });
  t.equal(await polish(), WRITTEN);
  t.equal(endpoint.calls.length, 2);
  endpoint.script = (response) => void response.writeHead(401).end('{"error":"who are you?"}');
  await t.rejects(polish(), { code: 'failed', message: /^HTTP 401: .*who are you/ });
  t.equal(endpoint.calls.length, 3);
  endpoint.script = (response) => void response.writeHead(500).end();
  await t.rejects(polish(), { code: 'failed' });
  t.equal(endpoint.calls.length, 5, 'a bounded number of times');
});

t.test('one that hangs is left: before its answer, and in the middle of it', async (t) => {
  for (const script of [
    () => {},
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(piece('So'));
    },
  ] satisfies ChatScript[]) {
    const { polish } = await open(t, script, { silenceMs: 40, retriesMax: 0 });
    await t.rejects(polish(), { code: 'failed', message: /said nothing for 40 ms/ });
  }
});

t.test('a dead endpoint does not cost each text its time, and is found again when it is back', async (t) => {
  let now = 0;
  const breaker = { failuresMax: 3, openMs: 1_000, openMsMax: 60_000, now: () => now };
  const { endpoint, polisher, events, polish } = await open(t, (response) => void response.writeHead(500).end('dead'), {
    breaker,
    retriesMax: 0,
  });
  for (let count = 0; count < 3; count++) await t.rejects(polish(), { code: 'failed' });
  t.equal(polisher.isAvailable, false);
  for (let count = 0; count < 50; count++) await t.rejects(polish(), { code: 'unavailable' });
  t.equal(endpoint.calls.length, 3, 'nobody asks it');
  now += 1_001;
  t.equal(polisher.isAvailable, true);
  const trials = await Promise.allSettled([polish(), polish(), polish()]);
  t.equal(endpoint.calls.length, 4, 'one tries');
  t.ok(trials.every(({ status }) => status === 'rejected'));
  now += 1_001;
  t.equal(polisher.isAvailable, false, 'and the wait grows');
  now += 1_001;
  endpoint.script = streams(WRITTEN);
  t.equal(await polish(), WRITTEN);
  t.equal(await polish(), WRITTEN);
  t.same(events, ['down: HTTP 500', 'back']);
});

t.test('texts whose time is over in vain count as its failures', async (t) => {
  const { polisher } = await open(t, () => {});
  for (let count = 0; count < 3; count++) {
    t.ok(polisher.isAvailable);
    const controller = new AbortController();
    const run = polisher.polish(REQUEST, { signal: controller.signal });
    setImmediate(() => controller.abort(new TimeUpError('over')));
    await t.rejects(run, { message: 'over' });
  }
  t.equal(polisher.isAvailable, false);
});

t.test('closed while it waits to try again, it does not try', async (t) => {
  const answered = new EventEmitter();
  const busy: ChatScript = (response) => {
    response.writeHead(503).end('busy');
    answered.emit('answer');
  };
  const { endpoint, polisher, polish } = await open(t, busy, { retryDelayMs: 100 });
  const run = t.rejects(polish(), { code: 'unavailable', message: 'closed' });
  await once(answered, 'answer');
  // Its own answer came first, and was read first.
  await fetch(endpoint.url, { method: 'POST', body: '{"messages":[]}' }).then((response) => response.text());
  const { length } = endpoint.calls;
  await polisher.close();
  await run;
  t.equal(endpoint.calls.length, length);
});

t.test('an address where nobody listens', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  const polisher = new EndpointPolisher({ url: `http://127.0.0.1:${port}`, model: 'm', retryDelayMs: 1 });
  await t.rejects(polisher.polish(REQUEST, { signal: new AbortController().signal }), {
    code: 'failed',
    message: /ECONNREFUSED/,
  });
  await polisher.close();
  await t.rejects(polisher.polish(REQUEST, { signal: new AbortController().signal }), { code: 'unavailable' });
});

t.test('the address may be given with or without its path', async (t) => {
  for (const given of [
    'http://h:1',
    'http://h:1/',
    'http://h:1/v1',
    'http://h:1/v1/',
    'http://h:1/v1/chat/completions',
  ]) {
    t.equal(completionsUrl(given), 'http://h:1/v1/chat/completions');
  }
  t.equal(completionsUrl('https://h/openai/v1'), 'https://h/openai/v1/chat/completions');
  for (const wrong of ['h:1', 'ftp://h', 'nonsense']) t.throws(() => completionsUrl(wrong), TypeError);
});

t.test('a breaker opens after its failures, one success closes it', async (t) => {
  let now = 0;
  const breaker = new CircuitBreaker({ failuresMax: 2, openMs: 10, openMsMax: 30, now: () => now });
  t.equal(breaker.failed(), false);
  breaker.succeeded();
  t.equal(breaker.failed(), false);
  for (const waitMs of [10, 20, 30, 30]) {
    t.equal(breaker.failed(), true);
    now += waitMs - 1;
    t.notOk(breaker.allows);
    now += 1;
    t.ok(breaker.allows);
    breaker.begin();
    t.notOk(breaker.allows, 'one at a time');
  }
  breaker.gaveUp();
  t.ok(breaker.allows);
  t.equal(breaker.failed(), true);
  t.equal(breaker.failed(), false, 'calls that began before tell nothing new');
  now += 30;
  t.ok(breaker.allows);
  breaker.succeeded();
  t.equal(breaker.failed(), false);
});

t.test('events are read wherever their bytes are cut', async (t) => {
  const data = anyText({ maxLength: 20 }).map((text) => JSON.stringify(text));
  await fc.assert(
    fc.asyncProperty(
      fc.array(data, { maxLength: 8 }),
      fc.constantFrom('\n', '\r\n'),
      fc.array(fc.nat(9), { maxLength: 60 }),
      async (events, end, cuts) => {
        const bytes = Buffer.from(
          events.map((event) => `: comment${end}event: x${end}data: ${event}${end}${end}`).join(''),
        );
        const chunks: Buffer[] = [];
        let at = 0;
        for (const size of cuts) chunks.push(bytes.subarray(at, (at += size)));
        chunks.push(bytes.subarray(at));
        const read: string[] = [];
        for await (const event of eventData(
          (async function* () {
            yield* chunks;
          })(),
        ))
          read.push(event);
        return JSON.stringify(read) === JSON.stringify(events);
      },
    ),
  );
  t.pass('held');
});
