// The parts of a session by themselves: the ring, the audio of an utterance, answers in order, previous text.
import type { ServerMessage } from '@sotto/protocol';
import * as fc from 'fast-check';
import t from 'tap';
import { AnswerQueue } from '../../../server/src/session/answer-queue.js';
import { AudioRing } from '../../../server/src/session/audio-ring.js';
import { PreviousText, TOPIC_SILENCE_MS } from '../../../server/src/session/previous-text.js';
import { SegmentAudio } from '../../../server/src/session/segment-audio.js';
import { Timeline } from '../../../server/src/session/timeline.js';
import { holds } from '../../support/property.js';
import { s16le } from '../../support/wav-file.js';

/** Samples that tell their place. */
function ramp(from: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, at) => from + at);
}

t.test('the ring gives back what was pushed, wherever it turns over', async (t) => {
  const steps = fc.array(fc.record({ push: fc.nat(9_000), keep: fc.nat(20_000) }), { maxLength: 40 });
  const property = fc.property(steps, (steps) => {
    const ring = new AudioRing(200_000);
    for (const { push, keep } of steps) {
      ring.push(ramp(ring.end, push));
      ring.forget(ring.end - keep);
      const held = new Float32Array(ring.end - ring.start);
      ring.read(ring.start, held);
      if (held.length > Math.max(keep, 0)) throw new Error(`holds ${held.length}`);
      if (held.some((value, at) => value !== ring.start + at)) throw new Error('holds other samples');
    }
  });
  holds(t, property, { numRuns: 100 });
});

t.test('the ring refuses what is beyond its bound, and what it does not hold', async (t) => {
  const ring = new AudioRing(1_000);
  ring.push(ramp(0, 900));
  t.throws(() => ring.push(ramp(0, 101)), RangeError);
  ring.forget(500);
  ring.push(ramp(900, 600));
  t.throws(() => ring.read(499, new Float32Array(1)), RangeError);
  t.throws(() => ring.read(1_499, new Float32Array(2)), RangeError);
  ring.forget(9_999);
  t.equal(ring.start, 1_500, 'what is not there yet cannot be forgotten');
});

t.test('views of an utterance never change while it grows', async (t) => {
  const audio = new SegmentAudio();
  const views: Float32Array[] = [];
  for (let part = 0; part < 50; part++) {
    audio.append(ramp(audio.length, 3_001));
    views.push(audio.view());
  }
  t.ok(views.every((view, part) => view.length === (part + 1) * 3_001 && view.every((value, at) => value === at)));
  t.strictSame(audio.view(10, 12), Float32Array.of(10, 11));
});

t.test('an utterance takes over what another one has released, and none of its samples', async (t) => {
  const audio = new SegmentAudio();
  audio.append(ramp(1, 70_000));
  const view = audio.view();
  audio.release();
  t.equal(audio.length, 0);
  audio.append(ramp(0, 10));
  t.strictSame(audio.view(), ramp(0, 10), 'it may be used on');
  const [next, another] = [new SegmentAudio(), new SegmentAudio()];
  next.append(ramp(5, 100));
  next.append(ramp(105, 80_000));
  another.append(ramp(0, 80_000));
  t.equal(next.length, 80_100);
  t.ok(next.view().every((value, at) => value === at + 5));
  t.ok([next, another].some((one) => one.view().buffer === view.buffer));
});

t.test('answers are sent in the order of their places, in whatever order they come', async (t) => {
  const property = fc.property(
    fc
      .integer({ min: 1, max: 12 })
      .chain((count) => fc.shuffledSubarray([...Array(count).keys()], { minLength: count })),
    (order) => {
      const sent: ServerMessage[] = [];
      const queue = new AnswerQueue((message) => sent.push(message));
      // Every third answer is known when it is added.
      const give = order.map((_, place) => (place % 3 === 2 ? queue.add(pong(place)) : queue.reserve()));
      for (const place of order) give[place]?.(pong(place));
      if (JSON.stringify(sent) !== JSON.stringify(order.map((_, place) => pong(place))))
        throw new Error(JSON.stringify(sent));
    },
  );
  holds(t, property);
});

function pong(id: number): ServerMessage {
  return { type: 'pong', id: `${id}` };
}

t.test('a closed queue sends nothing more, and nobody waits for it', async (t) => {
  const sent: ServerMessage[] = [];
  const queue = new AnswerQueue((message) => sent.push(message));
  const give = queue.reserve();
  const empty = queue.empty();
  queue.close();
  give(pong(1));
  await empty;
  t.strictSame(sent, []);
});

t.test('previous text is bounded, begins with the prompt, and ends with what is pending', async (t) => {
  const previous = new PreviousText();
  for (let sentence = 0; sentence < 200; sentence++) previous.add(`Sentence ${sentence}.`, 1_000, 'en');
  const { text, language } = previous.before(2_000, 'Prompt.', [' pending ', '']);
  t.ok(text.startsWith('Prompt. ') && text.endsWith('Sentence 199. pending') && text.length < 700, text);
  t.equal(language, 'en');
  t.same(previous.before(1_001 + TOPIC_SILENCE_MS, 'Prompt.', []), { text: 'Prompt.' });
});

t.test('previous text is of one language: with a final in another one it begins anew', async (t) => {
  const previous = new PreviousText();
  previous.add('我们走吧。', 1_000, 'zh');
  previous.add('Good morning.', 2_000, 'en');
  previous.add('', 3_000, 'zh');
  t.same(previous.before(3_000, 'Names: Li.', []), { text: 'Names: Li. Good morning.', language: 'en' });
  t.same(new PreviousText(previous.state).before(3_000, '', []), { text: 'Good morning.', language: 'en' });
});

t.test('AU1, AU3: however a stream is cut, doubled and overlapped, the timeline is the same', async (t) => {
  const samples = Float32Array.from({ length: 3_000 }, (_, at) => Math.sin(at));
  const chunks = fc.array(fc.record({ back: fc.nat(500), length: fc.nat(700) }), { minLength: 1, maxLength: 60 });
  const property = fc.property(chunks, (chunks) => {
    const timeline = new Timeline({ encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 });
    const heard: number[] = [];
    for (const { back, length } of chunks) {
      const offset = Math.max(0, timeline.received - back);
      const { pieces, problems } = timeline.accept({ offset, data: s16le(samples.subarray(offset, offset + length)) });
      if (problems.length > 0) throw new Error(problems[0]?.message);
      for (const piece of pieces) heard.push(...piece);
    }
    if (heard.length !== timeline.received) throw new Error(`${heard.length} samples, received ${timeline.received}`);
    if (heard.some((value, at) => Math.abs(value - (samples[at] ?? 9)) > 1e-4)) throw new Error('other samples');
  });
  holds(t, property);
});
