import { ModelRegistry } from '@sotto/models';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { whisperEngineSpec } from '../../../server/src/asr/engine-host/whisper-engine-spec.js';
import { ProcessEngine } from '../../../server/src/asr/engine-host/process-engine.js';
import type { FinalHypothesis, PartialHypothesis } from '../../../server/src/asr/recognizer.js';
import { createRecognizer, type StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import { fixtureClip, fixtureClips, fixtureSamples } from '../../support/fixtures.js';
import { sampled } from '../../support/whole-run.js';

const SPEECH = ['en-recipe', 'en-question', 'en-market', 'en-weather'];
const NO_SPEECH = ['silence', 'hum', 'noise-pink', 'noise-white', 'melody'];

const model = await new ModelRegistry().find('whisper-base-adapted');
const engine = await ProcessEngine.start(whisperEngineSpec(model, { threads: 2 }), {
  backoffMinMs: 20,
  // A final waits for an engine that is brought back: on a busy machine this model loads for longer than the default.
  unavailableAfterMs: 150_000,
});
await engine.warmUp();
const asr: StreamingRecognizer = await createRecognizer([engine]);
t.teardown(() => asr.close());

/** A segment fed half a second at a time, each partial answered before the next. */
async function stream(id: string): Promise<{ partials: PartialHypothesis[]; final: FinalHypothesis }> {
  const samples = await fixtureSamples(id);
  const partials: PartialHypothesis[] = [];
  const segment = asr.open({
    language: 'en',
    task: 'transcribe',
    previousText: '',
    hotwords: [],
    words: true,
    onPartial: (partial) => partials.push(partial),
    onError: (error) => t.fail(error.message),
  });
  for (let end = 8_000; end < samples.length; end += 8_000) {
    const before = partials.length;
    segment.update(samples.subarray(0, end));
    while (partials.length === before) await delay(2);
  }
  return { partials, final: await segment.finish(samples, 0.8) };
}

async function whole(id: string): Promise<FinalHypothesis> {
  const segment = asr.open({
    language: 'en',
    task: 'transcribe',
    previousText: '',
    hotwords: [],
    words: true,
    onPartial: () => undefined,
    onError: () => undefined,
  });
  return segment.finish(await fixtureSamples(id), 0.8);
}

/** Text and times: probabilities differ in their last digits between one pass and many steps. */
const heard = ({ text, words }: FinalHypothesis) => [text, words.map((word) => [word.text, word.startMs, word.endMs])];

t.test('a streamed segment ends in the same final as one that is heard at once', async (t) => {
  for (const id of sampled(SPEECH, 1)) {
    const { partials, final } = await stream(id);
    t.same(heard(final), heard(await whole(id)), id);
    let before = '';
    for (const { stable } of partials) {
      t.ok(stable.startsWith(before), `"${stable}" begins with "${before}"`);
      before = stable;
    }
    t.ok(before.length > 0, `"${before}" was stable before the end of "${final.text}"`);
  }
});

t.test('words are found where the synthesiser spoke them', async (t) => {
  const errors: number[] = [];
  const timed = fixtureClips.filter((clip) => SPEECH.includes(clip.id));
  for (const clip of timed) {
    const { words } = await whole(clip.id);
    for (const spoken of fixtureClip(clip.id).words ?? []) {
      const distances = words
        .filter((word) => word.text === spoken.text)
        .map((word) => Math.abs(word.startMs - spoken.startMs));
      if (distances.length > 0) errors.push(Math.min(...distances));
    }
  }
  errors.sort((a, b) => a - b);
  t.ok(errors.length > 20, `${errors.length} words`);
  const median = errors[errors.length >> 1] ?? Infinity;
  t.ok(median < 120, `median error ${median} ms`);
});

t.test('what is not speech gives no words', async (t) => {
  for (const id of sampled(NO_SPEECH, 2)) {
    const { text, noise } = await whole(id);
    t.same({ text, isNoise: noise !== undefined }, { text: '', isNoise: true }, id);
  }
});

t.test('kill -9 of the engine in the middle of a final: the final comes all the same', async (t) => {
  const expected = await whole('en-market');
  const pid = engine.pid as number;
  const final = whole('en-market');
  while (asr.counts.running === 0) await nextTurn();
  process.kill(pid, 'SIGKILL');
  t.same(heard(await final), heard(expected));
  t.not(engine.pid, pid);
});
