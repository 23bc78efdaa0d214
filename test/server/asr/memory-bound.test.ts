// The bound of memory: what runs may hold is told by the size of a model, and made less while the bound is passed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { hostMemory, ModelRegistry, secondsWithin } from '@sotto/models';
import { MemoryBound, memoryOfEngine } from '../../../server/src/asr/memory-bound.js';
import { countChild, memoryByProcess, residentBytes } from '../../../server/src/native-host/memory-by-process.js';
import { ManualClock } from '../../support/manual-clock.js';

function bound(bytesMax: number) {
  const clock = new ManualClock();
  const held = new Map([
    ['server', 100],
    ['engine', 0],
  ]);
  const shares: number[] = [];
  let shrinks = 0;
  const memory = new MemoryBound({
    bytesMax,
    clock,
    read: () => held,
    onShare: (share) => shares.push(share),
    onFull: () => (shrinks += 1),
  });
  return { clock, held, shares, memory, shrinks: () => shrinks };
}

t.test('runs halve while the bound is passed, and grow again when there is room', async (t) => {
  const { clock, held, shares, shrinks } = bound(1_000);
  clock.advance(3_000);
  t.strictSame(shares, [], 'within the bound nothing is said');
  held.set('engine', 950);
  clock.advance(3_000);
  t.strictSame(shares, [1 / 2, 1 / 4, 1 / 8], 'all processes count');
  t.equal(shrinks(), 1, 'what engines keep is asked back once in a while');
  held.set('engine', 750);
  clock.advance(3_000);
  t.equal(shares.length, 3, 'near the bound it stays as it is');
  held.set('engine', 500);
  clock.advance(5_000);
  t.strictSame(shares.slice(3), [1 / 4, 1 / 2, 1]);
});

t.test('there is a least size, and no more is said when it is closed', async (t) => {
  const { clock, held, shares, memory, shrinks } = bound(1_000);
  held.set('engine', 5_000);
  clock.advance(20_000);
  t.equal(shares.at(-1), 1 / 64);
  t.equal(shares.length, 6);
  t.equal(shrinks(), 2, 'asked again later');
  await memory.close();
  held.set('engine', 0);
  clock.advance(5_000);
  t.equal(shares.length, 6);
});

t.test('what a run may hold follows from the model and from what an engine may take', async (t) => {
  const { config } = (await new ModelRegistry().find('whisper-base-adapted')).files;
  const memory = hostMemory(config, 40e6, 1);
  const seconds = (bytes: number): number => secondsWithin(bytes, memory, 8);
  t.equal(seconds(0), 0);
  t.equal(seconds(memory.fixedBytes), 0, 'weights alone leave no room');
  t.ok(seconds(2e9) > 2 * seconds(1e9), 'more of it for windows');
  t.ok(hostMemory(config, 40e6, 4).fixedBytes > memory.fixedBytes + 100e6, 'float32 weights take more');
  t.ok(memoryOfEngine(4e9, 2) < 2e9, 'the server has its part');
  t.equal(memoryOfEngine(1, 1), 0);
});

t.test('the server itself is among the processes', async (t) => {
  t.ok((memoryByProcess().get('server') ?? 0) > 10e6);
});

t.test(
  'a child is counted without what it shares',
  { skip: process.platform !== 'linux' && 'only Linux tells' },
  async (t) => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume(); console.log("up")'], { stdio: 'pipe' });
    const exited = once(child, 'exit');
    await once(child.stdout, 'data');
    const pid = child.pid ?? 0;
    countChild(pid, 'probe', exited);
    const [own = 0, resident = 0] = [memoryByProcess().get('probe'), residentBytes(pid)];
    t.ok(own > 5e6, `${own} bytes of its own`);
    t.ok(own < resident - 10e6, `of ${resident}`);
    child.stdin.end();
    await exited;
    t.equal(memoryByProcess().get('probe'), undefined);
  },
);
