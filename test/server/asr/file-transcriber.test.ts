import * as fc from 'fast-check';
import t from 'tap';
import { FileTranscriber, type TranscribedSegment } from '../../../server/src/asr/files/file-transcriber.js';
import type { CuttingOptions } from '../../../server/src/asr/files/speech-stretches.js';
import { Scheduler } from '../../../server/src/asr/scheduling/scheduler.js';
import { frameByFrame } from '../../../server/src/vad/frame-by-frame.js';
import type { VoiceActivityDetector } from '../../../server/src/vad/vad.js';
import {
  scriptedAudio,
  ScriptedEngine,
  type ScriptedEngineOptions,
  scriptedTokenizer,
  type ScriptedWord,
  scriptOf,
} from '../../support/scripted-engine.js';
import { propertyRuns } from '../../support/property.js';

const SENTENCES = ['the cat and the dog sleep', 'a fox jumps', 'it goes on and on', 'the end'];
/** Sentences with pauses of three seconds between them. */
const SCRIPT = SENTENCES.flatMap((sentence, i) => scriptOf(sentence, 1_000 + i * 5_000));
const LENGTH_MS = 21_000;

/** Hears speech where the script has a word. */
function scriptedDetector(script: readonly ScriptedWord[]): VoiceActivityDetector & { streams: number } {
  const detector = {
    streams: 0,
    open() {
      detector.streams += 1;
      return {
        push: async (frame: Float32Array) => {
          const ms = ((frame[0] ?? 0) * 2 ** 24) / 16;
          return script.some((word) => ms >= word.startMs && ms < word.endMs) ? 0.95 : 0.02;
        },
        reset: () => undefined,
        close: () => {
          detector.streams -= 1;
        },
      };
    },
    openRecording: () => frameByFrame(detector.open()),
    close: async () => undefined,
  };
  return detector;
}

function transcriber(more: Partial<ScriptedEngineOptions> = {}, script: readonly ScriptedWord[] = SCRIPT) {
  const engine = new ScriptedEngine({ script, runMs: 5, ...more });
  const scheduler = new Scheduler([engine]);
  const detector = scriptedDetector(script);
  return { engine, scheduler, detector, files: new FileTranscriber(scheduler, scriptedTokenizer(), detector) };
}

/** The recording in blocks of an odd size. */
async function* blocks(fromMs: number, lengthMs: number): AsyncGenerator<Float32Array> {
  const samples = scriptedAudio(fromMs, lengthMs);
  for (let at = 0; at < samples.length; at += 7_001) yield samples.slice(at, at + 7_001);
}

async function all(segments: AsyncIterable<TranscribedSegment>): Promise<TranscribedSegment[]> {
  const list: TranscribedSegment[] = [];
  for await (const segment of segments) list.push(segment);
  return list;
}

const starts = async (cutting: CuttingOptions | undefined): Promise<number[]> =>
  (await all(transcriber().files.transcribe(blocks(0, LENGTH_MS), { cutting }))).map(({ startMs }) => startMs);

t.test('a shorter silence cuts more, a longer one less; what is not said is as ever', async (t) => {
  const plain = await starts(undefined);
  t.equal(plain.length, SENTENCES.length);
  t.same(await starts({ minSilenceMs: 1_000 }), plain);
  t.equal((await starts({ minSilenceMs: 5_000 })).length, 1);
  const padded = await starts({ prefixPaddingMs: 600 });
  t.ok((padded[1] ?? 0) < (plain[1] ?? 0), 'more audio before each');
});

t.test('segments come in order with times of the recording, decoded in shared runs', async (t) => {
  const { files, engine, detector } = transcriber();
  const segments = await all(files.transcribe(blocks(0, LENGTH_MS)));
  t.same(
    segments.map((segment) => segment.text),
    SENTENCES,
  );
  const words = segments.flatMap((segment) => segment.words);
  t.equal(words.length, SCRIPT.length);
  for (const [i, word] of words.entries()) {
    t.ok(
      Math.abs(word.startMs - (SCRIPT[i]?.startMs ?? 0)) <= 100,
      `${word.text}: ${word.startMs} for ${SCRIPT[i]?.startMs}`,
    );
  }
  for (const segment of segments)
    t.ok(segment.startMs <= (segment.words[0]?.startMs ?? 0) && segment.endMs <= LENGTH_MS);
  t.ok(engine.batches.length < SENTENCES.length, 'runs are shared');
  t.equal(detector.streams, 0);
});

t.test('sentences with short pauses share a window, and are segments of their own with their own times', async (t) => {
  const script: ScriptedWord[] = [];
  for (const sentence of SENTENCES) script.push(...scriptOf(sentence, (script.at(-1)?.endMs ?? 0) + 1_500));
  const { files, engine } = transcriber({}, script);
  const segments = await all(files.transcribe(blocks(0, 16_000)));
  t.equal(engine.batches.flat().length, 1);
  t.same(
    segments.map(({ text }) => text),
    SENTENCES,
  );
  for (const [i, word] of segments.flatMap(({ words }) => words).entries()) {
    t.ok(Math.abs(word.startMs - (script[i]?.startMs ?? 0)) <= 100, `${word.text}: ${word.startMs}`);
    t.ok(word.endMs > word.startMs, `${word.text} takes time`);
  }
  for (const { startMs, endMs, words } of segments) {
    t.ok(startMs <= (words[0]?.startMs ?? 0) && (words.at(-1)?.endMs ?? 0) <= endMs);
  }
});

t.test('a language that is heard in one short window does not change that of the recording', async (t) => {
  const { files, engine } = transcriber();
  const decode = engine.decode.bind(engine);
  // All windows but one sound English.
  engine.decode = async (batch) =>
    (await decode(batch)).map((result, i) => {
      const asked = batch[i]?.prompt.language ?? null;
      const isWelsh =
        asked === null &&
        (batch[i]?.audio[0] ?? 0) > (5_500 * 16) / 2 ** 24 &&
        (batch[i]?.audio[0] ?? 0) < (10_000 * 16) / 2 ** 24;
      if (asked !== null) return { ...result, language: asked };
      return isWelsh
        ? { ...result, language: 'cy', languageProbabilities: { cy: 0.5, en: 0.4 } }
        : { ...result, language: 'en', languageProbabilities: { en: 0.95, cy: 0.02 } };
    });
  const segments = await all(files.transcribe(blocks(0, LENGTH_MS)));
  t.same(
    segments.map(({ language }) => language),
    SENTENCES.map(() => 'en'),
  );
});

t.test('a window in which two languages are spoken is parted between them', async (t) => {
  // Pauses of 1.5 s: all of it is one window.
  const script = SENTENCES.flatMap((sentence, i) => scriptOf(sentence, 1_000 + i * 4_000));
  const { files, engine } = transcriber({}, script);
  const decode = engine.decode.bind(engine);
  const asked: (string | null)[] = [];
  // What begins in the last two sentences sounds German, and what holds both like a bit of both.
  engine.decode = async (batch) =>
    (await decode(batch)).map((result, i) => {
      const { audio, prompt } = batch[i] as (typeof batch)[number];
      asked.push(prompt.language);
      const isLate = ((audio[0] ?? 0) * 2 ** 24) / 16 > 8_000;
      const isLong = audio.length > 10 * 16_000;
      const languageProbabilities = isLong ? { en: 0.7, de: 0.3 } : isLate ? { de: 0.95 } : { en: 0.95 };
      return { ...result, language: prompt.language ?? (isLate && !isLong ? 'de' : 'en'), languageProbabilities };
    });
  const segments = await all(files.transcribe(blocks(0, LENGTH_MS)));
  t.same(new Set(segments.map(({ language }) => language)), new Set(['en', 'de']));
  t.equal(
    segments
      .map(({ text }) => text)
      .join(' ')
      .replace(/\s+/g, ' '),
    SENTENCES.join(' '),
  );
  t.ok(
    segments.every(({ startMs, language }) => (language === 'de') === startMs > 8_000),
    'each in its own',
  );
  asked.length = 0;
  await all(files.transcribe(blocks(0, LENGTH_MS), { language: 'en' }));
  t.same(new Set(asked), new Set(['en']), 'where the language is told, it is that');
});

t.test('speech that lasts longer than a window is cut without losing or doubling a word', async (t) => {
  const words = Array.from({ length: 200 }, (_, i) => `w${i}`).join(' ');
  const script = scriptOf(words, 500, 200, 160);
  const { files } = transcriber({}, script);
  const segments = await all(files.transcribe(blocks(0, 73_000)));
  t.ok(segments.length >= 3);
  t.equal(segments.map((segment) => segment.text).join(' '), words);
});

t.test('a recording without speech, or without audio, has no segments', async (t) => {
  const { files } = transcriber({}, []);
  t.same(await all(files.transcribe(blocks(0, 3_000))), []);
  t.same(await all(files.transcribe(blocks(0, 0))), []);
});

t.test('language, prompt and hotwords reach every window', async (t) => {
  const { files, engine } = transcriber();
  await all(files.transcribe(blocks(0, LENGTH_MS), { language: 'en', prompt: 'So far.', hotwords: ['Sotto'] }));
  const tokenizer = scriptedTokenizer();
  for (const request of engine.batches.flat()) {
    t.equal(request.prompt.language, 'en');
    t.equal(tokenizer.decode(request.prompt.previous), ' So far.');
    t.strictSame(request.hotwords?.terms, ['Sotto']);
  }
});

t.test('a failure comes when its segment is due, after those before it', async (t) => {
  const script = SCRIPT.map((word) => (word.text === 'fox' ? { ...word, fault: 'fail' as const } : word));
  const { files, detector } = transcriber({ maxBatch: 1 }, script);
  const seen: string[] = [];
  const run = async () => {
    for await (const segment of files.transcribe(blocks(0, LENGTH_MS))) seen.push(segment.text);
  };
  await t.rejects(run(), { name: 'AsrError', code: 'recognition_failed' });
  t.same(seen, SENTENCES.slice(0, 1));
  t.equal(detector.streams, 0);
});

t.test('who stops listening stops the work', async (t) => {
  const { files, scheduler, detector } = transcriber({ maxBatch: 1 });
  for await (const segment of files.transcribe(blocks(0, LENGTH_MS))) {
    t.equal(segment.text, SENTENCES[0]);
    break;
  }
  t.equal(detector.streams, 0);
  t.equal(scheduler.counts.waiting.file, 0);
  await scheduler.close();
});

t.test('speech behind the point where the model stopped listening is heard all the same', async (t) => {
  const words = scriptOf('the cat and the dog sleep and a fox jumps over it all', 1_000);
  const half = words[5]?.endMs ?? 0;
  // Ends after the first half, as long as it hears the first half.
  const { files, engine } = transcriber({}, words);
  const decode = engine.decode.bind(engine);
  engine.decode = async (batch) =>
    (await decode(batch)).map((result) => ({
      ...result,
      tokens: result.tokens.filter(({ frame }) => result.tokens.length < 8 || frame * 20 < half - 700),
    }));
  const [segment] = await all(files.transcribe(blocks(0, 9_000)));
  t.match(segment?.text, /^the cat .* it all$/);
  t.ok((segment?.words.at(-1)?.endMs ?? 0) > half);
});

t.test('a sentence that is said twice is heard twice, where the model stops behind the first', async (t) => {
  const once = scriptOf('the cat and the dog sleep', 1_000);
  const pauseMs = 1_100;
  const again = scriptOf('the cat and the dog sleep', (once.at(-1)?.endMs ?? 0) + pauseMs);
  const { files, engine } = transcriber({}, [...once, ...again]);
  const decode = engine.decode.bind(engine);
  const secondFrame = (again[0]?.startMs ?? 0) / 20;
  // Whoever hears both writes one of them; its last mark attends the other.
  engine.decode = async (batch) =>
    (await decode(batch)).map((result) => {
      const first = result.tokens.filter(({ frame }) => frame < secondFrame - 50);
      return first.length < result.tokens.length && first.length > 0 ? { ...result, tokens: first } : result;
    });
  const segments = await all(files.transcribe(blocks(0, 9_000)));
  t.equal(segments.map(({ text }) => text).join(' '), 'the cat and the dog sleep the cat and the dog sleep');
  const words = segments.flatMap((segment) => segment.words);
  for (const [i, { startMs }] of [...once, ...again].entries()) {
    t.ok(Math.abs((words[i]?.startMs ?? 0) - startMs) <= 150, `${words[i]?.text} at ${words[i]?.startMs}, ${startMs}`);
  }
});

t.test('words that attend behind their sound are not heard once more in another spelling', async (t) => {
  const before = scriptOf('the cat and the dog sleep', 1_000);
  const spelt = (text: string): ScriptedWord[] => scriptOf(text, (before.at(-1)?.endMs ?? 0) + 900, 450);
  const [whole, alone] = [
    spelt('printers of basil paris lubbeck and cities'),
    spelt('printers in basel paris lubac and cities'),
  ];
  const behindMs = (whole.at(-1)?.endMs ?? 0) + 900;
  const behind = scriptOf('a fox jumps over it all', behindMs);
  const { files, engine } = transcriber({}, [...before, ...whole, ...behind]);
  const other = transcriber({}, [...before, ...alone, ...behind]).engine;
  const decode = engine.decode.bind(engine);
  const [from, to] = [((whole[0]?.startMs ?? 0) - 500) / 20, (behindMs - 500) / 20];
  const late = (frame: number): number => (frame >= from && frame < to ? Math.ceil(to) + 20 : frame);
  let asked = 0;
  // The window as a whole attends where the next sentence begins; what is decoded again is spelt in the other way.
  engine.decode = async (batch) => {
    asked += batch.length;
    if (asked > 1) return other.decode(batch);
    return (await decode(batch)).map((result) => ({
      ...result,
      tokens: result.tokens.map((token) => ({ ...token, frame: late(token.frame) })),
    }));
  };
  const segments = await all(files.transcribe(blocks(0, 12_000), { language: 'en' }));
  t.ok(asked > 1, 'it was asked again');
  t.equal(
    segments.map(({ text }) => text).join(' '),
    'the cat and the dog sleep printers of basil paris lubbeck and cities a fox jumps over it all',
  );
});

t.test('what stops where the attention rests is not gone on with', async (t) => {
  const words = scriptOf('the cat and the dog sleep and a fox jumps over it all', 1_000);
  const { files, engine } = transcriber({}, words);
  const decode = engine.decode.bind(engine);
  engine.decode = async (batch) =>
    (await decode(batch)).map((result) => ({
      ...result,
      tokens: result.tokens.map((token) => ({ ...token, frame: 60 })),
    }));
  const [segment] = await all(files.transcribe(blocks(0, 9_000)));
  t.equal(segment?.text, 'the cat and the dog sleep and a fox jumps over it all');
  t.equal(engine.batches.flat().length, 1);
});

t.test('whatever the attention says, words take time and lie within their segments, in order', async (t) => {
  const script: ScriptedWord[] = [];
  for (const sentence of SENTENCES) script.push(...scriptOf(sentence, (script.at(-1)?.endMs ?? 0) + 1_500));
  const { files, engine } = transcriber({}, script);
  const decode = engine.decode.bind(engine);
  let drawn: readonly number[] = [];
  engine.decode = async (batch) =>
    (await decode(batch)).map((result) => ({
      ...result,
      tokens: result.tokens.map((token, i) => ({ ...token, frame: drawn[i % drawn.length] ?? 0 })),
    }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(1_400), { minLength: 1, maxLength: 60 }), async (frames) => {
      drawn = frames;
      let before = 0;
      for (const { startMs, endMs, words } of await all(files.transcribe(blocks(0, 16_000)))) {
        if (startMs < before || endMs > 16_000) throw new Error(`a segment at ${startMs} to ${endMs}`);
        before = startMs;
        for (const word of words) {
          if (word.startMs < before || word.endMs <= word.startMs || word.endMs > endMs) {
            throw new Error(`${word.text} at ${word.startMs} to ${word.endMs} of ${startMs} to ${endMs}`);
          }
          before = word.endMs;
        }
        before = endMs;
      }
    }),
    { numRuns: propertyRuns(20) },
  );
  t.pass('held');
});

t.test('a signal ends the work at once, and nothing is left in the queue', async (t) => {
  const { files, scheduler, detector } = transcriber({ maxBatch: 1, runMs: 50 });
  const leaving = new AbortController();
  const run = async (): Promise<void> => {
    for await (const _ of files.transcribe(blocks(0, LENGTH_MS), {}, { signal: leaving.signal })) {
      leaving.abort(new TypeError('gone'));
    }
  };
  await t.rejects(run(), { message: 'gone' });
  t.equal(detector.streams, 0);
  t.equal(scheduler.counts.waiting.file, 0);
  await scheduler.close();
});

t.test('progress never goes back and ends at the end', async (t) => {
  const { files } = transcriber();
  const heard: number[] = [];
  await all(files.transcribe(blocks(0, LENGTH_MS), {}, { onProgress: (heardMs) => heard.push(heardMs) }));
  t.ok(heard.length > 5);
  t.ok(heard.every((value, at) => at === 0 || value >= (heard[at - 1] ?? 0)));
  t.ok((heard.at(-1) ?? 0) > LENGTH_MS * 0.7);
});
