// A load that the machine cannot hold: new streams find no room, and those that run go on.
import t from 'tap';
import { ThreadLoad } from '../../../server/src/admission/thread-load.js';
import { ServedRecognizer } from '../../../server/src/asr/served-recognizer.js';
import { StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { ManualClock } from '../../support/manual-clock.js';
import { ScriptedEngine, scriptedTokenizer } from '../../support/scripted-engine.js';

t.test('the thread is full after five full seconds in a row, and one with time to spare ends it', async (t) => {
  const clock = new ManualClock();
  let share = 0.99;
  const load = new ThreadLoad({ clock, busyShare: () => share });
  clock.advance(4_000);
  t.equal(load.isFull, false, 'a burst');
  clock.advance(1_000);
  t.equal(load.isFull, true);
  share = 0.9;
  clock.advance(1_000);
  share = 0.99;
  clock.advance(4_000);
  t.equal(load.isFull, false);
  await load.close();
  clock.advance(10_000);
  t.equal(load.isFull, false, 'closed: nothing is measured');
});

t.test('partials are spaced out while the thread is full, and come closer when it has time to spare', async (t) => {
  const clock = new ManualClock();
  let share = 0.99;
  const load = new ThreadLoad({ clock, busyShare: () => share });
  t.teardown(() => load.close());
  const recognizer = new StreamingRecognizer([new ScriptedEngine({ script: [] })], scriptedTokenizer());
  const served = new ServedRecognizer(recognizer, {
    vad: new LoudnessVad(),
    stretch: () => load.stretch,
    onCloseFailed: (error) => t.fail(String(error)),
  });
  t.teardown(() => served.close());
  t.equal(served.stretch, 1);
  clock.advance(3_000);
  const full = served.stretch;
  t.ok(full > 1.5 && full < 2.5, `after three full seconds: ${full}`);
  share = 0.93;
  clock.advance(10_000);
  t.equal(served.stretch, full, 'neither full nor idle: as it is');
  share = 0.5;
  clock.advance(60_000);
  t.equal(served.stretch, 1);
  share = 1;
  clock.advance(60_000);
  t.ok(served.stretch <= 4, 'bounded');
});

t.test('while the thread is full no stream begins', async (t) => {
  let isFull = true;
  const recognizer = new StreamingRecognizer([new ScriptedEngine({ script: [] })], scriptedTokenizer());
  const served = new ServedRecognizer(recognizer, {
    vad: new LoudnessVad(),
    isFull: () => isFull,
    onCloseFailed: (error) => t.fail(String(error)),
  });
  t.teardown(() => served.close());
  t.equal(served.refusal, 'overloaded');
  isFull = false;
  t.equal(served.refusal, undefined);
});
