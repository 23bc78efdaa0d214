// Endpointing: where utterances begin and end, by hand-written probabilities and by properties.
import * as fc from 'fast-check';
import t from 'tap';
import {
  ENDPOINTING_DEFAULTS,
  Endpointer,
  TAIL_MS,
  type EndpointEvent,
  type EndpointingOptions,
} from '../../../server/src/vad/endpointing.js';
import { VAD_FRAME_SAMPLES as FRAME } from '../../../server/src/vad/vad.js';
import { holds } from '../../support/property.js';

const ms = (milliseconds: number) => milliseconds * 16;

/** Runs of frames, [count, probability], as one list. */
function frames(...runs: readonly (readonly [number, number])[]): number[] {
  return runs.flatMap(([count, probability]) => Array.from({ length: count }, () => probability));
}

/** All that is decided about the frames. */
function decisions(probabilities: readonly number[], options = {}): EndpointEvent[] {
  const endpointer = new Endpointer({ ...ENDPOINTING_DEFAULTS, ...options });
  return probabilities.flatMap((probability) => endpointer.step(probability));
}

/** Where utterances begin and end. */
function events(probabilities: readonly number[], options = {}): EndpointEvent[] {
  return decisions(probabilities, options).filter(({ type }) => type !== 'pause' && type !== 'lull');
}

/** A hang-over that nothing shortens, milliseconds. */
const FIXED = { minSilenceMs: 500, sentenceSilenceMs: undefined };

t.test('an utterance begins with its pre-roll and ends with its tail, once the hang-over is over', async (t) => {
  const heard = events(frames([20, 0.01], [30, 0.9], [16, 0.02]), FIXED);
  t.match(heard, [
    { type: 'start', start: 20 * FRAME - ms(300), onset: 20 * FRAME },
    { type: 'end', end: 50 * FRAME + ms(160), reason: 'endpoint' },
  ]);
  t.equal(events(frames([20, 0.01], [30, 0.9], [15, 0.02]), FIXED).length, 1, 'a pause of 480 ms does not end it');
});

t.test('a lull asks once in every pause, after the silence of a complete sentence', async (t) => {
  const options = { minSilenceMs: 700, sentenceSilenceMs: 256 };
  const typesOf = (...runs: readonly (readonly [number, number])[]) =>
    decisions(frames(...runs), options).flatMap(({ type }) => (type === 'pause' ? [] : [type]));
  t.same(typesOf([10, 0.9], [7, 0.02]), ['start'], '224 ms');
  t.same(typesOf([10, 0.9], [8, 0.02]), ['start', 'lull'], '256 ms');
  t.same(typesOf([10, 0.9], [21, 0.02]), ['start', 'lull'], 'not asked again');
  t.same(typesOf([10, 0.9], [22, 0.02]), ['start', 'lull', 'end'], 'as if nothing had been asked');
  t.same(typesOf([10, 0.9], [9, 0.02], [4, 0.9], [8, 0.02]), ['start', 'lull', 'lull'], 'another pause');
  const all = decisions(frames([10, 0.9], [8, 0.02]), { minSilenceMs: 256, sentenceSilenceMs: 256 });
  t.same(
    all.map(({ type }) => type),
    ['start', 'pause', 'end'],
    'nobody is asked where it changes nothing',
  );
});

t.test('an utterance that is complete ends in the lull, with its tail, and speech goes on as the next', async (t) => {
  const endpointer = new Endpointer({ ...ENDPOINTING_DEFAULTS, minSilenceMs: 700, sentenceSilenceMs: 256 });
  t.equal(endpointer.endInLull(), undefined, 'there is none');
  const heard = frames([30, 0.9], [8, 0.02]).flatMap((probability) => endpointer.step(probability));
  t.match(heard.at(-1), { type: 'lull', end: 30 * FRAME + ms(160) });
  t.match(endpointer.endInLull(), { type: 'end', end: 30 * FRAME + ms(160), reason: 'endpoint' });
  t.equal(endpointer.endInLull(), undefined, 'and there is no second one');
  const next = frames([10, 0.9]).flatMap((probability) => endpointer.step(probability));
  t.match(next, [{ type: 'start', start: 30 * FRAME + ms(160) }]);
});

t.test('speech goes on between the two thresholds, but does not begin there', async (t) => {
  t.strictSame(events(frames([100, 0.45])), []);
  t.equal(events(frames([3, 0.9], [100, 0.4])).length, 1);
});

t.test('speech shorter than minSpeechMs is no utterance; a short dip does not disprove it', async (t) => {
  t.strictSame(events(frames([5, 0], [2, 0.9], [40, 0])), []);
  t.match(events(frames([5, 0], [2, 0.9], [3, 0], [1, 0.9], [40, 0])), [{ type: 'start', start: 0 }, { type: 'end' }]);
  t.strictSame(events(frames([5, 0], [2, 0.9], [4, 0], [1, 0.9], [40, 0])), []);
});

t.test('the pre-roll never reaches into the utterance before', async (t) => {
  const heard = events(frames([10, 0.9], [4, 0], [10, 0.9], [20, 0]), { minSilenceMs: 96, prefixPaddingMs: 2_000 });
  t.match(heard, [
    { type: 'start', start: 0 },
    { type: 'end', end: 10 * FRAME + ms(96) },
    { type: 'start', start: 10 * FRAME + ms(96) },
    { type: 'end' },
  ]);
});

t.test('a pause as long as the tail is told once, with the end that it would be; the next one again', async (t) => {
  const heard = decisions(frames([10, 0.9], [8, 0], [10, 0.9], [4, 0], [10, 0.9], [16, 0]), FIXED);
  t.match(heard, [
    { type: 'start' },
    { type: 'pause', end: 15 * FRAME },
    { type: 'pause', end: 47 * FRAME },
    { type: 'end', end: 47 * FRAME },
  ]);
  const short = decisions(frames([10, 0.9], [16, 0]), { minSilenceMs: 160 });
  t.match(short, [{ type: 'start' }, { type: 'end' }], 'not where the pause is the end');
});

t.test('an utterance that grows too long is cut in the longest pause of its last third', async (t) => {
  // 2 s are 62 frames; the pauses at 45 and 52 count, the longer one at 10 lies too early.
  const speech = frames([10, 0.9], [6, 0.1], [29, 0.9], [2, 0.1], [5, 0.9], [4, 0.1], [40, 0.9]);
  const heard = events(speech, { maxUtteranceMs: 2_000 });
  t.match(heard.slice(0, 3), [
    { type: 'start', start: 0 },
    { type: 'end', end: 54 * FRAME, reason: 'forced' },
    { type: 'start', start: 54 * FRAME },
  ]);
});

t.test('without a pause it is cut where speech is least likely', async (t) => {
  const speech = frames([50, 0.95], [1, 0.6], [30, 0.95]);
  const end = events(speech, { maxUtteranceMs: 2_000 }).find((event) => event.type === 'end');
  t.match(end, { reason: 'forced', speechRatio: 1 });
  t.ok(end?.type === 'end' && Math.abs(end.end - 50 * FRAME) <= 2 * FRAME, `cut at ${JSON.stringify(end)}`);
});

t.test('finish ends the utterance at the last sample received, and speech goes on as the next', async (t) => {
  const endpointer = new Endpointer(ENDPOINTING_DEFAULTS);
  t.equal(endpointer.finish(0), undefined);
  for (const probability of frames([10, 0.9])) endpointer.step(probability);
  t.match(endpointer.finish(10 * FRAME + 200), { end: 10 * FRAME + 200, speechRatio: 10 / (10 + 200 / FRAME) });
  t.equal(endpointer.finish(10 * FRAME + 200), undefined, 'and there is no second one');
  t.strictSame(endpointer.step(0.9), [], 'the frame that was cut');
  const next = frames([10, 0.9]).flatMap((probability) => endpointer.step(probability));
  t.match(next, [{ type: 'start', start: 10 * FRAME + 200 }]);
});

t.test('finish in the hang-over leaves the silence out', async (t) => {
  const endpointer = new Endpointer({ ...ENDPOINTING_DEFAULTS, ...FIXED });
  for (const probability of frames([10, 0.9], [12, 0])) endpointer.step(probability);
  t.match(endpointer.finish(22 * FRAME), { end: 10 * FRAME + ms(160) });
});

t.test('a speaker is falling silent from the first frame without speech until the pause is told', async (t) => {
  const endpointer = new Endpointer({ ...ENDPOINTING_DEFAULTS, ...FIXED });
  const seen = frames([10, 0.9], [8, 0.02], [1, 0.9], [1, 0.02]).map((probability) => {
    endpointer.step(probability);
    return endpointer.isFallingSilent;
  });
  const falling = seen.flatMap((isFalling, frame) => (isFalling ? [frame] : []));
  t.same(falling, [10, 11, 12, 13, 19], 'the tail, 160 ms, is there with the fifth frame of silence');
});

t.test('options changed within an utterance count from the next one on', async (t) => {
  const endpointer = new Endpointer({ ...ENDPOINTING_DEFAULTS, ...FIXED });
  for (const probability of frames([10, 0.9])) endpointer.step(probability);
  endpointer.configure({ ...ENDPOINTING_DEFAULTS, minSilenceMs: 96 });
  const first = frames([16, 0]).map((probability) => endpointer.step(probability).map(({ type }) => type));
  t.equal(
    first.findIndex(([type]) => type === 'end'),
    15,
    'the old hang-over of 500 ms',
  );
  const second = frames([10, 0.9], [16, 0]).map((probability) => endpointer.step(probability).map(({ type }) => type));
  t.equal(
    second.findIndex(([type]) => type === 'end'),
    12,
    'the new one of 96 ms',
  );
});

t.test('a pre-roll that becomes longer does not reach back to audio that may be forgotten', async (t) => {
  const endpointer = new Endpointer({ ...ENDPOINTING_DEFAULTS, prefixPaddingMs: 0 });
  for (const probability of frames([20, 0])) endpointer.step(probability);
  endpointer.configure({ ...ENDPOINTING_DEFAULTS, prefixPaddingMs: 300 });
  const heard = frames([1, 0], [4, 0.9]).flatMap((probability) => endpointer.step(probability));
  t.match(heard, [{ type: 'start', start: 20 * FRAME }]);
});

/** Probabilities as speech makes them: runs of similar values. */
const speech = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.constantFrom(0, 0.2, 0.34, 0.36, 0.49, 0.5, 0.7, 1)), {
    maxLength: 30,
  })
  .map((runs) => frames(...runs));
const options = fc.record({
  threshold: fc.constantFrom(0.05, 0.3, 0.5, 0.95),
  minSilenceMs: fc.integer({ min: 96, max: 10_000 }),
  minSpeechMs: fc.integer({ min: 0, max: 5_000 }),
  prefixPaddingMs: fc.integer({ min: 0, max: 2_000 }),
  maxUtteranceMs: fc.integer({ min: 2_000, max: 28_000 }),
});

/** The utterances of a run that is finished at its end. */
function utterances(probabilities: readonly number[], changed: Partial<EndpointingOptions>) {
  const settings = { ...ENDPOINTING_DEFAULTS, ...changed };
  const endpointer = new Endpointer(settings);
  const found: { start: number; end: number; speechRatio: number }[] = [];
  let isFinished = false;
  let start: number | undefined;
  let pause: number | undefined;
  const note = (event: EndpointEvent): void => {
    if (event.type === 'start') {
      if (start !== undefined) throw new Error('started twice');
      start = event.start;
      pause = undefined;
      return;
    }
    if (start === undefined) throw new Error('ended before it started');
    if (event.type === 'pause') {
      if (event.end <= Math.max(start, pause ?? 0)) throw new Error(`a pause at ${event.end} after ${pause}`);
      pause = event.end;
      return;
    }
    if (event.type === 'lull') {
      if (pause !== event.end) throw new Error(`a lull at ${event.end}, the pause at ${pause}`);
      return;
    }
    if (event.reason === 'endpoint' && settings.minSilenceMs > TAIL_MS && !isFinished && pause !== event.end)
      throw new Error(`ends at ${event.end}, its last pause at ${pause}`);
    found.push({ start, end: event.end, speechRatio: event.speechRatio });
    start = undefined;
  };
  probabilities.forEach((probability, index) => {
    const horizon = endpointer.horizon;
    for (const event of endpointer.step(probability)) {
      const isCarriedOn = event.type === 'start' && event.start === found.at(-1)?.end;
      if (event.type === 'start' && event.start < horizon && !isCarriedOn)
        throw new Error('reaches back beyond the horizon');
      if (event.type !== 'start' && event.end > (index + 1) * FRAME) throw new Error('ends in the future');
      note(event);
    }
  });
  isFinished = true;
  const last = endpointer.finish(probabilities.length * FRAME);
  if (last) note(last);
  if (start !== undefined) throw new Error('never ended');
  return found;
}

t.test('utterances are ordered, apart, never longer than the bound, with a ratio in 0-1', async (t) => {
  const property = fc.property(speech, options, (probabilities, settings) => {
    let before = 0;
    for (const { start, end, speechRatio } of utterances(probabilities, settings)) {
      if (start < before) throw new Error(`starts at ${start}, before ${before}`);
      if (end <= start) throw new Error(`is empty: ${start}-${end}`);
      if (end - start > ms(settings.maxUtteranceMs)) throw new Error(`is too long: ${end - start}`);
      if (speechRatio < 0 || speechRatio > 1) throw new Error(`ratio ${speechRatio}`);
      before = end;
    }
  });
  holds(t, property);
});

t.test('with minSpeechMs 0 they cover every frame at or above the threshold', async (t) => {
  const property = fc.property(speech, options, (probabilities, settings) => {
    const found = utterances(probabilities, { ...settings, minSpeechMs: 0 });
    probabilities.forEach((probability, index) => {
      if (probability < settings.threshold) return;
      for (const sample of [index * FRAME, (index + 1) * FRAME - 1]) {
        if (!found.some(({ start, end }) => start <= sample && sample < end)) throw new Error(`frame ${index} is lost`);
      }
    });
  });
  holds(t, property);
});

t.test('a forced cut neither loses nor doubles audio', async (t) => {
  const property = fc.property(
    fc.array(fc.double({ min: 0.4, max: 1, noNaN: true }), { minLength: 200, maxLength: 600 }),
    (speech) => {
      const found = utterances([0.9, 0.9, 0.9, ...speech], { maxUtteranceMs: 2_000 });
      found.slice(1).forEach(({ start }, index) => {
        if (start !== found[index]?.end) throw new Error(`a hole before ${start}`);
      });
      const end = found.at(-1)?.end;
      if (found[0]?.start !== 0 || end !== (speech.length + 3) * FRAME)
        throw new Error(`covers ${found[0]?.start}-${end}`);
    },
  );
  holds(t, property, { numRuns: 50 });
});
