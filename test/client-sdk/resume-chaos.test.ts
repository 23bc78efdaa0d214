// No word lost, none doubled: the client and the real server with a network between them that breaks again and again.
import {
  connect,
  JsonClientCodec,
  MsgpackClientCodec,
  TranscriptView,
  type ConnectOptions,
  type FinalMessage,
  type SessionEvent,
} from '@sotto/client';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { decodeAudioFile } from '../../server/src/audio/audio-file.js';
import { createUwsTransport, loadUws } from '../../server/src/transport/uws-transport.js';
import { createWsTransport } from '../../server/src/transport/ws-transport.js';
import { SESSION_DEFAULTS } from '../../server/src/session/session-settings.js';
import { createSessionFactory } from '../../server/src/session/session.js';
import { ChaosProxy, seededRandom } from '../support/chaos-proxy.js';
import { fixtureClip } from '../support/fixtures.js';
import { LoudnessVad } from '../support/loudness-vad.js';
import { ScriptedRecognizer } from '../support/scripted-recognizer.js';
import { ServerProcess } from '../support/server-process.js';
import { joined, pcm16, SAMPLE_RATE, silence } from '../support/speech.js';
import { startTestGateway, type CreateTransport } from '../support/test-gateway.js';
import { until } from '../support/until.js';
import { isWholeRun, wholeRunOnly } from '../support/whole-run.js';

const SEED = Number(process.env['SOTTO_CHAOS_SEED'] ?? 20_261);
const CHUNK_SAMPLES = SAMPLE_RATE / 25;

const CODECS = { msgpack: () => new MsgpackClientCodec(), json: () => new JsonClientCodec() };
const uws = loadUws();
/** Each transport and each codec once: they do not know of each other. */
const TRANSPORTS: ['ws' | 'uws', keyof typeof CODECS, CreateTransport | undefined][] = [
  ['ws', 'json', createWsTransport],
  ['uws', 'msgpack', uws && ((options) => createUwsTransport(uws, options))],
];

/** Loud and quiet stretches of random lengths: utterances that differ in length, and so in their scripted words. */
function randomSpeech(seed: number, utterances: number): Float32Array {
  const random = seededRandom(seed);
  const parts: Float32Array[] = [];
  for (let i = 0; i < utterances; i++) {
    parts.push(silence(900 + Math.floor(random() * 1_000)));
    parts.push(new Float32Array(16 * (600 + Math.floor(random() * 5_000))).fill(0.9));
  }
  parts.push(silence(1_000));
  return joined(...parts);
}

interface Heard {
  readonly events: readonly SessionEvent[];
  readonly view: TranscriptView;
  readonly finals: FinalMessage[];
  readonly audioMs: number;
}

/** Streams the samples as fast as they are taken, with a mark, a finalize and a change of settings on the way. */
async function hear(
  t: Test,
  url: string,
  samples: Float32Array,
  options: ConnectOptions = {},
  { asks = true } = {},
): Promise<Heard> {
  const session = connect(url, {
    words: true,
    reconnect: { delayMs: 4, delayMsMax: 20, attemptsMax: 200, random: seededRandom(SEED) },
    webSocket: (address, protocols) => new WebSocket(address, protocols),
    ...options,
  });
  t.teardown(() => session.close());
  const events: SessionEvent[] = [];
  const view = new TranscriptView();
  const reading = (async () => {
    for await (const event of session) {
      events.push(event);
      view.apply(event);
    }
  })();
  const answers: Promise<unknown>[] = [];
  let chunks = 0;
  for (let at = 0; at < samples.length; at += CHUNK_SAMPLES) {
    const more = session.send(pcm16(samples.subarray(at, at + CHUNK_SAMPLES)));
    chunks++;
    if (asks && chunks % 97 === 0) answers.push(session.mark());
    if (asks && chunks % 211 === 0) answers.push(session.finalize());
    if (asks && chunks === 400) session.configure({ endpointing: { minSilenceMs: 800 } });
    if (!more) await session.drained();
    // A turn of the event loop, so that the network gets its share.
    if (chunks % 8 === 0) await new Promise(setImmediate);
  }
  const { audioMs } = await session.stop();
  await Promise.all([reading, ...answers]);
  const finals = events.filter((event): event is FinalMessage => event.type === 'final');
  return { events, view, finals, audioMs };
}

/** What a program builds on: every event that may come once only, and what it says. */
function storyOf({ events }: Heard): SessionEvent[] {
  // Kind by kind: whether the next utterance begins before the final of the last one is there is a matter of moments
  // (SP2).
  const once = ['speechStarted', 'speechEnded', 'final', 'mark', 'error', 'stopped'];
  return once.flatMap((kind) => events.filter(({ type }) => type === kind));
}

/** Rules SP1 to SP5, over all connections. */
function assertOrderly(t: Test, { events }: Heard): void {
  const last = new Map<number, { revision: number; stable: string }>();
  let acked = 0;
  let faults = 0;
  for (const event of events) {
    if (event.type === 'ack') {
      if (event.offset < acked) faults++;
      acked = event.offset;
    }
    if (event.type !== 'partial') continue;
    const before = last.get(event.segmentId);
    if (before !== undefined && (event.revision <= before.revision || !event.stable.startsWith(before.stable)))
      faults++;
    last.set(event.segmentId, event);
  }
  t.equal(faults, 0, 'partials grow, acks never fall back');
}

for (const [name, codec, createTransport] of TRANSPORTS) {
  // The quick run has the one that serves.
  if (!isWholeRun && name !== (uws === undefined ? 'ws' : 'uws')) continue;
  const skip = createTransport === undefined && 'no binary for this Node';
  t.test(`RS1-RS6: 60 cuts cost no word (${name}, ${codec})`, { skip, timeout: 120_000 }, async (t) => {
    if (createTransport === undefined) return;
    const samples = randomSpeech(SEED, 60);
    const { url, port, metric } = await startTestGateway(
      t,
      createTransport,
      createSessionFactory({
        vad: new LoudnessVad(),
        recognizer: new ScriptedRecognizer({ records: false }),
        settings: SESSION_DEFAULTS,
      }),
    );
    const whole = await hear(t, url, samples, { codec: CODECS[codec]() });
    t.equal(whole.events.filter(({ type }) => type === 'reconnecting').length, 0);
    t.ok(whole.finals.length >= 60, `${whole.finals.length} finals`);

    const proxy = await ChaosProxy.start(t, port, { seed: SEED, cuts: 60, bytesMax: 20_000, msMax: 20 });
    const broken = await hear(t, proxy.url, samples, { codec: CODECS[codec]() });
    t.ok(proxy.cuts >= 50, `${proxy.cuts} cuts, ${proxy.connections} connections`);
    t.ok(broken.events.filter(({ type }) => type === 'resumed').length >= 25, 'most of them while the session ran');
    t.notOk(broken.events.some(({ type }) => type === 'restarted'));
    t.strictSame(storyOf(broken), storyOf(whole), 'the same events, each once, in the same order');
    t.equal(broken.view.text, whole.view.text);
    t.equal(broken.audioMs, Math.round(samples.length / 16), 'a timeline without gaps');
    assertOrderly(t, broken);
    t.equal(await metric('sotto_resumes_total{outcome="unknown"}'), 0);
  });
}

t.test('RS7: servers that restart in the middle of speech cost no word', { timeout: 120_000 }, async (t) => {
  const samples = randomSpeech(SEED + 1, 25);
  const start = () =>
    startTestGateway(
      t,
      createWsTransport,
      createSessionFactory({
        vad: new LoudnessVad(),
        recognizer: new ScriptedRecognizer({ records: false }),
        settings: SESSION_DEFAULTS,
      }),
    );
  let server = await start();
  const whole = await hear(t, server.url, samples, {}, { asks: false });
  const proxy = await ChaosProxy.start(t, server.port, { seed: SEED, cuts: 0, bytesMax: 1, msMax: 1 });

  const session = connect(proxy.url, {
    reconnect: { delayMs: 4, delayMsMax: 20, attemptsMax: 200 },
    webSocket: (address, protocols) => new WebSocket(address, protocols),
  });
  t.teardown(() => session.close());
  const events: SessionEvent[] = [];
  const view = new TranscriptView();
  const reading = (async () => {
    for await (const event of session) {
      events.push(event);
      view.apply(event);
    }
  })();
  const of = (type: SessionEvent['type']) => events.filter((event) => event.type === type);
  let restarts = 0;
  for (let at = 0; at < samples.length; at += CHUNK_SAMPLES) {
    if (!session.send(pcm16(samples.subarray(at, at + CHUNK_SAMPLES)))) await session.drained();
    if (at % (CHUNK_SAMPLES * 8) === 0) await new Promise(setImmediate);
    // Right after speech has begun.
    if (restarts < 4 && of('speechStarted').length > of('final').length && of('final').length >= 5 * (restarts + 1)) {
      restarts++;
      const old = server;
      server = await start();
      proxy.retarget(server.port);
      await old.gateway.close();
      await until(() => of('restarted').length === restarts);
    }
  }
  await session.stop();
  await reading;
  t.equal(restarts, 4);
  t.equal(of('restarted').length, 4);
  t.match(
    of('restarted'),
    Array.from({ length: 4 }, () => ({ lostMs: 0 })),
  );
  const finals = events.filter((event): event is FinalMessage => event.type === 'final');
  t.equal(finals.length, whole.finals.length, 'as many utterances');
  const spans = finals.map(({ startMs, endMs }) => ({ startMs, endMs }));
  for (const [i, { startMs, endMs }] of whole.finals.entries()) {
    // Frames of the detector begin anew with the session: within two of them.
    const near =
      Math.abs((spans[i]?.startMs ?? NaN) - startMs) <= 64 && Math.abs((spans[i]?.endMs ?? NaN) - endMs) <= 64;
    if (!near) t.fail(`utterance ${i}: ${JSON.stringify(spans[i])} instead of ${startMs}-${endMs}`);
  }
  t.strictSame(
    finals.map(({ segmentId }) => segmentId),
    [...new Set(finals.map(({ segmentId }) => segmentId))].toSorted((a, b) => a - b),
    'ids go on',
  );
  t.equal(view.tentative + view.stable, '', 'nothing is left over of utterances that were void');
});

t.test(
  'the embedded model hears the same through a network that breaks',
  { timeout: 120_000, ...wholeRunOnly },
  async (t) => {
    const server = await ServerProcess.start(t);
    const { samples } = await decodeAudioFile(fixtureClip('en-long-office').path);
    const options: ConnectOptions = { language: 'en' };
    const whole = await hear(t, server.url, samples, options, { asks: false });
    t.ok(whole.view.text.split(' ').length > 20, whole.view.text);
    const port = Number(new URL(server.http).port);
    const proxy = await ChaosProxy.start(t, port, { seed: SEED, cuts: 12, bytesMax: 40_000, msMax: 100 });
    const broken = await hear(t, proxy.url, samples, options, { asks: false });
    t.ok(broken.events.filter(({ type }) => type === 'resumed').length >= 3, `${proxy.cuts} cuts`);
    t.strictSame(wordsOf(broken), wordsOf(whole), 'word for word, and every time');
  },
);

/** Words and times; probabilities differ in their last digits with the drafts that a decode began from. */
function wordsOf({ finals }: Heard): unknown[] {
  return finals.map(({ text, startMs, endMs, words = [] }) => [
    text,
    startMs,
    endMs,
    words.map((word) => [word.text, word.startMs, word.endMs]),
  ]);
}
