// Traces of utterances, taken by a little collector; and one that is not there.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import type { DecodeRequest, DecodeResult } from '../../../server/src/asr/engine.js';
import { StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import { PolishService } from '../../../server/src/polish/polish-service.js';
import { RulesPolisher } from '../../../server/src/polish/rules/rules-polisher.js';
import { createSessionFactory } from '../../../server/src/session/session.js';
import { SESSION_DEFAULTS } from '../../../server/src/session/session-settings.js';
import { openTracing, type TracingOptions } from '../../../server/src/tracing/open-tracing.js';
import { createWsTransport } from '../../../server/src/transport/ws-transport.js';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { loud } from '../../support/loud-audio.js';
import { scriptedAudio, ScriptedEngine, scriptedTokenizer } from '../../support/scripted-engine.js';
import { startTestGateway } from '../../support/test-gateway.js';
import { connectWire } from '../../support/wire-client.js';
import { until } from '../../support/until.js';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

const START = {
  type: 'start',
  audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
  polish: { mode: 'standard', scope: 'segment' },
} as const;

/** Takes OTLP over HTTP with JSON bodies until the test ends. */
async function startCollector(t: Test) {
  const spans: Span[] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString();
      bodies.push(body);
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
      };
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return { spans, bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces` };
}

/** Hears its script in any audio. */
class HelloEngine extends ScriptedEngine {
  constructor() {
    super({ script: [{ text: 'hello', startMs: 0, endMs: 200 }] });
  }

  override decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    return super.decode(batch.map((request) => ({ ...request, audio: scriptedAudio(0, 1_000) })));
  }
}

/** A server around it. */
async function startServer(t: Test, options: Pick<TracingOptions, 'url'> & Partial<TracingOptions>) {
  const warnings: string[] = [];
  const tracing = await openTracing({
    share: 1,
    version: '0',
    log: { warn: (_, message) => warnings.push(message) },
    ...options,
  });
  t.teardown(() => tracing.close());
  const recognizer = new StreamingRecognizer([new HelloEngine()], scriptedTokenizer());
  t.teardown(() => recognizer.close());
  const sessions = createSessionFactory({
    vad: new LoudnessVad(),
    recognizer,
    polishing: new PolishService({ fast: new RulesPolisher(), waitingMax: 10 }),
    settings: SESSION_DEFAULTS,
    onDecode: (...facts) => tracing.decoded(...facts),
  });
  const gateway = await startTestGateway(t, createWsTransport, sessions, { tracing });
  return { ...gateway, tracing, warnings };
}

async function speak(t: Test, url: string) {
  const client = await connectWire(t, url);
  const data = Buffer.concat([loud('speech', 1.5, 16_000), loud('silence', 2, 16_000)]);
  client.send(START, { type: 'audio', offset: 0, data }, { type: 'stop' });
  t.match(await client.closed, { code: 1000 });
  t.equal(client.all('final').length, 1);
  return client.all('ready')[0]?.sessionId;
}

t.test('one utterance: gateway, VAD, endpointing, queue, engine and polish under one root, and no words', async (t) => {
  const collector = await startCollector(t);
  const { url, tracing } = await startServer(t, { url: collector.url });
  const sessionId = await speak(t, url);
  await tracing.close();
  const root = collector.spans.find(({ name }) => name === 'utterance');
  t.ok(root, `got ${collector.spans.map(({ name }) => name).join(', ')}`);
  t.equal(root?.parentSpanId ?? '', '');
  const attributes = new Map(root?.attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
  t.equal(attributes.get('sotto.session'), sessionId);
  t.equal(attributes.get('sotto.language'), 'en');
  const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === root?.spanId);
  t.same(
    new Set(children.map(({ name }) => name)),
    new Set(['gateway', 'vad', 'endpointing', 'queue', 'engine', 'polish']),
  );
  t.equal(children.length, collector.spans.length - 1, 'every span belongs to the utterance');
  for (const span of collector.spans) {
    t.equal(span.traceId, root?.traceId);
    t.ok(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano), `${span.name} ends after it begins`);
  }
  t.notMatch(collector.bodies.join(''), /hello/i);
});

t.test('a share of 0 traces nothing', async (t) => {
  const collector = await startCollector(t);
  const { url, tracing } = await startServer(t, { url: collector.url, share: 0 });
  await speak(t, url);
  await tracing.close();
  t.equal(collector.spans.length, 0);
});

t.test('a collector that is away costs nobody anything, and is named in the log once', async (t) => {
  const { url, tracing, warnings } = await startServer(t, { url: 'http://127.0.0.1:9/v1/traces' });
  for (let i = 0; i < 3; i++) await speak(t, url);
  await tracing.close();
  await until(() => warnings.length > 0, 'a warning');
  t.strictSame(warnings, ['the collector does not take traces']);
});
