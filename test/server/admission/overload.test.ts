// A load that the machine cannot hold: new streams find no room, and those that run go on.
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { ThreadLoad } from '../../../server/src/admission/thread-load.js';
import type { DecodeRequest, DecodeResult, Engine } from '../../../server/src/asr/engine.js';
import { ServedRecognizer } from '../../../server/src/asr/served-recognizer.js';
import { Scheduler } from '../../../server/src/asr/scheduling/scheduler.js';
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

const RESULT = {
  tokens: [],
  endLogprob: 0,
  language: 'en',
  languageProbability: 1,
  noSpeechProbability: 0,
  draftAccepted: 0,
  steps: 1,
} as const satisfies DecodeResult;

/** An engine that takes 40 ms of the test's clock for each window. */
function slowEngine(clock: ManualClock): Engine {
  return {
    model: new ScriptedEngine({ script: [] }).model,
    maxBatch: 4,
    decode: async (batch) => {
      await new Promise<void>((resolve) => clock.after(40 * batch.length, resolve));
      return batch.map(() => RESULT);
    },
    warmUp: async () => {},
    close: async () => {},
  };
}

function request(): DecodeRequest {
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  return { audio: new Float32Array(16_000), prompt, draft: [], temperature: 0, seed: 0 };
}

t.test(
  'a scheduler that is asked for more than it can do is overloaded after some seconds, and recovers',
  async (t) => {
    const clock = new ManualClock();
    const scheduler = new Scheduler([slowEngine(clock)], { clock });
    t.teardown(() => scheduler.close());
    const streams = Array.from({ length: 200 }, () => ({ segment: {}, askedAt: 0 }));
    let answered = 0;
    /** Each stream asks for a partial twice a second, as rarely as it is told, and for a final every four. */
    async function live(count: number, ms: number): Promise<void> {
      for (const end = clock.now() + ms; clock.now() < end;) {
        for (const [number, stream] of streams.slice(0, count).entries()) {
          const kind = (clock.now() + number * 100) % 4_000 < 20 ? 'final' : 'partial';
          if (kind === 'partial' && clock.now() - stream.askedAt < 500 * scheduler.stretch) continue;
          stream.askedAt = clock.now();
          const dueInMs = kind === 'final' ? 300 : 500;
          const spaced = kind === 'partial' ? { spacing: scheduler.stretch } : {};
          scheduler.submit({ segment: stream.segment, kind, dueInMs, samples: 16_000, request, ...spaced }).then(
            () => (answered += 1),
            () => undefined,
          );
        }
        for (let step = 0; step < 4; step++) {
          clock.advance(5);
          await turn();
          await turn();
        }
      }
    }
    await live(4, 10_000);
    t.equal(scheduler.isOverloaded, false, 'four streams');
    await live(200, 1_000);
    t.equal(scheduler.isOverloaded, false, 'a burst');
    await live(200, 14_000);
    t.equal(scheduler.isOverloaded, true, 'two hundred');
    const before = answered;
    await live(200, 2_000);
    t.ok(answered > before, 'those that run go on');
    await live(2, 40_000);
    t.equal(scheduler.isOverloaded, false, 'two');
  },
);
