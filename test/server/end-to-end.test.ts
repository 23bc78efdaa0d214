// The whole server as its user meets it: a process, a client, speech in, words out; and how it ends, by signal and by
// accident.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { connect, type ConnectOptions, type StreamSession } from '@sotto/client';
import { JsonClientCodec, MsgpackClientCodec, type ServerMessage } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { loadUws } from '../../server/src/transport/uws-transport.js';
import { fixtureClip, fixtureSamples } from '../support/fixtures.js';
import { ServerProcess, TINY } from '../support/server-process.js';
import { joined, pcm16, SAMPLE_RATE, silence } from '../support/speech.js';
import type { WireEncoding } from '../support/wire-client.js';
import { sampled, wholeRunOnly } from '../support/whole-run.js';

const CHUNK_SAMPLES = SAMPLE_RATE / 10;
/** Tests that reach for the engine's process find it in /proc. */
const needsProc = {
  skip: !existsSync(`/proc/self/task/${process.pid}/children`) && 'no /proc/PID/task/PID/children here',
};

for (const transport of ['ws', 'uws'] as const) {
  // The quick run has the one that serves.
  const isQuick = (transport === 'uws') === (loadUws() !== undefined);
  const skip =
    transport === 'uws' && loadUws() === undefined
      ? 'no uWebSockets.js binary for this Node'
      : !isQuick && wholeRunOnly.skip;
  t.test(`speech over ${transport}`, { skip }, async (t) => {
    const server = await ServerProcess.start(t, [...TINY, '--transport', transport, '--log-level', 'debug']);
    t.match(server.stdout, /^Sotto is listening on http:\/\/127\.0\.0\.1:\d+ \(model tiny-whisper, cpu\)\n$/);

    const codecs = transport === 'ws' ? (['json', 'msgpack'] as const) : (['msgpack', 'json'] as const);
    for (const codec of sampled(codecs, 1)) {
      t.test(`finals with words, in order, over ${codec}`, async (t) => {
        const { session, events } = open(t, server, { codec, words: true });
        const names = ['en-question', 'en-date', 'en-weather'];
        const clips = await Promise.all(names.map((name) => fixtureSamples(name)));
        const audio = joined(...clips.flatMap((clip) => [clip, silence(1_200)]));
        await sendAll(session, audio);
        const totals = await session.stop();
        t.match(await session.closed, { closeCode: 1000 });
        const finals = events.filter((event) => event.type === 'final');
        t.ok(finals.length >= names.length, `${finals.length} utterances`);
        t.match(totals, { reason: 'stop', segments: finals.length, audioMs: Math.floor(audio.length / 16) });
        t.equal(events[0]?.type, 'ready');
        t.equal(events.at(-1)?.type, 'stopped');
        t.same(
          finals.map((final) => final.segmentId),
          finals.map((_, i) => i),
        );
        for (const [i, { startMs, endMs, words = [] }] of finals.entries()) {
          t.ok(startMs >= (finals[i - 1]?.endMs ?? 0) && endMs > startMs, 'utterances do not overlap');
          t.ok(
            words.every((word) => word.startMs >= startMs - 1 && word.endMs <= endMs + 1 && word.endMs >= word.startMs),
            'words lie within their utterance',
          );
        }
      });
    }

    t.test('partials come while the words are spoken', async (t) => {
      const { session, events } = open(t, server, { partialIntervalMs: 300 });
      const audio = joined(await fixtureSamples('en-date'), silence(900));
      const begin = performance.now();
      for (let at = 0; at < audio.length; at += CHUNK_SAMPLES) {
        await delay(begin + (at / SAMPLE_RATE) * 1_000 - performance.now());
        session.send(pcm16(audio.subarray(at, at + CHUNK_SAMPLES)));
      }
      await session.stop();
      const types = events.map((event) => event.type);
      const firstPartial = types.indexOf('partial');
      t.ok(firstPartial > types.indexOf('speechStarted'), 'after the start of speech');
      t.ok(firstPartial < types.indexOf('speechEnded'), 'before its end');
    });

    t.test('nothing that was said is in the log', async (t) => {
      const { session, events } = open(t, server, { prompt: 'xylophone', hotwords: ['zebra'] });
      await sendAll(session, await fixtureSamples('en-question'));
      await session.stop();
      const refused = open(t, server, { prompt: 'okapi '.repeat(400) });
      t.match(await refused.session.closed, { closeCode: 4400 });
      const texts = events.flatMap((event) => (event.type === 'final' ? event.text.split(' ') : []));
      for (const word of ['xylophone', 'zebra', 'okapi', ...texts.filter((text) => text.length > 6)]) {
        t.notOk(server.stderr.includes(word), word);
      }
      t.match(server.stderr, /"connection closed"/, 'something was logged at all');
    });

    t.test('sotto transcribe prints what the server hears', { skip: !isQuick && 'once is enough' }, async (t) => {
      const sotto = fileURLToPath(new URL('../../server/bin/sotto.mjs', import.meta.url));
      const flags = ['--fast', '--json', '--server', server.url, fixtureClip('en-question').path];
      const { stdout } = await promisify(execFile)(process.execPath, [sotto, 'transcribe', ...flags]);
      const events = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string });
      t.ok(events.some((event) => event.type === 'final'));
      t.ok(events.some((event) => event.type === 'stopped'));
    });

    t.test('an engine that is killed costs no connection, and no later speech', needsProc, async (t) => {
      const { session, events } = open(t, server);
      const clip = joined(await fixtureSamples('en-question'), silence(1_200));
      await sendAll(session, clip.subarray(0, clip.length / 2));
      await session.mark();
      const engine = engineOf(server);
      process.kill(engine, 'SIGKILL');
      await sendAll(session, joined(clip.subarray(clip.length / 2), clip));
      const totals = await session.stop();
      t.match(await session.closed, { closeCode: 1000 });
      const answers = events.filter(
        (event) => event.type === 'final' || (event.type === 'error' && event.code === 'recognition_failed'),
      );
      t.equal(
        answers.length,
        events.filter((event) => event.type === 'speechStarted').length,
        'every utterance is answered',
      );
      t.equal(answers.at(-1)?.type, 'final', 'the engine is back');
      t.equal(totals.audioMs, Math.floor((clip.length * 2) / 16));
      t.equal(await server.metric('sotto_engine_deaths_total'), 1);
      t.ok((await server.metric('sotto_decode_windows_total')) >= answers.length);
      t.match(server.stderr, /engine died/);
      t.match(server.stderr, /engine restarted/);
    });

    t.test(
      'CL2: SIGTERM in the middle of a word: the final comes, then goingAway, and the process ends with 0',
      async (t) => {
        const { session, events } = open(t, server);
        const samples = await fixtureSamples('en-question');
        await sendAll(session, samples.subarray(0, (samples.length * 2) / 3));
        await session.mark();
        const begin = performance.now();
        server.kill('SIGTERM');
        t.match(await session.closed, { closeCode: 1001 });
        t.match(events.at(-1), { type: 'stopped', reason: 'drain' });
        t.match(
          events.findLast((event) => event.type === 'final'),
          { reason: 'stop' },
        );
        t.same(await server.exit(), { code: 0, signal: null });
        t.ok(performance.now() - begin < 10_000, 'within the bound');
      },
    );
  });
}

t.test('a second signal ends the process at once', needsProc, async (t) => {
  // Its engine is stopped, so that the final that the first signal waits for never comes.
  const server = await ServerProcess.start(t, [...TINY, '--drain-timeout-ms', '60000']);
  const { session } = open(t, server);
  const samples = await fixtureSamples('en-question');
  await sendAll(session, samples.subarray(0, (samples.length * 2) / 3));
  await session.mark();
  const engine = engineOf(server);
  process.kill(engine, 'SIGSTOP');
  t.teardown(() => kill(engine));
  server.kill('SIGTERM');
  // Idle connections are closed when it drains: each look has its own.
  const look = { headers: { connection: 'close' } };
  while ((await fetch(`${server.http}/ready`, look)).ok) await delay(20);
  server.kill('SIGTERM');
  t.same(await server.exit(), { code: 143, signal: null });
});

t.test('a signal while the server starts ends it and its children, which may not hear of it', needsProc, async (t) => {
  const server = ServerProcess.launch(t, [...TINY]);
  let engine: number | undefined;
  while (engine === undefined) {
    await delay(5);
    engine = findEngine(server);
  }
  const stopped = engine;
  process.kill(stopped, 'SIGSTOP');
  t.teardown(() => kill(stopped));
  server.kill('SIGTERM');
  t.same(await server.exit(), { code: 0, signal: null });
  while (isAlive(stopped)) await delay(5);
});

t.test('a drain that takes too long is cut at its bound', needsProc, async (t) => {
  const server = await ServerProcess.start(t, [...TINY, '--drain-timeout-ms', '500']);
  const { session } = open(t, server);
  const samples = await fixtureSamples('en-question');
  await sendAll(session, samples.subarray(0, (samples.length * 2) / 3));
  await session.mark();
  const engine = engineOf(server);
  process.kill(engine, 'SIGSTOP');
  t.teardown(() => kill(engine));
  const begin = performance.now();
  server.kill('SIGINT');
  await session.closed;
  t.same(await server.exit(), { code: 0, signal: null });
  t.ok(performance.now() - begin < 8_000, 'also when its engine does not end');
  t.match(server.stderr, /did not finish in time/);
  while (isAlive(engine)) await delay(5);
});

t.test('a port in use, an unknown model: one clear line and exit code 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => void taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as AddressInfo;
  for (const transport of sampled(['auto', 'ws'], 1)) {
    const server = ServerProcess.launch(t, ['--port', String(port), '--transport', transport]);
    t.equal((await server.exit()).code, 1);
    t.equal(
      server.stderr,
      `sotto: Port ${port} on 127.0.0.1 is in use: stop the other program or choose a port with --port.\n`,
    );
  }
  const server = ServerProcess.launch(t, ['--model', 'nobody']);
  t.equal((await server.exit()).code, 1);
  t.match(server.stderr, /^sotto: No model "nobody": there are .*whisper-base-adapted\n$/);
});

/** A session on the server, with all that it is told. */
function open(
  t: Test,
  server: ServerProcess,
  { codec = 'msgpack', ...options }: { codec?: WireEncoding } & Omit<ConnectOptions, 'codec'> = {},
): { session: StreamSession; events: ServerMessage[] } {
  const session = connect(server.url, {
    reconnect: false,
    ...options,
    codec: codec === 'json' ? new JsonClientCodec() : new MsgpackClientCodec(),
    webSocket: (url, protocols) => new WebSocket(url, protocols),
  });
  t.teardown(() => session.close());
  const events: ServerMessage[] = [];
  void (async () => {
    for await (const event of session) {
      if (event.type !== 'reconnecting' && event.type !== 'restarted') events.push(event);
    }
  })().catch(() => {});
  return { session, events };
}

/** Sends as fast as the server takes it. */
async function sendAll(session: StreamSession, samples: Float32Array): Promise<void> {
  for (let at = 0; at < samples.length; at += CHUNK_SAMPLES) {
    if (!session.send(pcm16(samples.subarray(at, at + CHUNK_SAMPLES)))) await session.drained();
  }
}

/** The process id of the server's engine. */
function engineOf(server: ServerProcess): number {
  const engine = findEngine(server);
  if (engine === undefined) throw new Error('the server has no engine process');
  return engine;
}

function findEngine(server: ServerProcess): number | undefined {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .map(Number);
  // The service that compiles TypeScript may be another child.
  return children.find((pid) => readProc(pid, 'cmdline').includes('engine-child'));
}

/** Whether a process runs or is stopped; one that has ended may not have been collected yet. */
function isAlive(pid: number): boolean {
  return /^State:\s+[^ZX]/m.test(readProc(pid, 'status'));
}

/** Nothing where the process is gone. */
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
