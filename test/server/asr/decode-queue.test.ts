import * as fc from 'fast-check';
import t from 'tap';
import {
  type DecodeKind,
  DecodeQueue,
  laneOf,
  type QueuedDecode,
  type WindowsMax,
} from '../../../server/src/asr/scheduling/decode-queue.js';
import { holds } from '../../support/property.js';

interface Decode extends QueuedDecode {
  readonly name: string;
}

const BOUNDS = { partialsMax: 4, finalsMax: 3, filesMax: 2 };
const PRIORITY: readonly DecodeKind[] = ['final', 'partial', 'file'];
const segments = Array.from({ length: 6 }, (_, i) => ({ segment: i }));
let made = 0;

const most = (windows: number): WindowsMax => ({ live: windows, file: windows });

function decode(kind: DecodeKind, segment: object, deadline: number, bucket = 1): Decode {
  made += 1;
  return { kind, segment, deadline, bucket, alone: false, name: `${kind} ${made}` };
}

t.test('final before partial before file, each by deadline', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b, c, d] = segments as [object, object, object, object];
  const file = decode('file', a, 0);
  const late = decode('partial', b, 9);
  const early = decode('partial', c, 3);
  const final = decode('final', d, 100);
  for (const one of [file, late, early, final]) queue.add(one);
  t.same(queue.take(most(10)), [final, early, late]);
  t.same(queue.take(most(10)), [file], 'never in a run with what is live');
  t.equal(queue.size, 0);
});

t.test('a batch holds one bucket: the head decides which', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b, c] = segments as [object, object, object];
  const head = decode('final', a, 5, 30);
  const other = decode('partial', b, 1, 10);
  const mate = decode('partial', c, 2, 30);
  for (const one of [head, other, mate]) queue.add(one);
  t.same(queue.take(most(10)), [head, mate]);
  t.same(queue.take(most(10)), [other]);
});

t.test('what is decoded again joins a run of its own context or a longer one, and begins one only alone', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b, c, d] = segments as [object, object, object, object];
  const again = { ...decode('final', a, 0, 10), isAgain: true };
  const longer = { ...decode('final', b, 0, 60), isAgain: true };
  const final = decode('final', c, 5, 30);
  const partial = decode('partial', d, 1, 30);
  for (const one of [again, longer, partial, final]) queue.add(one);
  t.equal(queue.nextFinal, 5, 'nobody waits for it');
  t.same(queue.take(most(2)), [final, again], 'before all others that would join');
  t.same(queue.take(most(2)), [partial]);
  t.same(queue.take(most(2)), [longer]);
  const file = decode('file', c, 0, 60);
  for (const one of [file, longer]) queue.add(one);
  t.same(queue.take(most(2)), [longer], 'before files');
});

t.test(
  'a late partial begins a run while the finals are in time; those of its context join before other partials',
  async (t) => {
    const queue = new DecodeQueue<Decode>();
    const [a, b, c, d] = segments as [object, object, object, object];
    const final = decode('final', a, 12, 30);
    const joining = decode('final', d, 15, 10);
    const late = decode('partial', b, 3, 10);
    const other = decode('partial', c, 8, 30);
    for (const one of [final, joining, late, other]) queue.add(one);
    t.same(queue.take(most(10), { overdueBefore: 10 }), [late, joining], 'the oldest begins the run');
    t.same(queue.take(most(1), { overdueBefore: 10 }), [other]);
    t.same(queue.take(most(10), { overdueBefore: 10 }), [final]);
  },
);

t.test('where runs are short, finals of a somewhat shorter context join before partials', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b, c, d] = segments as [object, object, object, object];
  const head = decode('final', a, 1, 40);
  const shorter = decode('final', b, 2, 20);
  const muchShorter = decode('final', c, 3, 10);
  const partial = decode('partial', d, 0, 40);
  for (const one of [head, shorter, muchShorter, partial]) queue.add(one);
  t.same(queue.take(most(2), { finalsPadded: 2 }), [head, shorter]);
  t.same(queue.take(most(10), { finalsPadded: 2 }), [muchShorter], 'a longer one joins no shorter run');
  t.same(queue.take(most(10), { finalsPadded: 2 }), [partial]);
  for (const one of [head, shorter]) queue.add(one);
  t.same(queue.take(most(10)), [head], 'elsewhere each in a run of its own');
});

t.test('no partial, however late, goes before a final that is late', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b] = segments as [object, object];
  const final = decode('final', a, 9, 30);
  const late = decode('partial', b, 3, 10);
  for (const one of [final, late]) queue.add(one);
  t.same(queue.take(most(10), { overdueBefore: 10 }), [final]);
  t.same(queue.take(most(10), { overdueBefore: 10 }), [late]);
});

t.test('a lane that has no place waits, and beside another run so does what failed', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b] = segments as [object, object];
  const file = decode('file', a, 1);
  queue.add(file);
  t.same(queue.take({ live: 4, file: 0 }), []);
  const failed = decode('final', b, 2);
  const sound = decode('final', a, 3);
  queue.retry(failed);
  queue.add(sound);
  t.same(queue.take({ live: 4, file: 0 }, { isBeside: true }), [sound]);
  t.same(queue.take({ live: 4, file: 0 }), [failed]);
  t.same(queue.take({ live: 4, file: 4 }), [file]);
});

t.test('a newer partial supersedes the waiting one and keeps its place', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b] = segments as [object, object];
  const older = decode('partial', a, 1);
  const other = decode('partial', b, 2);
  const newer = decode('partial', a, 50);
  queue.add(older);
  queue.add(other);
  t.same(queue.add(newer), { refused: false, superseded: [older], dropped: [] });
  t.same(queue.take(most(1)), [newer]);
});

t.test('a final supersedes the waiting partial of its segment', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a] = segments as [object];
  const partial = decode('partial', a, 1);
  const final = decode('final', a, 9);
  queue.add(partial);
  t.same(queue.add(final), { refused: false, superseded: [partial], dropped: [] });
  t.same(queue.take(most(2)), [final]);
});

t.test('the next partial of a segment waits for the one under way, its final does not', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a] = segments as [object];
  const first = decode('partial', a, 1);
  const second = decode('partial', a, 2);
  queue.add(first);
  t.same(queue.take(most(1)), [first]);
  queue.add(second);
  t.same(queue.take(most(1)), []);
  t.notOk(queue.hasWork);
  queue.done(first);
  t.ok(queue.hasWork);
  t.same(queue.take(most(1)), [second]);
  const final = decode('final', a, 3);
  queue.add(final);
  t.same(queue.take(most(1)), [final]);
});

t.test('what failed runs alone, and gives way to a newer partial of its segment', async (t) => {
  const queue = new DecodeQueue<Decode>();
  const [a, b] = segments as [object, object];
  const failed = decode('partial', a, 1);
  queue.add(failed);
  queue.take(most(1));
  queue.done(failed);
  const other = decode('partial', b, 2);
  queue.add(other);
  t.ok(queue.retry(failed));
  t.same(queue.take(most(5)), [failed]);
  t.same(queue.take(most(5)), [other]);
  queue.done(failed);
  queue.add(decode('partial', a, 3));
  t.notOk(queue.retry(failed));
});

t.test('bounds: the partial with the oldest deadline is dropped, finals and files are refused', async (t) => {
  const queue = new DecodeQueue<Decode>(BOUNDS);
  const partials = segments.slice(0, 5).map((segment, i) => decode('partial', segment, 10 - i));
  const added = partials.map((partial) => queue.add(partial));
  t.same(added.at(-1), { refused: false, superseded: [], dropped: [partials[4]] });
  t.equal(queue.waiting('partial'), BOUNDS.partialsMax);
  const finals = Array.from({ length: 4 }, () => queue.add(decode('final', {}, 1)).refused);
  t.same(finals, [false, false, false, true]);
  const files = Array.from({ length: 3 }, () => queue.add(decode('file', {}, 1)).refused);
  t.same(files, [false, false, true]);
});

t.test('invariants over random histories', async (t) => {
  const add = fc.record({
    op: fc.constant('add' as const),
    kind: fc.constantFrom(...PRIORITY),
    segment: fc.nat(5),
    deadline: fc.nat(50),
    bucket: fc.nat(2),
  });
  const take = fc.record({ op: fc.constant('take' as const), max: fc.integer({ min: 1, max: 4 }) });
  const end = fc.record({ op: fc.constant('end' as const), isFailure: fc.boolean() });
  const cancel = fc.record({ op: fc.constant('cancel' as const), segment: fc.nat(5) });
  const history = fc.array(
    fc.oneof({ weight: 5, arbitrary: add }, { weight: 3, arbitrary: take }, { weight: 3, arbitrary: end }, cancel),
    {
      maxLength: 80,
    },
  );

  holds(
    t,
    fc.property(history, (steps) => {
      const queue = new DecodeQueue<Decode>(BOUNDS);
      const waiting = new Set<Decode>();
      let running: Decode[][] = [];
      for (const step of steps) {
        if (step.op === 'add') {
          const one = decode(step.kind, segments[step.segment] as object, step.deadline, step.bucket);
          const added = queue.add(one);
          if (added.refused) {
            if (one.kind === 'partial') throw new Error('a partial was refused');
            continue;
          }
          waiting.add(one);
          for (const gone of [...added.superseded, ...added.dropped]) {
            if (gone.kind !== 'partial') throw new Error(`${gone.name} was lost`);
            waiting.delete(gone);
          }
        } else if (step.op === 'take') {
          const busy = new Set(
            running
              .flat()
              .filter((one) => one.kind === 'partial')
              .map((one) => one.segment),
          );
          const eligible = [...waiting].filter((one) => one.kind !== 'partial' || !busy.has(one.segment));
          const batch = queue.take(most(step.max));
          if (batch.length > step.max) throw new Error('the batch is too large');
          if (new Set(batch.map((one) => one.bucket)).size > 1) throw new Error('a batch mixes buckets');
          if (new Set(batch.map((one) => laneOf(one.kind))).size > 1)
            throw new Error('files share a run with what is live');
          if (batch.length > 1 && batch.some((one) => one.alone)) throw new Error('a retried decode shares its batch');
          if (batch.length === 0 && eligible.length > 0) throw new Error('work was left lying');
          const [head] = batch;
          for (const other of head ? eligible : []) {
            const before = PRIORITY.indexOf(other.kind) - PRIORITY.indexOf((head as Decode).kind);
            if (before < 0 || (before === 0 && other.deadline < (head as Decode).deadline))
              throw new Error(`${other.name} should go first`);
          }
          for (const one of batch) {
            if (!waiting.delete(one)) throw new Error(`${one.name} was not waiting`);
            if (one.kind === 'partial' && busy.has(one.segment))
              throw new Error('two partials of a segment are under way');
          }
          if (batch.length > 0) running.push(batch);
        } else if (step.op === 'end') {
          const [batch, ...others] = running;
          running = others;
          for (const one of batch ?? []) queue.done(one);
          for (const one of step.isFailure ? (batch ?? []) : []) if (queue.retry(one)) waiting.add(one);
        } else {
          const segment = segments[step.segment];
          for (const gone of queue.cancel(segment as object)) waiting.delete(gone);
          if ([...waiting].some((one) => one.segment === segment)) throw new Error('cancel left something');
        }
        if (queue.size !== waiting.size) throw new Error('something was lost or doubled');
        const partials = [...waiting].filter((one) => one.kind === 'partial').map((one) => one.segment);
        if (new Set(partials).size !== partials.length) throw new Error('two partials of a segment wait');
      }
    }),
    { numRuns: 500 },
  );
});
