// The typed module over ONNX Runtime's C API: values in and out, errors, lifetimes, and nothing left behind.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuMemory, liveHandles, OrtEnvironment, OrtError, OrtSession, OrtValue, type Tensor } from '@sotto/models';
import t, { type Test } from 'tap';
import { MemoryTrend } from '../support/memory-trend.js';
import { SCRIPT_ARGUMENTS } from '../support/sotto-command.js';
import { GraphBuilder, type OnnxType } from '../../models/src/whisper/graph-builder.js';
import { rounds } from '../support/whole-run.js';

/** y = x + x; [n]. */
function doubling(): Uint8Array {
  const graph = new GraphBuilder('doubling');
  const x = graph.input('x', 'float32', ['n']);
  graph.output('y', graph.op('Add', [x, x]), 'float32', ['n']);
  return graph.build().model;
}

/** A cache that grows: present = past ++ x along the second axis; sum over it. */
function growing(): Uint8Array {
  const graph = new GraphBuilder('growing');
  const past = graph.input('past', 'float32', ['b', 'p', 16]);
  const x = graph.input('x', 'float32', ['b', 1, 16]);
  const present = graph.op('Concat', [past, x], { axis: 1 });
  graph.output('present', present, 'float32', ['b', 'q', 16]);
  graph.output('sum', graph.op('ReduceSum', [present, graph.integers(1, 2)], { keepdims: 0 }), 'float32', ['b']);
  return graph.build().model;
}

/** Many large products: long enough to see whether the event loop is free meanwhile. */
function slow(): Uint8Array {
  const graph = new GraphBuilder('slow');
  const x = graph.input('x', 'float32', [512, 512]);
  let y = x;
  for (let i = 0; i < 60; i++) y = graph.op('Tanh', [graph.op('MatMul', [y, x])]);
  graph.output('y', y, 'float32', [512, 512]);
  return graph.build().model;
}

const vector = (...values: number[]): Tensor => ({
  type: 'float32',
  dims: [values.length],
  data: Float32Array.from(values),
});

/** What a process prints that loads this library. */
function outcomeOf(library: string): string {
  const script = `import('@sotto/models').then(({ OrtEnvironment }) => OrtEnvironment.shared).catch((e) => console.log(e.code, e.message))`;
  const env = { ...process.env, SOTTO_ONNXRUNTIME: library };
  return spawnSync(process.execPath, [...SCRIPT_ARGUMENTS, '-e', script], { env, encoding: 'utf8' }).stdout;
}

/** A test that also checks that every native object it made is gone. */
function test(title: string, body: (t: Test) => Promise<void>): void {
  t.test(title, async (t) => {
    await body(t);
    t.same(liveHandles(), { session: 0, value: 0, binding: 0, block: 0 }, 'nothing is left behind');
  });
}

test('the library names its version and what it can run on', async (t) => {
  t.match(OrtEnvironment.shared.version, /^1\.\d+\.\d+/);
  t.ok(OrtEnvironment.shared.availableProviders.includes('CPUExecutionProvider'));
});

test('plain tensors go in and come out, off the event loop and on it', async (t) => {
  const session = await OrtSession.load(doubling(), { intraOpThreads: 1 });
  t.same([session.inputs, session.outputs], [['x'], ['y']]);
  const expected = { y: { type: 'float32', dims: [3], data: Float32Array.of(2, 4, 6) } };
  t.same(await session.run({ x: vector(1, 2, 3) }), expected);
  t.same(session.runSync({ x: vector(1, 2, 3) }, ['y']), expected);
  t.same((await session.run({ x: vector() })).y?.dims, [0], 'nothing in, nothing out');
  const many = await Promise.all([1, 2, 3, 4, 5].map((n) => session.run({ x: vector(n) })));
  t.same(
    many.map(({ y }) => y?.data[0]),
    [2, 4, 6, 8, 10],
    'runs may overlap',
  );
  session.close();
});

test('every element type survives the way in and out', async (t) => {
  const tensors: readonly Tensor[] = [
    { type: 'float32', dims: [2, 1], data: Float32Array.of(-0.5, Infinity) },
    { type: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xffff) },
    { type: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n) },
    { type: 'int32', dims: [1, 1, 2], data: Int32Array.of(-1, 2 ** 31 - 1) },
    { type: 'bool', dims: [2], data: Uint8Array.of(0, 1) },
    { type: 'uint8', dims: [2], data: Uint8Array.of(0, 255) },
    { type: 'int64', dims: [], data: BigInt64Array.of(7n) },
  ];
  for (const tensor of tensors) {
    const graph = new GraphBuilder('same');
    const dims = tensor.dims.map((_, axis) => `d${axis}`);
    const x = graph.input('x', tensor.type satisfies OnnxType, dims);
    graph.output('y', graph.op('Identity', [x]), tensor.type, dims);
    const session = await OrtSession.load(graph.build().model);
    t.same((await session.run({ x: tensor }))['y'], tensor, tensor.type);
    session.close();
  }
});

test('errors carry a code and the words of ONNX Runtime', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-ort-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'no.onnx');
  await t.rejects(OrtSession.load(file), { name: 'OrtError', code: 'no_such_file', message: /no\.onnx/ });
  await writeFile(file, 'no model at all');
  await t.rejects(OrtSession.load(file), { code: 'invalid_protobuf' });
  await t.rejects(
    OrtSession.load(doubling(), { providers: [{ name: 'cuda', deviceId: 0, options: { nonsense: '1' } }] }),
    {
      name: 'OrtError',
    },
  );
  const session = await OrtSession.load(doubling());
  await t.rejects(session.run({ y: vector(1) }), { code: 'invalid_argument' }, 'an input that does not exist');
  await t.rejects(session.run({ x: vector(1) }, ['z']), { code: 'invalid_argument' }, 'an output that does not exist');
  await t.rejects(session.run({ x: { type: 'uint8', dims: [1], data: Uint8Array.of(1) } }), {
    code: 'invalid_argument',
    message: /data type/,
  });
  await t.rejects(session.run({ x: { type: 'float32', dims: [1, 1], data: Float32Array.of(1) } }), {
    code: 'invalid_argument',
    message: /rank/,
  });
  await t.rejects(session.run({ x: { type: 'float32', dims: [2], data: Float32Array.of(1) } }), {
    code: 'invalid_argument',
    message: 'dims [2] do not fit 1 elements',
  });
  t.throws(() => OrtValue.fromTensor({ type: 'float32', dims: [-1], data: new Float32Array(0) }), {
    code: 'invalid_argument',
  });
  t.same((await session.run({ x: vector(1) })).y?.data, [2], 'the session goes on');
  session.close();
});

test('a library that is missing or something else is told by name', async (t) => {
  t.match(outcomeOf('/nowhere/libonnxruntime.so'), /library_not_found SOTTO_ONNXRUNTIME names no file: \/nowhere/);
  t.match(outcomeOf(process.execPath), /library_not_found could not load ONNX Runtime from/);
});

test('what is closed stays closed, and closing twice is fine', async (t) => {
  const session = await OrtSession.load(doubling());
  const binding = session.bind();
  const value = OrtValue.fromTensor(vector(1));
  for (const handle of [value, binding, session]) {
    handle.close();
    handle.close();
    t.equal(handle.closed, true);
  }
  const closed = { name: 'OrtError', code: 'closed' };
  t.throws(() => value.read(), closed);
  t.throws(() => binding.input('x', value), closed);
  t.throws(() => session.bind(), closed);
  t.throws(() => session.runSync({ x: vector(1) }), closed);
  await t.rejects(session.run({ x: vector(1) }), closed);
  await t.rejects(binding.run(), closed);
});

test('closing during a run waits for the run', async (t) => {
  const session = await OrtSession.load(slow(), { intraOpThreads: 1 });
  const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [512, 512], data: new Float32Array(512 * 512) } };
  const running = session.run(feeds);
  const x = OrtValue.fromTensor(feeds['x'] ?? vector());
  const binding = session.bind().input('x', x).output('y');
  const bound = binding.run();
  x.close();
  binding.close();
  session.close();
  t.equal(liveHandles().session, 1, 'still held by the runs');
  t.equal((await running).y?.data[0], 0);
  for (const value of (await bound).values()) value.close();
});

test('the event loop is free while a graph runs', async (t) => {
  const session = await OrtSession.load(slow(), { intraOpThreads: 1 });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const begin = performance.now();
  await session.run({ x: { type: 'float32', dims: [512, 512], data: new Float32Array(512 * 512).fill(0.01) } });
  const took = performance.now() - begin;
  clearInterval(timer);
  t.ok(ticks >= took / 20, `${ticks} ticks in ${took.toFixed(0)} ms`);
  session.close();
});

test('a bound output is written into the array behind it', async (t) => {
  const session = await OrtSession.load(doubling());
  const target = new Float32Array(2);
  const x = OrtValue.fromTensor(vector(3, 4));
  const y = OrtValue.fromTensor({ type: 'float32', dims: [2], data: target });
  const binding = session.bind().input('x', x).output('y', y);
  x.close();
  y.close();
  t.equal((await binding.run()).size, 0, 'nothing was allocated');
  t.same(target, [6, 8]);
  binding.close();
  session.close();
});

test('a run that fails leaves its binding usable', async (t) => {
  const session = await OrtSession.load(doubling());
  const binding = session.bind();
  await t.rejects(binding.output('y').run(), { name: 'OrtError' }, 'no input is bound');
  const x = OrtValue.fromTensor(vector(3));
  const y = (await binding.input('x', x).output('y', cpuMemory).run()).get('y');
  t.same(y?.read().data, [6]);
  t.same([y?.type, y?.dims], ['float32', [1]]);
  for (const handle of [x, y, binding, session]) handle?.close();
});

test('a profile is written where it was asked for', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-ort-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const session = await OrtSession.load(doubling(), { profilePrefix: join(folder, 'profile') });
  session.runSync({ x: vector(1) });
  t.match(await readFile(session.endProfiling(), 'utf8'), /"Add_/);
  session.close();
});

const STEPS = rounds(4_000, 10_000);
test(`${STEPS} steps with a cache bound from run to run leave nothing behind`, async (t) => {
  const session = await OrtSession.load(growing(), { intraOpThreads: 1 });
  const binding = session.bind();
  const batch = 4;
  const x = OrtValue.fromTensor({ type: 'float32', dims: [batch, 1, 16], data: new Float32Array(batch * 16).fill(1) });
  binding.input('x', x);
  const empty = (): OrtValue =>
    OrtValue.fromTensor({ type: 'float32', dims: [batch, 0, 16], data: new Float32Array(0) });
  let past = empty();
  const memory = new MemoryTrend();
  for (let step = 1; step <= STEPS; step++) {
    const outputs = await binding.input('past', past).output('present').output('sum').run();
    past.close();
    past = outputs.get('present') ?? empty();
    const sum = outputs.get('sum');
    if (step % 100 === 0) {
      t.equal(sum?.read().data[0], 1600);
      past.close();
      past = empty();
    }
    sum?.close();
    if (step % rounds(200, 250) === 0) {
      // x, the cache, and the one before it, which stays bound until the next.
      t.same(liveHandles(), { session: 1, value: 3, binding: 1, block: 0 });
      memory.sample();
    }
  }
  // A leaked cache would be 13 KB a step on average.
  t.ok(memory.growth < 10, String(memory));
  for (const handle of [past, x, binding, session]) handle.close();
});

test('an error is an OrtError with its cause', async (t) => {
  const cause = new Error('below');
  t.match(new OrtError('fail', 'above', { cause }), { name: 'OrtError', code: 'fail', message: 'above', cause });
});
