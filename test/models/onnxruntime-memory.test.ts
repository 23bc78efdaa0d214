// Values that ONNX Runtime allocates: written, read, cleared, and freed when the session that they came from is closed.
import { cpuMemory, liveHandles, OrtSession, OrtValue } from '@sotto/models';
import t from 'tap';
import { GraphBuilder } from '../../models/src/whisper/graph-builder.js';

async function doubler(): Promise<OrtSession> {
  const graph = new GraphBuilder('double');
  const x = graph.input('x', 'float32', ['n']);
  graph.output('y', graph.op('Add', [x, x]), 'float32', ['n']);
  return OrtSession.load(graph.build(), { intraOpThreads: 1 });
}

const floats = (...values: number[]) =>
  ({ type: 'float32', dims: [values.length], data: Float32Array.from(values) }) as const;

t.test('allocated values are written, bound, read and cleared', async (t) => {
  const before = liveHandles();
  const session = await doubler();
  const [x, y] = [session.allocate('float32', [3], cpuMemory), session.allocate('float32', [3], cpuMemory)];
  x.write(floats(1, 2, 3));
  const binding = session.bind();
  t.same(await binding.input('x', x).output('y', y).run(), new Map(), 'nothing was allocated by the run');
  t.same([...y.read().data], [2, 4, 6]);
  x.write(floats(4, 5, 6));
  await binding.output('y', y).run(-1);
  t.same(
    [...y.read().data],
    [8, 10, 12],
    'new contents at the same place; a number of a CUDA graph means nothing here',
  );
  OrtValue.clear([x, y]);
  t.same([...x.read().data, ...y.read().data], [0, 0, 0, 0, 0, 0]);
  const refused = { name: 'OrtError', code: 'invalidArgument' };
  t.throws(() => x.write(floats(1, 2)), refused);
  t.throws(() => x.write({ type: 'int64', dims: [3], data: new BigInt64Array(3) }), refused);
  session.close();
  t.throws(() => session.allocate('float32', [1], cpuMemory), { code: 'closed' });
  t.same([...x.read().data], [0, 0, 0], 'a value outlives the closing of its session');
  for (const handle of [binding, x, y]) handle.close();
  t.same(liveHandles(), before);
});

t.test('empty values', async (t) => {
  const session = await doubler();
  t.teardown(() => session.close());
  const none = session.allocate('float16', [0, 4], cpuMemory);
  none.write({ type: 'float16', dims: [0, 4], data: new Uint16Array(0) });
  OrtValue.clear([none]);
  t.same(none.read().dims, [0, 4]);
  none.close();
});
