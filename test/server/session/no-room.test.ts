// A stream that finds no room is told at once, and may come back; those that run go on.
import { CLOSE, type ServerMessage } from '@sotto/protocol';
import t from 'tap';
import { createSessionFactory } from '../../../server/src/session/session.js';
import { SESSION_DEFAULTS } from '../../../server/src/session/session-settings.js';
import { Scheduler } from '../../../server/src/asr/scheduling/scheduler.js';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { ScriptedEngine } from '../../support/scripted-engine.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';

const START = { type: 'start', audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } } as const;

t.test('HS14: no engine, or finals that are late, answer start with overloaded', async (t) => {
  for (const refusal of ['noEngine', 'overloaded', 'paused'] as const) {
    const recognizer = Object.assign(new ScriptedRecognizer(), { refusal });
    const create = createSessionFactory({ vad: new LoudnessVad(), recognizer, settings: SESSION_DEFAULTS });
    const said: ServerMessage[] = [];
    const closed: unknown[] = [];
    create({ send: (message) => said.push(message), end: (reason) => closed.push(reason) }).receive(START);
    t.match(said, [{ type: 'error', code: 'overloaded', retryable: true, fatal: true, retryAfterMs: 2_000 }], refusal);
    t.strictSame(closed, [CLOSE.tryAgainLater]);
  }
});

function request(): never {
  throw new Error('not run');
}

t.test('the scheduler knows whether an engine is up, and how late the first final is', async (t) => {
  const engine = new ScriptedEngine({ script: [] });
  let now = 0;
  const scheduler = new Scheduler([engine], { clock: { now: () => now, after: () => () => undefined } });
  t.teardown(() => scheduler.close());
  t.strictSame([scheduler.isUp, scheduler.lateMs], [true, 0]);
  engine.isUp = false;
  t.equal(scheduler.isUp, false);
  const job = { segment: {}, kind: 'final', dueInMs: 300, samples: 16_000 } as const;
  scheduler.submit({ ...job, request, isAttended: () => false }).catch(() => undefined);
  now = 5_000;
  t.equal(scheduler.lateMs, 0, 'nobody waits for that one');
  scheduler.submit({ ...job, segment: {}, request }).catch(() => undefined);
  now = 10_000;
  t.equal(scheduler.lateMs, 4_700);
});
