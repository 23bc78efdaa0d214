// What `sotto models` says of a calibration.
import { EMBEDDED_MODEL, ModelRegistry } from '@sotto/models';
import t from 'tap';
import type { CalibrationOutcome } from '../../../server/src/asr/calibration/calibrate.js';
import { calibrationReport } from '../../../server/src/cli/models-report.js';

const model = await new ModelRegistry('/nowhere').find(EMBEDDED_MODEL);

function judged(seconds: number) {
  return {
    shortestContext: seconds * 16_000,
    tailSilence: 0,
    meanContext: seconds * 16_000,
    errors: { substitutions: 10, deletions: 0, insertions: 0, reference: 40 },
    errorRate: 0.25,
    speed: 10,
  };
}

function outcome(shortest: number): CalibrationOutcome {
  const contexts = [2, 4, 6, 8, 12, 16, 22, 30];
  const point = { shortestContext: shortest, tailSilenceMs: 0, meanContext: shortest, errorRate: 0.25, speed: 10 };
  return {
    baseline: judged(30),
    chosen: judged(shortest),
    front: [],
    buckets: contexts.filter((seconds) => seconds >= shortest),
    tailSilenceMs: 0,
    skipped: [],
    calibration: { date: '2026-01-01', recordings: 3, seconds: 15, baseline: point, chosen: point },
  };
}

t.test('a stock model needs long windows, and what cures it is named', async (t) => {
  const text = calibrationReport(model, outcome(12));
  t.match(text, /nothing under 12 s was good enough\. Adaptation teaches .* models\/train\/adapt\.\n$/);
});

t.test('an adapted model gets no such advice', async (t) => {
  t.notMatch(calibrationReport(model, outcome(2)), /Adaptation/);
});
