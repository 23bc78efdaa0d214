// The Silero detector: agreement with the reference, batching, failures and lifetime.
import { readFile } from 'node:fs/promises';
import { OrtSession, liveHandles, sileroSequenceModel } from '@sotto/models';
import t, { type Test } from 'tap';
import { decodeAudioFile } from '../../../server/src/audio/audio-file.js';
import { loadSileroSequence } from '../../../server/src/vad/silero-recordings.js';
import { PENDING_FRAMES_MAX } from '../../../server/src/vad/silero-stream.js';
import { SileroVad, type SileroVadOptions } from '../../../server/src/vad/silero-vad.js';
import { VAD_FRAME_SAMPLES as FRAME, type VadStream } from '../../../server/src/vad/vad.js';
import { childModule } from '../../support/child-module.js';
import { fixture } from '../../support/fixtures.js';
import { MemoryTrend } from '../../support/memory-trend.js';
import { rounds, sampled } from '../../support/whole-run.js';

/** Frames of a clip, from a frame on. */
async function framesOf(clip: string, from = 0, count = Infinity): Promise<Float32Array[]> {
  const { samples } = await decodeAudioFile(fixture(clip));
  const length = Math.min(count, Math.floor(samples.length / FRAME) - from);
  return Array.from({ length }, (_, index) => samples.subarray((from + index) * FRAME, (from + index + 1) * FRAME));
}

async function judge(stream: VadStream, frames: readonly Float32Array[]): Promise<number[]> {
  const probabilities: number[] = [];
  for (const frame of frames) probabilities.push(await stream.push(frame));
  return probabilities;
}

function worstDifference(one: readonly number[], other: readonly number[]): number {
  return one.reduce(
    (worst, value, at) => Math.max(worst, Math.abs(value - (other[at] ?? 9))),
    one.length - other.length,
  );
}

/** For tests that change nothing in it: a thread and its model take longer than most of them. */
const shared = await SileroVad.load({ runs: 1 });
t.teardown(() => shared.close());

/** A detector of the test's own. */
async function detector(t: Test, options: SileroVadOptions = { runs: 1 }): Promise<SileroVad> {
  const vad = await SileroVad.load(options);
  t.teardown(() => vad.close());
  return vad;
}

t.test('the probabilities of a clip are those of the reference run', async (t) => {
  const golden = JSON.parse(await readFile(new URL('golden/silero-v6.json', import.meta.url), 'utf8'));
  const probabilities = await judge(shared.open(), await framesOf('en-bakery'));
  const difference = worstDifference(probabilities, golden.probabilities);
  t.ok(difference < 1e-4, `worst difference ${difference}`);
});

t.test('a stream hears the same whoever shares its runs', async (t) => {
  const clips = await Promise.all(
    ['en-bakery', 'noise-white', 'melody', 'en-cut'].map((clip) => framesOf(clip, 0, 40)),
  );
  const alone: number[][] = [];
  for (const frames of clips) alone.push(await judge(shared.open(), frames));
  // 45 streams in one batch of 64, each begun at another time.
  const crowd = Array.from({ length: 45 }, async (_, index) => {
    for (let wait = 0; wait < index % 7; wait++) await new Promise(setImmediate);
    return judge(shared.open(), clips[index % clips.length] ?? []);
  });
  const differences = (await Promise.all(crowd)).map((heard, index) =>
    worstDifference(heard, alone[index % clips.length] ?? []),
  );
  t.ok(Math.max(...differences) < 1e-5, `worst difference ${Math.max(...differences)}`);
});

t.test('frames that are pushed together are judged in their order', async (t) => {
  const frames = await framesOf('en-bakery', 0, PENDING_FRAMES_MAX);
  const expected = await judge(shared.open(), frames);
  const stream = shared.open();
  t.strictSame(await Promise.all(frames.map((frame) => stream.push(frame))), expected);
});

t.test('after reset a stream hears as a new one does', async (t) => {
  const frames = await framesOf('en-bakery', 8, 10);
  const expected = await judge(shared.open(), frames);
  const stream = shared.open();
  await judge(stream, await framesOf('melody', 0, 20));
  stream.reset();
  t.strictSame(await judge(stream, frames), expected);
});

for (const runs of sampled([3, 2], 1)) {
  t.test(`${runs} runs at once: every stream hears what it hears alone, in order`, async (t) => {
    const vad = await detector(t, { runs });
    const clips = await Promise.all(['en-bakery', 'melody', 'en-cut'].map((clip) => framesOf(clip, 0, 24)));
    const alone: number[][] = [];
    for (const frames of clips) alone.push(await judge(vad.open(), frames));
    const crowd = Array.from({ length: rounds(70, 200) }, async (_, index) => {
      for (let wait = 0; wait < index % 5; wait++) await new Promise(setImmediate);
      const [stream, frames] = [vad.open(), clips[index % clips.length] ?? []];
      // One by one, or all pushed together.
      return index % 2 === 0 ? judge(stream, frames) : Promise.all(frames.map((frame) => stream.push(frame)));
    });
    const differences = (await Promise.all(crowd)).map((heard, index) =>
      worstDifference(heard, alone[index % clips.length] ?? []),
    );
    t.ok(Math.max(...differences) < 1e-5, `worst difference ${Math.max(...differences)}`);
  });

  t.test(`${runs} runs at once: a model that fails is replaced, the others go on`, async (t) => {
    const failing = failingThreads('model', 1);
    const vad = await detector(t, { runs, thread: failing.thread });
    const frames = await framesOf('en-bakery', 8, 3);
    const heard = await Promise.all(Array.from({ length: 200 }, () => judge(vad.open(), frames)));
    t.ok(heard.flat().every((probability) => probability >= 0 && probability <= 1));
    t.equal(failing.loads, runs + 1);
  });

  t.test(`${runs} runs at once: close waits for them and leaves nothing behind`, async (t) => {
    const before = liveHandles();
    const vad = await SileroVad.load({ runs });
    const pushes = Array.from({ length: 200 }, () => vad.open().push(new Float32Array(FRAME)));
    const settled = Promise.allSettled(pushes);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    await vad.close();
    t.ok((await settled).every(({ status }) => status === 'rejected'));
    t.strictSame(liveHandles(), before);
  });
}

t.test('more streams than the largest batch are all served', async (t) => {
  const frames = await framesOf('en-bakery', 8, 3);
  const expected = await judge(shared.open(), frames);
  const heard = await Promise.all(Array.from({ length: 300 }, () => judge(shared.open(), frames)));
  t.ok(heard.every((probabilities) => worstDifference(probabilities, expected) < 1e-5));
});

t.test('a push beyond the bound is refused, a frame of another size is a mistake', async (t) => {
  const stream = shared.open();
  const frame = new Float32Array(FRAME);
  const taken = Array.from({ length: PENDING_FRAMES_MAX }, () => stream.push(frame));
  await t.rejects(stream.push(frame), { code: 'vad_overloaded' });
  t.equal((await Promise.all(taken)).length, PENDING_FRAMES_MAX);
  t.throws(() => stream.push(new Float32Array(511)), RangeError);
});

t.test('a failed run is done again on a fresh model, and nobody notices', async (t) => {
  const failing = failingThreads('model', 1);
  const vad = await detector(t, { runs: 1, thread: failing.thread });
  const probabilities = await judge(vad.open(), await framesOf('en-bakery', 8, 5));
  t.ok(probabilities.every((probability) => probability >= 0 && probability <= 1));
  t.equal(failing.loads, 2);
});

t.test('a run that fails twice rejects its pushes; the next ones go on', async (t) => {
  const failing = failingThreads('model', 2);
  const vad = await detector(t, { runs: 1, thread: failing.thread });
  const stream = vad.open();
  const [frame = new Float32Array(FRAME)] = await framesOf('en-bakery', 8, 1);
  await t.rejects(stream.push(frame), { name: 'VadError', code: 'vad_failed' });
  t.type(await stream.push(frame), 'number');
});

t.test('a thread that dies is replaced, and its streams hear what they would have heard', async (t) => {
  const frames = await framesOf('en-bakery', 0, 30);
  const expected = await judge(shared.open(), frames);
  const failing = failingThreads('thread', 1);
  const vad = await detector(t, { runs: 1, thread: failing.thread });
  const heard = await Promise.all(Array.from({ length: 3 }, () => judge(vad.open(), frames)));
  for (const probabilities of heard) t.ok(worstDifference(probabilities, expected) < 1e-5);
  t.equal(failing.loads, 2);
});

t.test('where its successor dies too the frames are given up; the next ones go on', async (t) => {
  const vad = await detector(t, { runs: 1, thread: failingThreads('thread', 2).thread });
  const stream = vad.open();
  const frame = new Float32Array(FRAME);
  await t.rejects(stream.push(frame), { name: 'VadError', code: 'vad_failed' });
  t.type(await stream.push(frame), 'number');
});

t.test('a model that does not load is told at the start', async (t) => {
  const { thread } = failingThreads('load', 1);
  await t.rejects(SileroVad.load({ runs: 1, thread }), { name: 'VadError', code: 'vad_failed' });
});

t.test('who comes into the place of a stream that is gone hears nothing of it', async (t) => {
  const vad = await detector(t);
  const frames = await framesOf('en-bakery', 8, 10);
  const early = vad.open();
  const expected = await judge(early, frames);
  early.close();
  const first = vad.open();
  await judge(first, await framesOf('melody', 0, 10));
  const last = first.push(new Float32Array(FRAME));
  first.close();
  await t.rejects(last, { code: 'vad_closed' });
  t.strictSame(await judge(vad.open(), frames), expected);
});

t.test('a recording hears what a stream does, in pieces of any number of frames, beside another one', async (t) => {
  const frames = [...(await framesOf('en-bakery', 0, 60)), ...(await framesOf('noise-white', 0, 20))];
  const expected = await judge(shared.open(), frames);
  const samples = new Float32Array(frames.flatMap((frame) => [...frame]));
  const hear = async (pieces: readonly number[]): Promise<number[]> => {
    const recording = shared.openRecording();
    const heard: number[] = [];
    for (const piece of pieces) {
      const from = heard.length * FRAME;
      heard.push(...(await recording.judge(samples.subarray(from, from + piece * FRAME))));
    }
    recording.close();
    return heard;
  };
  for (const heard of await Promise.all([hear([80]), hear([1, 30, 2, 47]), hear(frames.map(() => 1))])) {
    t.ok(worstDifference(heard, expected) < 1e-5, `worst difference ${worstDifference(heard, expected)}`);
  }
});

async function broken(): Promise<OrtSession> {
  const session = await loadSileroSequence();
  // A closed session refuses to run, as a broken one does.
  session.close();
  return session;
}

t.test('a recording: a failed run is done again, a second failure is told, a closed one refuses', async (t) => {
  const frames = new Float32Array(2 * FRAME);
  let loads = 0;
  const once = await detector(t, { loadSequence: () => (loads++ === 0 ? broken() : loadSileroSequence()) });
  t.equal((await once.openRecording().judge(frames)).length, 2);
  t.equal(loads, 2);
  const never = await detector(t, { loadSequence: broken });
  await t.rejects(never.openRecording().judge(frames), { name: 'VadError', code: 'vad_failed' });
  const recording = once.openRecording();
  await t.rejects(recording.judge(new Float32Array(FRAME + 1)), RangeError);
  recording.close();
  await t.rejects(recording.judge(frames), { code: 'vad_closed' });
});

t.test('a model that is not Silero is named as what it is not', async (t) => {
  await t.rejects(sileroSequenceModel(fixture('en-bakery')), { code: 'file_invalid' });
  await t.rejects(sileroSequenceModel('/nowhere/silero.onnx'), { code: 'file_missing' });
});

t.test('close rejects what waits, may be called twice, and leaves nothing behind', async (t) => {
  const before = liveHandles();
  const vad = await SileroVad.load();
  const [one, other, recording] = [vad.open(), vad.open(), vad.openRecording()];
  await recording.judge(new Float32Array(FRAME));
  const ofOne = one.push(new Float32Array(FRAME));
  const ofOther = other.push(new Float32Array(FRAME));
  one.close();
  one.close();
  await t.rejects(ofOne, { code: 'vad_closed' });
  await t.rejects(one.push(new Float32Array(FRAME)), { code: 'vad_closed' });
  const refused = t.rejects(ofOther, { code: 'vad_closed' });
  await vad.close();
  await vad.close();
  await refused;
  t.throws(() => vad.open(), { code: 'vad_closed' });
  t.strictSame(liveHandles(), before);
});

t.test('goes on when garbage has been collected', async (t) => {
  const stream = shared.open();
  const memory = new MemoryTrend();
  for (let round = 0; round < 5; round++) {
    memory.sample();
    t.type(await stream.push(new Float32Array(FRAME)), 'number');
  }
});

/** Threads of which the first `failures` models break when they run, or that end at their first run. */
function failingThreads(what: 'model' | 'thread' | 'load', failures: number) {
  const counts = new Int32Array(new SharedArrayBuffer(8));
  return {
    thread: {
      module: childModule(new URL('../../support/failing-silero-main.ts', import.meta.url).href),
      extra: { what, failures, counts },
    },
    /** Models that were loaded. */
    get loads(): number {
      return Atomics.load(counts, 0);
    },
  };
}
