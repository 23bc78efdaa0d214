// Blocks of memory that tensors are laid out in: written, bound, read, and freed when the last tensor is closed.
import { blockAlignment, cpuMemory, liveHandles, MemoryBlock, OrtSession } from '@sotto/models';
import t from 'tap';
import { GraphBuilder } from '../../models/src/whisper/graph-builder.js';

async function doubler(): Promise<OrtSession> {
  const graph = new GraphBuilder('double');
  const x = graph.input('x', 'float32', ['n']);
  graph.output('y', graph.op('Add', [x, x]), 'float32', ['n']);
  return OrtSession.load(graph.build().model, { intraOpThreads: 1 });
}

const bytes = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);

t.test('tensors of a block are bound, and written and read by bytes', async (t) => {
  const before = liveHandles();
  const session = await doubler();
  const block = MemoryBlock.allocate(cpuMemory, 2 * blockAlignment);
  const [x, y] = [block.tensor('float32', [3], 0), block.tensor('float32', [3], blockAlignment)];
  t.same([...x.read().data], [0, 0, 0], 'fresh memory is 0');
  const binding = session.bind();
  block.write(0, bytes(1, 2, 3));
  t.same(await binding.input('x', x).output('y', y).run(), new Map(), 'nothing was allocated by the run');
  t.same([...y.read().data], [2, 4, 6]);
  block.write(4, bytes(5));
  binding.output('y', y);
  await binding.play(1);
  await binding.play(1);
  t.same([...y.read().data], [2, 10, 6], 'a CUDA graph means nothing here, and outputs stay bound');
  t.same([...block.read(blockAlignment, 12)], [...bytes(2, 10, 6)]);
  const over = block.tensor('float32', [2], 4);
  t.same([...over.read().data], [5, 3], 'tensors may lie over each other');
  block.close();
  t.same([...x.read().data], [1, 5, 3], 'a tensor keeps its block');
  t.throws(() => block.write(0, bytes(1)), { code: 'closed' });
  for (const handle of [session, binding, x, y, over]) handle.close();
  t.same(liveHandles(), before);
});

t.test('what is not within the block is refused', (t) => {
  const block = MemoryBlock.allocate(cpuMemory, 16);
  const refused = { name: 'OrtError', code: 'invalid_argument' };
  t.throws(() => block.tensor('float32', [5], 0), refused);
  t.throws(() => block.tensor('float32', [1], -4), refused);
  t.throws(() => block.tensor('float32', [1], 3), refused);
  t.throws(() => block.write(8, new Uint8Array(9)), refused);
  t.throws(() => block.read(16, 1), refused);
  const none = block.tensor('float16', [0, 4], 16);
  t.equal(none.read().data.length, 0, 'an empty tensor fits anywhere');
  none.close();
  block.close();
  t.end();
});
