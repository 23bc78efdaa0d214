// How much is asked of the engines, what that stretches, and how much may be decoded again.
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { LoadMeter } from '../../../server/src/asr/scheduling/load-meter.js';
import { AGAIN_MS_MAX, secondTries } from '../../../server/src/asr/scheduling/second-tries.js';
import { HandRunEngine, job } from '../../support/hand-run-engine.js';
import { ManualClock } from '../../support/manual-clock.js';
import { either } from '../../support/shared-scheduler.js';

t.test('the stretch is 1 at low load, follows the demand and does not swing', async (t) => {
  const runMs = 100;
  /**
   * Streams that ask for a partial every 500 ms, stretched, of one engine whose runs take 100 ms each: 5 streams fill
   * it.
   */
  const simulate = (streams: number, seconds: number, meter = new LoadMeter(1, 8, 0), from = 0): number[] => {
    const stretches: number[] = [];
    const asked = Array.from({ length: streams }, (_, i) => from + (i * 500) / streams);
    let free = from;
    for (let now = from; now < from + seconds * 1_000; now += 10) {
      for (const [i, at] of asked.entries()) {
        const stretch = meter.stretch(now);
        if (now - at < 500 * stretch) continue;
        meter.asked('live', 6, now, stretch);
        asked[i] = now;
        if (now < free) continue;
        free = now + runMs;
        meter.ran('live', 1, 6, runMs, free);
      }
      if (now % 500 === 0) stretches.push(meter.stretch(now));
    }
    return stretches;
  };
  t.ok(Math.max(...simulate(2, 30)) < 1.01, 'two streams: 40 % busy');
  const crowded = simulate(15, 60);
  const least = Math.min(...crowded.slice(-40));
  const most = Math.max(...crowded);
  t.ok(least > 3.6 && most < 4.4, `15 streams need 300 % of 75 %: 4 (was ${least.toFixed(2)} to ${most.toFixed(2)})`);
  const few = Math.max(...simulate(5, 60));
  t.ok(few < 1.5, `5 streams need 100 % of 75 %: 1.33, and never more than that (was ${few.toFixed(2)})`);
  const meter = new LoadMeter(1, 8, 0);
  simulate(15, 30, meter);
  t.ok((simulate(2, 60, meter, 30_000).at(-1) ?? 9) < 1.05, 'it falls back when they leave');
});

/** A GPU: 12 ms a run and 0.2 ms for a second of audio, windows of 6 s. */
const gpuRunMs = (windows: number): number => 12 + 0.2 * 6 * windows;

/** The stretch after half a minute of streams that ask it for a partial every 500 ms. */
function gpuStretch(streams: number): number {
  const meter = new LoadMeter(1, 64, 0);
  const due = Array.from({ length: streams }, (_, i) => (i * 500) / streams);
  let [free, waiting] = [0, 0];
  for (let now = 0; now < 30_000; now += 1) {
    for (const [i, at] of due.entries()) {
      if (now < at) continue;
      const stretch = meter.stretch(now);
      meter.asked('live', 6, now, stretch);
      waiting += 1;
      due[i] = now + 500 * stretch;
    }
    if (now < free || waiting === 0) continue;
    const windows = Math.min(64, waiting, meter.windowsPerRun('live', now));
    waiting -= windows;
    free = now + gpuRunMs(windows);
    meter.ran('live', windows, 6 * windows, gpuRunMs(windows), free);
  }
  return meter.stretch(30_000);
}

t.test('runs that are dear while they are short do not stretch what would fill them', async (t) => {
  t.ok(gpuStretch(200) < 1.02, 'half of it: one by one they would take five times what there is');
  const full = gpuStretch(400);
  t.ok(full > 1.2 && full < 1.7, `400 streams need 110 % of 75 % (was ${full.toFixed(2)})`);
});

t.test('while somebody is live a run holds what is over soon; files alone fill it', async (t) => {
  const meter = new LoadMeter(1, 64, 0);
  t.equal(meter.windowsPerRun('file', 0), Infinity, 'nothing is known');
  meter.asked('file', 12, 0);
  meter.ran('file', 2, 24, 160, 600);
  t.equal(meter.windowsPerRun('file', 600), Infinity, 'nobody waits');
  meter.asked('live', 6, 600);
  t.equal(meter.windowsPerRun('file', 600), 2, '80 ms a window');
  t.equal(meter.windowsPerRun('live', 600), Infinity, 'a live one has not been seen');
  meter.ran('live', 1, 6, 600, 600);
  t.equal(meter.windowsPerRun('live', 600), 1, '600 ms a window, and one is always run');
  for (let i = 0; i < 100; i += 1) meter.ran('live', 2, 12, 160, 600);
  t.equal(meter.windowsPerRun('live', 600), 4, 'about 80 ms a window');
  for (let i = 0; i < 10_000; i += 1) meter.ran('live', 16, 96, 16, 600);
  t.ok(meter.windowsPerRun('live', 600) > 300, 'about 1 ms a window');
  t.equal(meter.windowsPerRun('live', 100_000), Infinity, 'everybody is gone');
});

either('the load is what is asked for at rest: it says how much may be decoded again', async (t, open) => {
  const clock = new ManualClock();
  const engine = new HandRunEngine(4);
  const scheduler = open([engine], { clock });
  const tries = () => secondTries(scheduler, {}, { fallbackBudgetMs: 1_000, clock });
  const budget = () => tries().fallbackBudgetMs;
  t.equal(scheduler.load, 0);
  t.equal(budget(), 1_000);
  // A window of 100 ms, every 400 ms; three quarters of the time may be planned for.
  const speak = async (runMs: number) => {
    for (let at = 0; at < 25; at += 1) {
      const outcome = scheduler.submit({ ...job('partial'), spacing: scheduler.stretch });
      await turn();
      clock.advance(runMs);
      engine.runs.at(-1)?.succeed();
      await outcome;
      clock.advance(400 - runMs);
      t.ok(scheduler.stretch >= 1);
    }
  };
  await speak(100);
  t.ok(Math.abs(scheduler.load - 1 / 3) < 0.1, `${scheduler.load}`);
  t.ok(Math.abs(budget() - 667) < 100, `${budget()}`);
  await speak(390);
  t.ok(scheduler.load > 1, `${scheduler.load}`);
  t.equal(budget(), 0, 'none while partials are stretched');
  t.equal(tries().unheardBudgetMs, 1_000, 'but of a segment that says nothing');
});

either('what is decoded again is waited for no longer than so, and then forgotten', async (t, open) => {
  const clock = new ManualClock();
  const engine = new HandRunEngine(4);
  const scheduler = open([engine], { clock });
  const segment = {};
  const { inTime } = secondTries(scheduler, segment, { clock });
  t.equal(await inTime(Promise.resolve('better')), 'better');
  t.equal(await inTime(Promise.reject(new Error('an engine failed'))), undefined);
  void scheduler.submit(job('final'));
  await turn();
  const again = scheduler.submit({ ...job('final', segment), isAgain: true });
  const told = inTime(again);
  clock.advance(AGAIN_MS_MAX - 1);
  t.equal(await Promise.race([told, turn('not yet')]), 'not yet');
  clock.advance(1);
  t.equal(await told, undefined);
  t.match(await again, { status: 'cancelled' });
  engine.runs[0]?.succeed();
  await turn();
  t.equal(engine.runs.length, 1, 'its window is not decoded any more');
});
