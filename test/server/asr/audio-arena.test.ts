import * as fc from 'fast-check';
import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { ModelRegistry } from '@sotto/models';
import t, { type Test } from 'tap';
import { AUDIO_ARENA_BYTES, AudioArena } from '../../../server/src/asr/engine-host/audio-arena.js';
import { EngineChild } from '../../../server/src/asr/engine-host/engine-child.js';
import { openEngine } from '../../../server/src/asr/engine-host/open-engine.js';
import { PROCESS_ENGINE_DEFAULTS, ProcessEngine } from '../../../server/src/asr/engine-host/process-engine.js';
import { mapSharedMemory } from '../../../server/src/asr/engine-host/shared-memory.js';
import { whisperEngineSpec } from '../../../server/src/asr/engine-host/whisper-engine-spec.js';
import type { DecodeRequest } from '../../../server/src/asr/engine.js';
import { EngineError } from '../../../server/src/asr/errors.js';
import { fixturesFolder, fixtureSamples } from '../../support/fixtures.js';
import { fingerprint, heardBy, listeningSpec, listenTo, seededAudio } from '../../support/listening-engine.js';
import { holds } from '../../support/property.js';
import { isWholeRun, rounds, sampled } from '../../support/whole-run.js';

const arenas = process.platform === 'linux' ? {} : { skip: 'processes share memory on Linux only' };
/** No buffer of a message is as long. */
const ARENA_BYTES = 4 * 250_007;
const RESTARTS = rounds(2, 5);

function arenaOf(t: Test, bytes: number): AudioArena {
  const arena = AudioArena.create(bytes);
  if (!arena) throw new Error('the kernel refuses to share memory');
  t.teardown(() => arena.close());
  return arena;
}

/** Maps and descriptors of this process that belong to arenas. */
function held() {
  const maps = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes('memfd:sotto-audio'));
  const files = readdirSync('/proc/self/fd').filter((file) => {
    try {
      return readlinkSync(`/proc/self/fd/${file}`).includes('memfd:sotto-audio');
    } catch {
      return false; // The listing's own.
    }
  });
  return { maps: maps.length, files: files.length };
}

const bytesOf = (audio: Float32Array | undefined): Buffer =>
  audio ? Buffer.from(audio.buffer, audio.byteOffset, audio.byteLength) : Buffer.alloc(0);

t.test('windows lie where they were put, until they are released', arenas, (t) => {
  const samplesMax = 100;
  const arena = arenaOf(t, samplesMax * 4);
  const seen = new Float32Array(mapSharedMemory(arena.file, arena.bytes)?.buffer ?? new ArrayBuffer(0));
  const step = fc.record({
    windows: fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }),
    /** Which of the runs under way ends before. */
    ends: fc.option(fc.nat(10)),
  });
  let next = 0;
  holds(
    t,
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const running: { windows: Float32Array[]; placed: ReturnType<AudioArena['place']> }[] = [];
      for (const { windows: lengths, ends } of steps) {
        if (ends !== null) running.splice(ends, 1)[0]?.placed.release();
        const windows = lengths.map((length) => seededAudio(length, next++));
        const placed = arena.place(windows.map((audio) => listenTo(audio)));
        const inMessage = placed.batch.every(({ audio }) => audio instanceof Float32Array);
        const samples = lengths.reduce((sum, length) => sum + length, 0);
        if (inMessage && running.length === 0 && samples <= samplesMax) throw new Error('an empty arena refused');
        running.push({ windows, placed });
        for (const run of running) {
          for (const [i, { audio }] of run.placed.batch.entries()) {
            const heard = audio instanceof Float32Array ? audio : seen.subarray(audio.begin, audio.end);
            if (Buffer.compare(bytesOf(heard), bytesOf(run.windows[i])) !== 0) throw new Error('another is there');
          }
        }
      }
      for (const { placed } of [...running, ...running]) placed.release();
      if (arena.takenSamples !== 0) throw new Error(`${arena.takenSamples} samples are still taken`);
    }),
    { numRuns: 100 },
  );
  arena.close();
  arena.close();
  const [late] = arena.place([listenTo(seededAudio(8, 1))]).batch;
  t.ok(late?.audio instanceof Float32Array, 'a closed arena is full');
  t.end();
});

t.test('many runs at once, in an arena that holds them all and in one that does not', arenas, async (t) => {
  const windows = Array.from({ length: 60 }, (_, i) => seededAudio(1_000 + ((i * 7_919) % 40_000), i));
  const sizes = [
    [AUDIO_ARENA_BYTES, 'all in it'],
    [ARENA_BYTES, 'some'],
    [4, 'none'],
    [0, 'switched off'],
  ] as const;
  for (const [bytes, name] of sampled(sizes, 3)) {
    const engine = await ProcessEngine.start(listeningSpec, { audioArenaBytes: bytes });
    t.teardown(() => engine.close());
    t.equal(engine.runsInFlight, 2, 'as the engine says');
    // Runs of 1 to 4 windows that end in another order than they began.
    const batches: DecodeRequest[][] = [];
    for (let at = 0; at < windows.length;) {
      const size = 1 + (batches.length % 4);
      const runMs = (batches.length * 37) % 60;
      batches.push(windows.slice(at, at + size).map((audio) => listenTo(audio, runMs)));
      at += size;
    }
    const heard = (await Promise.all(batches.map((batch) => engine.decode(batch)))).flat().map(heardBy);
    t.same(
      heard.map(({ print }) => print),
      windows.map(fingerprint),
      `${name}: what was sent was heard`,
    );
    const inArena = heard.filter(({ bufferBytes }) => bufferBytes === bytes).length;
    t.equal(inArena > 0, bytes > 4, `${name}: ${inArena} of ${heard.length} windows in the arena`);
    if (bytes === AUDIO_ARENA_BYTES) t.equal(inArena, heard.length);
    if (bytes === ARENA_BYTES) t.ok(inArena < heard.length, 'the others came in messages');
    if (bytes === 0) continue;
    // All the room is free again.
    const [again] = await engine.decode([listenTo(seededAudio(Math.min(250_000, bytes / 4), 5))]);
    t.equal(again && heardBy(again).bufferBytes, bytes);
  }
});

t.test('a process that is killed under its runs frees their room, and leaves nothing behind', arenas, async (t) => {
  const before = held();
  const arena = arenaOf(t, ARENA_BYTES);
  const child = new EngineChild(listeningSpec, PROCESS_ENGINE_DEFAULTS, arena);
  await child.loaded;
  const runs = [1, 2].map((seed) => child.decode([listenTo(seededAudio(50_000, seed), 60_000)]));
  t.equal(arena.takenSamples, 100_000);
  child.kill(new EngineError('engine_crashed', 'by the test'));
  for (const run of runs) await t.rejects(run, { message: 'by the test' });
  t.equal(arena.takenSamples, 0);
  await t.rejects(child.decode([listenTo(seededAudio(50_000, 3))]), { message: 'by the test' });
  t.equal(arena.takenSamples, 0);
  arena.close();
  t.same(held(), before);
});

t.test('restarts map nothing anew', arenas, async (t) => {
  const before = held();
  const restarts = new EventEmitter();
  const engine = await ProcessEngine.start(listeningSpec, {
    audioArenaBytes: ARENA_BYTES,
    backoffMinMs: 1,
    backoffMaxMs: 1,
    onEvent: ({ type }) => restarts.emit(type),
  });
  const whileUp = { maps: before.maps + 1, files: before.files + 1 };
  for (let restart = 0; restart < RESTARTS; restart++) {
    const back = once(restarts, 'restarted');
    const run = engine.decode([listenTo(seededAudio(150_000, restart), 60_000)]);
    run.catch(() => undefined);
    process.kill(engine.pid as number, 'SIGKILL');
    await t.rejects(run, { code: 'engine_crashed' });
    await back;
  }
  t.same(held(), whileUp);
  const audio = seededAudio(200_000, 7);
  const [result] = await engine.decode([listenTo(audio)]);
  t.same(result && heardBy(result), { print: fingerprint(audio), bufferBytes: ARENA_BYTES });
  await engine.close();
  t.same(held(), before);
});

t.test('a model that does not load takes the arena with it', arenas, async (t) => {
  const before = held();
  await t.rejects(ProcessEngine.start({ module: 'node:path', options: {} }), { code: 'engine_load_failed' });
  t.same(held(), before);
});

// The quick run has a Whisper with random weights: what it hears differs with every sample as well.
const [WHISPER, models] = isWholeRun ? ['whisper-base-adapted', undefined] : ['tiny-whisper', fixturesFolder];
t.test(`${WHISPER} hears the same inline, through the arena and in messages`, async (t) => {
  const model = await new ModelRegistry(models).find(WHISPER);
  const spec = whisperEngineSpec(model, { threads: 1, maxBatch: 3 });
  const clips = await Promise.all(['en-bakery', 'en-question', 'en-market'].map((id) => fixtureSamples(id)));
  const batch = clips.map((audio) => ({ ...listenTo(audio), seed: 0 }));
  const [inline, ...others] = await Promise.all([
    openEngine(spec, 'inline'),
    openEngine(spec, 'process'),
    openEngine(spec, 'process', { audioArenaBytes: 0 }),
  ]);
  const expected = await inline.decode(batch);
  t.ok(expected.every(({ tokens }) => tokens.length > 0));
  for (const engine of others) t.same(await engine.decode(batch), expected);
  await Promise.all([inline, ...others].map((engine) => engine.close()));
});
