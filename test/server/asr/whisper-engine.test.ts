// The engine: greedy decoding whatever the draft, rows that do not feel each other, languages, limits, sampling, and
// nothing left behind.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildPrompt, liveHandles, WhisperNetwork } from '@sotto/models';
import * as fc from 'fast-check';
import t, { type Test } from 'tap';
import type { DecodePrompt, DecodeRequest, DecodeResult } from '../../../server/src/asr/engine.js';
import {
  WhisperEngine,
  type DecodeTiming,
  type WhisperEngineOptions,
} from '../../../server/src/asr/whisper/whisper-engine.js';
import { firstPass, stepPass } from '../../../server/src/asr/whisper/whisper-passes.js';
import { WhisperRow } from '../../../server/src/asr/whisper/whisper-row.js';
import { MemoryTrend } from '../../support/memory-trend.js';
import {
  RANDOM_WHISPER,
  randomAudio,
  writeRandomWhisper,
  type RandomWhisperOptions,
} from '../../support/random-whisper.js';
import { propertyRuns } from '../../support/property.js';
import { rounds, sampled } from '../../support/whole-run.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-engine-'));
t.teardown(() => rm(folder, { recursive: true }));
let models = 0;

async function open(
  t: Test,
  model: RandomWhisperOptions = {},
  options: Partial<WhisperEngineOptions> = {},
  onTiming?: (timing: DecodeTiming) => void,
): Promise<WhisperEngine> {
  const directory = await writeRandomWhisper(join(folder, String(models++)), { seed: 6, ...model });
  const facts = { name: 'random', directory, buckets: [1, 2], threads: 1, precision: 'fp32' } as const;
  const engine = await WhisperEngine.load({ ...facts, ...options }, onTiming);
  t.teardown(() => engine.close());
  return engine;
}

let plain: Promise<WhisperEngine> | undefined;

/** The engine of all tests that want nothing special of it: it ends with the file. */
function plainEngine(): Promise<WhisperEngine> {
  plain ??= open(t);
  return plain;
}

const english: DecodePrompt = { language: 'en', task: 'transcribe', previous: [], committed: [] };

function request(seed: number, more: Partial<DecodeRequest> = {}): DecodeRequest {
  return { audio: randomAudio(seed, 12_000), prompt: english, draft: [], temperature: 0, seed: 0, ...more };
}

const idsOf = (result: Pick<DecodeResult, 'tokens'> | undefined): number[] => result?.tokens.map(({ id }) => id) ?? [];

async function decodeOne(engine: WhisperEngine, request: DecodeRequest): Promise<DecodeResult> {
  const [result] = await engine.decode([request]);
  if (!result) throw new Error('no result');
  return result;
}

/** Equal but for rounding: sums are added up in another order when rows or tokens share a pass. */
function sameHypothesis(t: Test, found: DecodeResult | undefined, wanted: DecodeResult, message: string): void {
  t.same(idsOf(found), idsOf(wanted), `${message}: tokens`);
  t.same(
    found?.tokens.map(({ frame }) => frame),
    wanted.tokens.map(({ frame }) => frame),
    `${message}: frames`,
  );
  const distance = Math.max(
    0,
    ...wanted.tokens.map(({ logprob }, i) => Math.abs(logprob - (found?.tokens[i]?.logprob ?? Infinity))),
    Math.abs((wanted.endLogprob ?? 0) - (found?.endLogprob ?? 0)),
    Math.abs(wanted.noSpeechProbability - (found?.noSpeechProbability ?? Infinity)),
  );
  t.ok(distance < 1e-4, `${message}: probabilities within ${distance}`);
  t.equal(found?.endLogprob === null, wanted.endLogprob === null, `${message}: the same end`);
}

t.test('a decode equals feeding the whole text anew for every token', async (t) => {
  const engine = await plainEngine();
  const network = await WhisperNetwork.load(engine.model.directory, { threads: 1 });
  t.teardown(() => network.close());
  const { config, special } = network;
  for (const seed of sampled([1, 2, 3, 4, 5, 6], 3)) {
    const { audio } = request(seed);
    const padded = new Float32Array(16_000);
    padded.set(audio);
    const decoder = await network.hear(padded, [audio.length]);
    const languageToken = special.languages.get('en');
    const text: number[] = [];
    for (;;) {
      const { tokens } = buildPrompt(config, special, {
        languageToken,
        task: 'transcribe',
        previous: [],
        committed: text,
      });
      decoder.restart();
      const { best } = await decoder.advance({
        batch: 1,
        tokens,
        positions: tokens.map((_, i) => i),
        present: tokens.map(() => true),
        select: [tokens.length - 1],
        rules: [text.length === 0 ? 'begin' : 'text'],
        logits: false,
      });
      const [next = special.endOfText] = best;
      if (next === special.endOfText || text.length === engine.model.maxTextTokens) break;
      text.push(next);
    }
    decoder.close();
    t.same(idsOf(await decodeOne(engine, request(seed))), text, `audio ${seed}: ${text.length} tokens`);
  }
});

t.test('timestamps are written by the rules of openai/whisper, fed again, and told to nobody', async (t) => {
  const [usual = 0] = idsOf(await decodeOne(await plainEngine(), request(1)));
  const directory = await writeRandomWhisper(join(folder, String(models++)), { seed: 6, timestampsLike: usual });
  for (const options of [{}, { cache: 'inPlace', kernels: 'cuda' }] as const) {
    const network = await WhisperNetwork.load(directory, { threads: 1, timestamps: true, ...options });
    t.teardown(() => network.close());
    const { config, special } = network;
    const { endOfText } = special;
    const { firstTimestamp = Infinity } = network;
    const languageToken = special.languages.get('en');
    const asked = { languageToken, task: 'transcribe', previous: [], committed: [], firstTimestamp } as const;
    const { tokens: prompt } = buildPrompt(config, special, asked);
    t.equal(prompt.at(-1), firstTimestamp, 'the first sentence begins at once');
    const limits = { endOfText, maxTextTokens: 16, maxTokens: config.maxTargetPositions, firstTimestamp };
    let pairs = 0;
    for (let seed = 1; seed <= 6; seed++) {
      const audio = randomAudio(seed, 32_000);
      // What is written is chosen here, out of the logits of every token that may come in a text.
      const written: number[] = [];
      const decoder = await network.hear(audio, [audio.length]);
      for (;;) {
        const fed = [...prompt, ...written];
        decoder.restart();
        const { logits } = await decoder.advance({
          batch: 1,
          tokens: fed,
          positions: fed.map((_, i) => i),
          present: fed.map(() => true),
          select: [fed.length - 1],
          rules: [written.length === 0 ? 'begin' : 'timed'],
          logits: true,
        });
        const next = byTheRules(logits, written, endOfText, firstTimestamp);
        if (next === endOfText || written.length === limits.maxTextTokens) break;
        written.push(next);
      }
      decoder.close();
      const ours = await network.hear(audio, [audio.length]);
      const row = new WhisperRow(request(seed, { audio, timestamps: true }), { tokens: prompt, startIndex: 0 }, limits);
      const first = await firstPass(ours, [row], endOfText);
      row.takeVerified(first.text[0] ?? []);
      while (!row.finished) await stepPass(ours, [row], endOfText);
      ours.close();
      t.same(row.sequence, [...prompt, ...written], `audio ${seed}`);
      const texts = written.filter((token) => token < firstTimestamp);
      t.same(idsOf({ tokens: row.tokens }), texts, 'the text has none of them');
      t.same(
        texts.map((_, at) => row.sequence[row.placeOf(at)]),
        texts,
        'where its tokens stand is known',
      );
      pairs += written.length - texts.length;
    }
    t.ok(pairs > 0, `${pairs} timestamps`);
  }
});

/**
 * The next token, out of the logits behind what was written, as openai/whisper `decoding.py` has it; a time that would
 * go back stays.
 */
function byTheRules(logits: Float32Array, written: readonly number[], endOfText: number, first: number): number {
  const isTime = (token: number | undefined): boolean => token !== undefined && token >= first;
  const [before, last] = [written.at(-2) ?? first, written.at(-1)];
  const allowed = [...logits.keys()].filter((token) => {
    if (!isTime(last)) return written.length > 0 || !isTime(token);
    return isTime(before) ? !isTime(token) : isTime(token) || token === endOfText;
  });
  const weight = (token: number): number => Math.exp(logits[token] ?? -Infinity);
  const likeliest = (tokens: readonly number[]): number =>
    tokens.reduce((best, token) => (weight(token) > weight(best) ? token : best), tokens[0] ?? endOfText);
  const times = allowed.filter(isTime);
  const rest = allowed.filter((token) => !isTime(token));
  const mass = times.reduce((sum, token) => sum + weight(token), 0);
  if (mass <= Math.max(0, ...rest.map(weight))) return likeliest(rest);
  return Math.max(likeliest(times), ...written.filter(isTime));
}

t.test('a draft changes nothing but the number of steps', async (t) => {
  const engine = await plainEngine();
  const plain = await decodeOne(engine, request(1));
  const right = idsOf(plain);
  t.equal(right.length, 32, 'a text up to the limit');
  t.equal(plain.steps, 32);
  const variants: readonly [name: string, draft: number[], accepted: number, steps: number][] = [
    ['right', right, 31, 1],
    ['right and short', right.slice(0, 10), 10, 22],
    ['partly right', [...right.slice(0, 5), 7, ...right.slice(6)], 5, 27],
    ['wrong', [1, 2, 3], 0, 32],
    ['too long', [...right, ...right, ...right], 31, 1],
    ['with tokens that are no text', [...right.slice(0, 3), RANDOM_WHISPER.endOfText, 5], 3, 29],
    ['with tokens that do not exist', [...right.slice(0, 2), 1e9, -1, Number.NaN], 2, 30],
  ];
  for (const [name, draft, accepted, steps] of variants) {
    const result = await decodeOne(engine, request(1, { draft }));
    sameHypothesis(t, result, plain, name);
    t.same([result.draftAccepted, result.steps], [accepted, steps], `${name}: accepted and steps`);
  }
  const ending = await decodeOne(engine, request(5));
  t.not(ending.endLogprob, null, 'a text that ends by itself');
  for (const extra of [[], [9], [9, 10, 11]]) {
    const result = await decodeOne(engine, request(5, { draft: [...idsOf(ending), ...extra] }));
    sameHypothesis(t, result, ending, `the end, and ${extra.length} tokens behind it`);
    t.same([result.draftAccepted, result.steps], [ending.tokens.length, 1]);
  }
});

// In integers to the last bit: what differs there is rounded to the next step now and then.
for (const [precision, tolerance] of [
  ['fp32', 1e-4],
  ['int8', 0],
] as const) {
  t.test(
    `property: any mix of rows and drafts gives each row what it gets alone and without a draft, in ${precision}`,
    async (t) => {
      const engine = await open(t, {}, { maxBatch: 5, precision });
      const alone = new Map<number, DecodeResult>();
      for (let seed = 1; seed <= 8; seed++) alone.set(seed, await decodeOne(engine, request(seed)));
      const row = fc.record({
        seed: fc.integer({ min: 1, max: 8 }),
        kept: fc.integer({ min: 0, max: 34 }),
        invented: fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 6 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 7 }), async (rows) => {
          const results = await engine.decode(
            rows.map(({ seed, kept, invented }) =>
              request(seed, { draft: [...idsOf(alone.get(seed)).slice(0, kept), ...invented] }),
            ),
          );
          for (const [i, { seed }] of rows.entries()) {
            const wanted = alone.get(seed);
            const found = results[i];
            if (!wanted || !found) return false;
            if (idsOf(found).join() !== idsOf(wanted).join()) return false;
            if ((found.endLogprob === null) !== (wanted.endLogprob === null)) return false;
            const isOff = found.tokens.some(
              ({ logprob }, k) => Math.abs(logprob - (wanted.tokens[k]?.logprob ?? 0)) > tolerance,
            );
            if (isOff) return false;
          }
          return true;
        }),
        { numRuns: propertyRuns(60) },
      );
      t.pass('all batches');
    },
  );
}

t.test('windows of several buckets may come in one batch', async (t) => {
  const timings: DecodeTiming[] = [];
  const engine = await open(t, {}, { tailSilenceMs: 100 }, (timing) => timings.push(timing));
  const short = request(1);
  const long = request(2, { audio: randomAudio(2, 30_000) });
  // 14,400 samples and 100 ms of silence fill one second exactly.
  const full = request(3, { audio: randomAudio(3, 14_400) });
  const results = await engine.decode([short, long, full, short]);
  t.same(
    timings.map(({ batch, bucket }) => [batch, bucket]),
    [
      [3, 16_000],
      [1, 32_000],
    ],
  );
  for (const [i, single] of [short, long, full, short].entries()) {
    sameHypothesis(t, results[i], await decodeOne(engine, single), `row ${i}`);
  }
  t.ok(timings.every(({ encodeMs, promptMs, stepsMs }) => encodeMs > 0 && promptMs > 0 && stepsMs >= 0));
});

t.test('attended frames lie within the audio, not in the silence behind it', async (t) => {
  const engine = await plainEngine();
  const { tokens } = await decodeOne(engine, request(1, { audio: randomAudio(1, 3_200) }));
  t.ok(tokens.length > 0 && tokens.every(({ frame }) => frame >= 0 && frame < 10), '3200 samples are 10 frames');
});

t.test('committed text is where decoding goes on', async (t) => {
  const engine = await plainEngine();
  const whole = await decodeOne(engine, request(1));
  const committed = idsOf(whole).slice(0, 12);
  const rest = await decodeOne(engine, request(1, { prompt: { ...english, committed } }));
  t.same(idsOf(rest), idsOf(whole).slice(12), 'the limit counts the committed tokens too');
  const full = await decodeOne(engine, request(1, { prompt: { ...english, committed: idsOf(whole) } }));
  t.same([full.tokens, full.endLogprob], [[], null], 'nothing may follow a full text');
});

t.test('the language is found where none is asked for, by one pass more when the first guess was wrong', async (t) => {
  const engine = await open(t, { seed: 12 });
  t.same(engine.model.languages, ['en', 'zh']);
  const prompt = { ...english, language: null };
  const heard = await engine.decode([1, 2, 3, 4].map((seed) => request(seed, { prompt })));
  t.same(new Set(heard.map(({ language }) => language)).size, 2, 'both languages occur');
  for (const [i, result] of heard.entries()) {
    t.ok(result.languageProbability >= 0.5, `${result.language} ${result.languageProbability}`);
    const asked = await decodeOne(engine, request(i + 1, { prompt: { ...english, language: result.language } }));
    sameHypothesis(t, result, asked, `row ${i}, ${result.language}`);
    t.ok(Math.abs(asked.languageProbability - result.languageProbability) < 1e-5);
    t.equal(result.steps, asked.steps + 1, 'one pass more');
    const other = result.language === 'en' ? 'zh' : 'en';
    const forced = await decodeOne(engine, request(i + 1, { prompt: { ...english, language: other } }));
    t.equal(forced.language, other, 'an asked language is kept');
    t.ok(Math.abs(forced.languageProbability + result.languageProbability - 1) < 1e-5, 'two languages share 1');
  }
});

t.test('the language is heard without the text before, which is told only in its own language', async (t) => {
  const engine = await plainEngine();
  const previous = Array.from({ length: 12 }, (_, i) => 3 * i);
  for (let seed = 1; seed <= 6; seed++) {
    const plain = await decodeOne(engine, request(seed, { prompt: { ...english, language: null } }));
    const other = plain.language === 'en' ? 'zh' : 'en';
    for (const language of [null, other]) {
      const prompt = { ...english, language, isGuess: true, previous };
      const heard = await decodeOne(engine, request(seed, { prompt }));
      t.same(heard.languageProbabilities, plain.languageProbabilities, 'as if nothing had been told');
      t.equal(heard.language, language ?? plain.language);
    }
    const told = { ...english, language: null, previous };
    const own = await decodeOne(engine, request(seed, { prompt: { ...told, previousLanguage: plain.language } }));
    sameHypothesis(t, own, await decodeOne(engine, request(seed, { prompt: told })), 'told in its language');
    const foreign = await decodeOne(engine, request(seed, { prompt: { ...told, previousLanguage: other } }));
    sameHypothesis(t, foreign, plain, 'not told in another');
  }
});

t.test('English-only models have no language to find', async (t) => {
  const engine = await open(t, { generation: { is_multilingual: false } });
  t.match(engine.model, { languages: ['en'], isMultilingual: false });
  const result = await decodeOne(engine, request(1, { prompt: { ...english, language: null } }));
  t.match(result, { language: 'en', languageProbability: 1 });
  t.ok(result.tokens.length > 0);
});

t.test('suppressed tokens are never chosen, and some not as the first', async (t) => {
  const plain = idsOf(await decodeOne(await plainEngine(), request(1)));
  const [first = 0] = plain;
  const without = idsOf(await decodeOne(await open(t, { generation: { suppress_tokens: [first] } }), request(1)));
  t.ok(without.length > 0 && !without.includes(first));
  const begin = await open(t, { generation: { begin_suppress_tokens: [first] } });
  t.not(idsOf(await decodeOne(begin, request(1)))[0], first);
  const committed = plain.slice(0, 1);
  const later = await decodeOne(begin, request(1, { prompt: { ...english, committed } }));
  t.same(idsOf(later), plain.slice(1), 'behind committed text it is no beginning');
  t.ok(
    plain.every((id) => id < RANDOM_WHISPER.endOfText),
    'text only',
  );
});

t.test('sampling repeats with its seed and differs with another, whoever shares the batch', async (t) => {
  const engine = await plainEngine();
  const warm = (seed: number) => request(1, { temperature: 0.8, seed, draft: [1, 2, 3] });
  const alone = await decodeOne(engine, warm(1));
  t.equal(alone.draftAccepted, 0, 'a draft is of no use to it');
  const [again, other, greedy] = await engine.decode([warm(1), warm(2), request(1)]);
  t.same(idsOf(again), idsOf(alone));
  t.notSame(idsOf(other), idsOf(alone));
  sameHypothesis(t, greedy, await decodeOne(engine, request(1)), 'a greedy row beside them');
  t.ok(alone.tokens.every(({ logprob }) => logprob < 0));
});

t.test('previous text steers, and is cut where it is too long', async (t) => {
  const engine = await plainEngine();
  const plain = await decodeOne(engine, request(1));
  const previous = Array.from({ length: 500 }, (_, i) => i % 250);
  const steered = await decodeOne(engine, request(1, { prompt: { ...english, previous } }));
  t.notSame(idsOf(steered), idsOf(plain));
  const cut = await decodeOne(engine, request(1, { prompt: { ...english, previous: previous.slice(-31) } }));
  t.same(idsOf(cut), idsOf(steered), 'half of the context but one: 31 of 64');
  t.equal(steered.tokens.length, 64 - 36, 'prompt and text together fill the context');
  const beside = await engine.decode([request(1), request(1, { prompt: { ...english, previous } })]);
  t.same(beside.map(idsOf), [idsOf(plain), idsOf(steered)], 'prompts of different lengths in one batch');
});

t.test('what cannot be decoded is refused by an EngineError, and the engine goes on', async (t) => {
  const engine = await plainEngine();
  const refused = (more: Partial<DecodeRequest>, message: RegExp) =>
    t.rejects(engine.decode([request(1), request(1, more)]), {
      name: 'EngineError',
      code: 'engine_failed',
      message,
    });
  await refused({ audio: new Float32Array(32_001) }, /longer than the model's window/);
  await refused({ prompt: { ...english, language: 'xx' } }, /does not know the language "xx"/);
  await refused({ prompt: { ...english, previous: [268] } }, /no token 268/);
  await refused({ prompt: { ...english, committed: [-1] } }, /no token -1/);
  await refused({ prompt: { ...english, committed: Array.from({ length: 33 }, () => 1) } }, /33 committed tokens/);
  t.same(await engine.decode([]), []);
  t.ok((await decodeOne(engine, request(1))).tokens.length > 0);
  t.ok(await decodeOne(engine, request(1, { audio: new Float32Array(0) })), 'no audio is silence');
  t.ok(await decodeOne(engine, request(1, { audio: new Float32Array(32_000) })), 'a full window');
});

t.test('a model that does not load is told by its file', async (t) => {
  const code = 'engine_load_failed';
  await t.rejects(WhisperEngine.load({ name: 'x', directory: '/nowhere' }), {
    name: 'EngineError',
    code,
    message: /config\.json/,
  });
  const cuda = { deviceId: 0 };
  for (const precision of ['fp32', 'int8'] as const) {
    await t.rejects(WhisperEngine.load({ name: 'x', directory: '/nowhere', precision, cuda }), {
      name: 'EngineError',
      code,
      message: /GPU calculates in float16/,
      cause: { name: 'ModelError', code: 'unsupported' },
    });
  }
  await t.rejects(WhisperEngine.load({ name: 'x' }), { code, message: /directory/ });
});

t.test('close ends running work, may be called twice, and refuses what comes after', async (t) => {
  const engine = await open(t);
  const running = engine.decode([request(1)]);
  await Promise.all([engine.close(), engine.close()]);
  t.equal((await running)[0]?.tokens.length, 32);
  await t.rejects(engine.decode([request(1)]), { name: 'EngineError', code: 'engine_closed' });
  await t.rejects(engine.warmUp(), { code: 'engine_closed' });
});

t.test('thousands of decodes leave nothing behind', async (t) => {
  // Texts of one or two tokens: what is counted is decodes.
  // What another engine holds would be counted too.
  await (await plainEngine()).close();
  const engine = await open(t, { endGain: 6 }, { buckets: [0.1] });
  await engine.warmUp();
  const before = liveHandles();
  const requests = [1, 2, 3, 4].map((seed) => request(seed, { audio: randomAudio(seed, 1_600), draft: [1, 2] }));
  const memory = new MemoryTrend();
  for (let decode = 1; decode <= rounds(200, 10_000); decode++) {
    await engine.decode(requests.slice(0, 1 + (decode % 4)));
    if (decode % rounds(20, 250) === 0) memory.sample();
  }
  t.same(liveHandles(), before);
  t.ok(memory.growth < 10, String(memory));
});
