import * as fc from 'fast-check';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import type { DecodeRequest, DecodeResult } from '../../../server/src/asr/engine.js';
import { LanguageEvidence } from '../../../server/src/asr/language-evidence.js';
import type { FinalHypothesis, SegmentOptions } from '../../../server/src/asr/recognizer.js';
import type { RecognizerOptions } from '../../../server/src/asr/recognizer-options.js';
import { StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import {
  scriptedAudio,
  ScriptedEngine,
  type ScriptedEngineOptions,
  scriptedTokenizer,
  scriptOf,
} from '../../support/scripted-engine.js';
import { HeldEngine } from '../../support/held-engine.js';
import { listener } from '../../support/segment-listener.js';
import { propertyRuns } from '../../support/property.js';

const TEXT = 'the quick brown fox jumps and the lazy dog goes on sleeping';
const SCRIPT = scriptOf(TEXT);
/** Milliseconds of the script: 12 words of 350 ms from 500 ms on. */
const LENGTH = 5_000;

function recognizer(engine: Partial<ScriptedEngineOptions> = {}, options: RecognizerOptions = {}) {
  const scripted = new ScriptedEngine({ script: SCRIPT, ...engine });
  return { engine: scripted, recognizer: new StreamingRecognizer([scripted], scriptedTokenizer(), options) };
}

function heldRecognizer(engine: Partial<ScriptedEngineOptions> = {}) {
  const held = new HeldEngine({ script: SCRIPT, ...engine });
  return { engine: held, recognizer: new StreamingRecognizer([held], scriptedTokenizer()) };
}

/** Streams the script into one segment, a partial asked for every `stepMs`, each answered before the next. */
async function stream(recognizer: StreamingRecognizer, stepMs: number, more: Partial<SegmentOptions> = {}) {
  const { partials, errors, options } = listener(more);
  const segment = recognizer.open(options);
  for (let end = stepMs; end < LENGTH; end += stepMs) {
    const before = partials.length;
    segment.update(scriptedAudio(0, end));
    while (partials.length === before && errors.length === 0) await delay(1);
  }
  const final = await segment.finish(scriptedAudio(0, LENGTH), 0.9);
  return { partials, errors, final };
}

for (const stability of ['align-att', 'local-agreement', 'both'] as const) {
  t.test(`${stability}: stable text only grows and is right, the tail is tentative, the final is whole`, async (t) => {
    const { recognizer: asr, engine } = recognizer({}, { stability });
    const { partials, final } = await stream(asr, 500);
    t.equal(final.text, TEXT);
    t.equal(partials.length, 9);
    let before = '';
    for (const { stable, heardSamples, tentative } of partials) {
      t.ok(stable.startsWith(before), `"${stable}" begins with "${before}"`);
      t.ok(TEXT.startsWith(stable), 'what is stable was said');
      t.notOk(stable === '' && tentative.startsWith(' '), 'the text of a segment does not begin with a space');
      t.ok(heardSamples % 8_000 === 0);
      before = stable;
    }
    t.ok(before.split(' ').length >= 8, `"${before}" was stable before the end`);
    const [final0] = engine.batches.at(-1) ?? [];
    t.same(final0?.prompt.committed, [], 'the final is free');
    t.ok((final0?.draft.length ?? 0) > 30, 'and has the last hypothesis as its draft');
    const committed = engine.batches.map(([request]) => request?.prompt.committed.length ?? 0);
    t.ok(
      committed.some((count) => count > 10),
      'partials go on behind what is committed',
    );
    await asr.close();
  });
}

t.test('words carry times within one token of the script', async (t) => {
  const { recognizer: asr } = recognizer();
  const { final } = await stream(asr, 1_000);
  t.same(
    final.words.map((word) => word.text),
    TEXT.split(' '),
  );
  for (const [i, word] of final.words.entries()) {
    t.ok(
      Math.abs(word.startMs - (SCRIPT[i]?.startMs ?? 0)) <= 100,
      `${word.text}: ${word.startMs} for ${SCRIPT[i]?.startMs}`,
    );
  }
  const without = await stream(asr, 2_500, { words: false });
  t.same(without.final.words, []);
  await asr.close();
});

t.test('a newer request supersedes one that waits: while a run lasts only the last is kept', async (t) => {
  const { recognizer: asr, engine } = heldRecognizer();
  const { partials, options } = listener();
  const segment = asr.open(options);
  segment.update(scriptedAudio(0, 500));
  await engine.begun();
  for (let end = 1_000; end <= 4_500; end += 500) segment.update(scriptedAudio(0, end));
  engine.release();
  await engine.begun();
  engine.release();
  while (partials.length < 2) await delay(1);
  t.same(
    partials.map(({ heardSamples }) => heardSamples),
    [8_000, 72_000],
  );
  t.ok(
    engine.batches.every((batch) => batch.length === 1),
    'a segment is decoded once at a time',
  );
  t.equal(asr.counts.superseded, 7);
  segment.cancel();
  await asr.close();
});

t.test('a partial that may bring the first words goes before those of segments that have words', async (t) => {
  const { recognizer: asr, engine } = heldRecognizer({ maxBatch: 1 });
  const heard: string[] = [];
  const open = (name: string) =>
    asr.open(listener({ onPartial: ({ stable, tentative }) => heard.push(`${name}: ${stable}${tentative}`) }).options);
  const [speaking, beginning] = [open('speaking'), open('beginning')];
  const run = async () => {
    const before = heard.length;
    await engine.begun();
    engine.release();
    while (heard.length === before) await delay(1);
  };
  speaking.update(scriptedAudio(0, 2_000));
  await run();
  const other = open('other');
  other.update(scriptedAudio(0, 2_000));
  await engine.begun();
  speaking.update(scriptedAudio(0, 2_500));
  beginning.update(scriptedAudio(0, 2_500));
  for (let runs = 0; runs < 3; runs += 1) await run();
  t.same(
    heard.map((text) => text.split(':')[0]),
    ['speaking', 'other', 'beginning', 'speaking'],
  );
  for (const segment of [speaking, beginning, other]) segment.cancel();
  await asr.close();
});

t.test('segments that are due together share a run and do not mix', async (t) => {
  const { recognizer: asr, engine } = recognizer({ runMs: 5 });
  const finals = await Promise.all(
    [0, 1_200, 2_250, 3_300].map((from) => asr.open(listener().options).finish(scriptedAudio(from, LENGTH), 0.9)),
  );
  for (const [i, from] of [0, 1_200, 2_250, 3_300].entries()) {
    t.equal(
      finals[i]?.text,
      SCRIPT.filter((word) => word.startMs >= from)
        .map((word) => word.text)
        .join(' '),
    );
  }
  t.ok(engine.batches.length < 4, 'runs were shared');
  await asr.close();
});

t.test('the end of the previous text is the prompt; hotwords go beside it', async (t) => {
  const { recognizer: asr, engine } = recognizer();
  const tokenizer = scriptedTokenizer();
  const previousText = `${'the and '.repeat(200)}it ends here`;
  const hotwords = Array.from({ length: 50 }, (_, i) => `term${i}`);
  await stream(asr, 2_500, { previousText, hotwords });
  for (const [request] of engine.batches) {
    const told = tokenizer.decode(request?.prompt.previous ?? []);
    t.match(told, /^ (the|and).* it ends here$/);
    t.notMatch(told, /term/);
    t.ok((request?.prompt.previous.length ?? 0) <= 96);
    t.strictSame(request?.hotwords?.terms, hotwords);
  }
  await asr.close();
});

t.test('a partial is known to be speech; the final judges that for itself', async (t) => {
  const { recognizer: asr, engine } = recognizer({}, { earlyFinals: false });
  await stream(asr, 1_000);
  const spoken = engine.batches.map(([request]) => request?.isSpoken === true);
  t.same(spoken, [true, true, true, true, false]);
  await asr.close();
});

t.test("the language is the model's choice until text is committed; the final chooses anew", async (t) => {
  const { recognizer: asr, engine } = recognizer();
  await stream(asr, 500, { language: 'auto' });
  const languages = engine.batches.map(([request]) => request?.prompt.language ?? null);
  t.equal(languages[0], null);
  t.equal(languages.at(-2), 'en');
  t.equal(languages.at(-1), null);
  await asr.close();
});

/** Hears another language at first: what is told depends on how much was heard, what is decoded on what was asked. */
class SlowEar extends ScriptedEngine {
  readonly asked: (string | null)[] = [];

  override async decode(batch: readonly DecodeRequest[]): Promise<DecodeResult[]> {
    const results = await super.decode(batch);
    return results.map((result, at) => {
      const { audio, prompt } = batch[at] as DecodeRequest;
      const languageProbabilities = audio.length < 16_000 ? { en: 0.1, zh: 0.2, de: 0.2 } : { zh: 0.95, en: 0.03 };
      this.asked.push(prompt.language);
      return { ...result, language: prompt.language ?? (audio.length < 16_000 ? 'en' : 'zh'), languageProbabilities };
    });
  }
}

t.test(
  'a session begins with no words while its language is unsure, and goes on in the one that is heard',
  async (t) => {
    const engine = new SlowEar({ script: SCRIPT });
    const asr = new StreamingRecognizer([engine], scriptedTokenizer());
    const { partials, options } = listener({ language: 'auto', languages: new LanguageEvidence() });
    const segment = asr.open(options);
    for (const end of [900, 1_500]) {
      segment.update(scriptedAudio(0, end));
      const before = partials.length;
      while (partials.length === before) await delay(1);
    }
    t.same(partials[0], { stable: '', tentative: '', heardSamples: 14_400 });
    t.match(`${partials[1]?.stable}${partials[1]?.tentative}`, /^the/, 'heard again in the language of more audio');
    t.same(engine.asked, [null, 'en', 'zh']);
    await asr.close();
  },
);

t.test('a language that may not be spoken is not decoded in', async (t) => {
  const engine = new SlowEar({ script: SCRIPT });
  const asr = new StreamingRecognizer([engine], scriptedTokenizer(), { languages: ['en', 'de'] });
  const { options } = listener({ language: 'auto', languages: new LanguageEvidence() });
  t.equal((await asr.open(options).finish(scriptedAudio(0, LENGTH), 0.9)).language, 'en', 'the server says');
  const own = { ...options, among: ['zh-TW'] };
  t.equal((await asr.open(own).finish(scriptedAudio(0, LENGTH), 0.9)).language, 'zh', 'the session says');
  await asr.close();
});

t.test('a partial that fails twice is told and the segment goes on; a final that fails twice rejects', async (t) => {
  const script = SCRIPT.map((word, i) => (i === 4 ? { ...word, fault: 'fail' as const } : word));
  const { recognizer: asr } = recognizer({ script });
  const { partials, errors, options } = listener();
  const segment = asr.open(options);
  segment.update(scriptedAudio(0, 1_000));
  while (partials.length === 0) await delay(1);
  segment.update(scriptedAudio(0, 3_000));
  while (errors.length === 0) await delay(1);
  t.match(errors, [{ name: 'AsrError', code: 'recognition_failed', message: 'the engine failed: the script says so' }]);
  await t.rejects(segment.finish(scriptedAudio(0, LENGTH), 0.9), {
    name: 'AsrError',
    code: 'recognition_failed',
    retryable: true,
  });
  const other = await asr.open(listener().options).finish(scriptedAudio(3_000, LENGTH), 0.9);
  t.ok(other.text.length > 0, 'other segments are not harmed');
  await asr.close();
});

t.test('after cancel nothing is called, and a final that waits rejects as cancelled', async (t) => {
  const { recognizer: asr, engine } = heldRecognizer();
  const { partials, errors, options } = listener();
  const segment = asr.open(options);
  segment.update(scriptedAudio(0, 2_000));
  await engine.begun();
  const final = segment.finish(scriptedAudio(0, LENGTH), 0.9);
  segment.cancel();
  await t.rejects(final, { code: 'cancelled' });
  await t.rejects(segment.finish(scriptedAudio(0, LENGTH), 0.9), { code: 'cancelled' });
  segment.update(scriptedAudio(0, LENGTH));
  engine.release();
  await asr.close();
  t.equal(engine.batches.length, 1, 'the run that had begun came to its end');
  t.same([partials, errors], [[], []]);
});

t.test('a segment without audio is empty, one without words is noise', async (t) => {
  const { recognizer: asr } = recognizer();
  t.match(await asr.open(listener().options).finish(new Float32Array(0), 0), {
    text: '',
    noise: 'empty',
    words: [],
  } satisfies Partial<FinalHypothesis>);
  t.match(await asr.open(listener().options).finish(scriptedAudio(0, 400), 0.1), { text: '', noise: 'empty' });
  await asr.close();
});

t.test('close fails what waits, ends what runs, closes the engines and may be called twice', async (t) => {
  const { recognizer: asr, engine } = heldRecognizer({ maxBatch: 1 });
  const running = asr.open(listener().options).finish(scriptedAudio(0, LENGTH), 0.9);
  const waiting = asr.open(listener().options).finish(scriptedAudio(0, LENGTH), 0.9);
  await engine.begun();
  const closed = Promise.all([asr.close(), asr.close()]);
  await t.rejects(waiting, { code: 'shutting_down' });
  engine.release();
  t.equal((await running).text, TEXT);
  await closed;
  await t.rejects(engine.decode([]), { code: 'engine_closed' });
  await t.rejects(asr.open(listener().options).finish(scriptedAudio(0, LENGTH), 0.9), { code: 'shutting_down' });
});

t.test(
  'random histories: stable text grows, partials are in order, the final does not depend on the partials',
  async (t) => {
    const history = fc.record({
      steps: fc.array(fc.record({ addMs: fc.integer({ min: 20, max: 900 }), waitMs: fc.constantFrom(0, 0, 1, 4) }), {
        maxLength: 14,
      }),
      stability: fc.constantFrom('align-att', 'local-agreement', 'both'),
      maxBatch: fc.integer({ min: 1, max: 4 }),
    });
    const check = fc.assert(
      fc.asyncProperty(history, async ({ steps, stability, maxBatch }) => {
        const { recognizer: asr } = recognizer({ runMs: 1, maxBatch }, { stability });
        const { partials, errors, options } = listener();
        const segment = asr.open(options);
        let end = 0;
        for (const { addMs, waitMs } of steps) {
          end += addMs;
          segment.update(scriptedAudio(0, end));
          if (waitMs > 0) await delay(waitMs);
        }
        const final = await segment.finish(scriptedAudio(0, Math.max(end, LENGTH)), 0.9);
        await asr.close();
        if (final.text !== TEXT) throw new Error(`the final is "${final.text}"`);
        if (errors.length > 0) throw errors[0] as Error;
        for (const [i, partial] of partials.entries()) {
          const before = partials[i - 1];
          if (before && (!partial.stable.startsWith(before.stable) || partial.heardSamples < before.heardSamples))
            throw new Error('stable text changed');
        }
      }),
      { numRuns: propertyRuns(60) },
    );
    await t.resolves(check);
  },
);

t.test('a final that says what the text before it says is heard again without that', async (t) => {
  const { recognizer: asr, engine } = recognizer();
  const { final } = await stream(asr, 2_500, { previousText: 'The quick brown fox jumps.' });
  t.equal(final.text, TEXT);
  const [told, alone] = engine.batches.slice(-2).flat();
  t.ok((told?.prompt.previous.length ?? 0) > 0);
  t.same(alone?.prompt.previous, []);
  t.equal(alone?.audio.length, told?.audio.length);
  await asr.close();
});

t.test('a final that ends long before its audio is decoded on', async (t) => {
  const { recognizer: asr, engine } = recognizer({ script: scriptOf('the dog sleeps') });
  const { final } = await stream(asr, 2_500);
  t.equal(final.text, 'the dog sleeps');
  const [whole, rest] = engine.batches.slice(-2).flat();
  t.equal(whole?.audio.length, LENGTH * 16);
  t.ok((rest?.audio.length ?? 0) < (LENGTH - 1_200) * 16, 'from behind its last word on');
  await asr.close();
});
