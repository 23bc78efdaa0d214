import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { deferred } from '../../../client-sdk/src/deferred.js';
import { RunTraffic, type BeforePass } from '../../../server/src/asr/whisper/run-traffic.js';

/** A run of three passes, each over when the test says so. */
function run() {
  const passes = [deferred<void>(), deferred<void>(), deferred<void>()];
  const begun: number[] = [];
  const work = async (before: BeforePass): Promise<string> => {
    for (const [number, pass] of passes.entries()) {
      await before();
      begun.push(number);
      await pass.promise;
    }
    return 'done';
  };
  return { work, begun, end: (number: number) => passes[number]?.resolve() };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

t.test('a run stands still between its passes while a more urgent one is under way', async (t) => {
  const traffic = new RunTraffic();
  const [file, live] = [run(), run()];
  const answer = traffic.run('unhurried', file.work);
  await settle();
  t.same(file.begun, [0], 'nothing is in its way');
  const final = traffic.run('awaited', live.work);
  await settle();
  t.same(live.begun, [0], 'at once, beside the pass under way');
  file.end(0);
  await settle();
  t.same(file.begun, [0], 'the next pass waits');
  for (const pass of [0, 1, 2]) live.end(pass);
  t.equal(await final, 'done');
  await settle();
  t.same(file.begun, [0, 1]);
  for (const pass of [1, 2]) file.end(pass);
  t.equal(await answer, 'done');
});

t.test('runs of one urgency do not wait for each other, and one that fails is in nobody’s way', async (t) => {
  const traffic = new RunTraffic();
  const [a, b, file] = [run(), run(), run()];
  const both = [traffic.run('awaited', a.work), traffic.run('awaited', b.work)];
  const failed = traffic.run('awaited', async () => Promise.reject(new Error('the engine is gone')));
  await t.rejects(failed, /gone/);
  await settle();
  t.same([a.begun, b.begun], [[0], [0]]);
  const answer = traffic.run('unhurried', file.work);
  for (const pass of [0, 1, 2]) a.end(pass);
  await both[0];
  await settle();
  t.same(file.begun, [], 'the other one is still under way');
  for (const pass of [0, 1, 2]) b.end(pass);
  await both[1];
  for (const pass of [0, 1, 2]) file.end(pass);
  t.equal(await answer, 'done');
});

t.test('partials stand still for finals, and files for both', async (t) => {
  const traffic = new RunTraffic();
  const [file, partial, final] = [run(), run(), run()];
  const answers = [
    traffic.run('unhurried', file.work),
    traffic.run('refining', partial.work),
    traffic.run('awaited', final.work),
  ];
  await settle();
  for (const { end } of [file, partial, final]) end(0);
  await settle();
  t.same([file.begun, partial.begun, final.begun], [[0], [0], [0, 1]]);
  for (const pass of [1, 2]) final.end(pass);
  await settle();
  t.same([file.begun, partial.begun], [[0], [0, 1]]);
  for (const pass of [1, 2]) partial.end(pass);
  await settle();
  t.same(file.begun, [0, 1]);
  for (const pass of [1, 2]) file.end(pass);
  t.same(await Promise.all(answers), ['done', 'done', 'done']);
});
