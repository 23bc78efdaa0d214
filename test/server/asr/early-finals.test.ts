// Finals that are decoded in a pause, before it is known to end the segment: what they save, and that they change
// nothing.
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import type { DecodeRequest, DecodeResult, Engine } from '../../../server/src/asr/engine.js';
import { EngineError } from '../../../server/src/asr/errors.js';
import type { RecognizerOptions } from '../../../server/src/asr/recognizer-options.js';
import { StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import {
  scriptedAudio,
  ScriptedEngine,
  type ScriptedEngineOptions,
  scriptedTokenizer,
  scriptOf,
} from '../../support/scripted-engine.js';
import { listener } from '../../support/segment-listener.js';
import { until } from '../../support/until.js';
import { systemClock } from '../../../server/src/time/clock.js';

const TEXT = 'the quick brown fox jumps and the lazy dog';
/** All words are over. */
const END = scriptedAudio(0, 4_000);
/** What the engine is asked for is a final: nothing is fixed. */
const isFree = ({ prompt }: DecodeRequest) => prompt.committed.length === 0;

type Decode = Engine['decode'];

/** A recogniser over a scripted engine; `around` may do as it likes with each run. */
function open(
  engineOptions: Partial<ScriptedEngineOptions> = {},
  options: RecognizerOptions = {},
  around: (batch: readonly DecodeRequest[], decode: Decode) => Promise<DecodeResult[]> = (batch, decode) =>
    decode(batch),
) {
  const engine = new ScriptedEngine({ script: scriptOf(TEXT), ...engineOptions });
  const decode = engine.decode.bind(engine);
  engine.decode = (batch) => around(batch, decode);
  return { engine, asr: new StreamingRecognizer([engine], scriptedTokenizer(), options) };
}

/** Runs that wait until they are let go. */
function gate() {
  const held: (() => void)[] = [];
  return {
    held,
    wait: () => new Promise<void>((resolve) => held.push(resolve)),
  };
}

t.test('the final is what was decoded in the pause, and the request is the one of a final', async (t) => {
  const { asr, engine } = open();
  const told = { previousText: 'and the', hotwords: ['Sotto'] };
  const { partials, options } = listener(told);
  const segment = asr.open(options);
  segment.update(scriptedAudio(0, 2_000));
  await until(() => partials.length === 1, 'a partial');
  t.ok(segment.anticipate(END));
  await until(() => partials.length === 2, 'the early final as a partial');
  t.match(partials[1], { heardSamples: END.length });
  t.equal(`${partials[1]?.stable}${partials[1]?.tentative}`, TEXT);
  const runs = engine.batches.length;
  const final = await segment.finish(END, 0.9);
  t.equal(engine.batches.length, runs, 'nothing is decoded any more');
  t.same(asr.earlyFinals, { begun: 1, used: 1 });
  const [early] = engine.batches.at(-1) ?? [];
  const without = open({}, { earlyFinals: false });
  const other = without.asr.open(listener(told).options);
  t.notOk(other.anticipate(END), 'switched off');
  t.same(final, await other.finish(END, 0.9));
  const [late] = without.engine.batches.at(-1) ?? [];
  t.same({ ...early, draft: [] }, { ...late, draft: [] }, 'the request differs in its draft at most');
  await Promise.all([asr.close(), without.asr.close()]);
});

t.test('a final is told what the finals before it say, not what was stable of them when it was begun', async (t) => {
  const { asr, engine } = open();
  const { partials, options } = listener({ previousText: 'what was stable' });
  const segment = asr.open(options);
  segment.anticipate(END);
  await until(() => partials.length === 1, 'the early final');
  const final = await segment.finish(END, 0.9, Promise.resolve({ text: 'what is final' }));
  t.equal(final.text, TEXT);
  t.equal(engine.batches.length, 2, 'the early one had another text before it');
  const told = scriptedTokenizer().decode(engine.batches[1]?.[0]?.prompt.previous ?? []);
  t.equal(told, ' what is final');
  t.same(asr.earlyFinals, { begun: 1, used: 0 });
  await asr.close();
});

t.test('the final waits for an early decode that is under way', async (t) => {
  const { held, wait } = gate();
  const { asr, engine } = open({}, {}, async (batch, decode) => wait().then(() => decode(batch)));
  const segment = asr.open(listener().options);
  segment.anticipate(END);
  await until(() => held.length === 1, 'the run');
  let isTold = false;
  const final = segment.finish(END, 0.9).finally(() => (isTold = true));
  await nextTurn();
  t.notOk(isTold);
  held.shift()?.();
  t.equal((await final).text, TEXT);
  t.equal(engine.batches.length, 1);
  await asr.close();
});

t.test('whether it is complete is told by the early decode, or by one that is begun for it', async (t) => {
  const { asr, engine } = open({ script: scriptOf(`${TEXT}.`) });
  const before = Promise.resolve({ text: 'what is final' });
  const segment = asr.open(listener().options);
  segment.anticipate(END);
  t.ok(await segment.isComplete(END, Promise.resolve({ text: '' })));
  t.equal(engine.batches.length, 1, 'it was decoded already');
  const final = await segment.finish(END, 0.9, Promise.resolve({ text: '' }));
  t.equal(engine.batches.length, 1, 'and is the final');
  const other = asr.open(listener().options);
  other.anticipate(END);
  await until(() => engine.batches.length === 2, 'the early decode');
  t.ok(await other.isComplete(END, before), 'it had another text before it');
  t.match(await other.finish(END, 0.9, before), { text: final.text });
  t.equal(engine.batches.length, 3);
  const halfway = asr.open(listener().options);
  t.notOk(await halfway.isComplete(scriptedAudio(0, 1_520), before), 'in mid-sentence');
  await asr.close();
});

t.test('it is told without early finals too; nothing is complete without audio, and once it is over', async (t) => {
  const off = open({ script: scriptOf(`${TEXT}.`) }, { earlyFinals: false });
  const none = Promise.resolve({ text: '' });
  t.ok(await off.asr.open(listener().options).isComplete(END, none));
  t.equal(off.engine.batches.length, 1);
  const { held, wait } = gate();
  const { asr } = open({ script: scriptOf(`${TEXT}.`) }, {}, async (batch, decode) => wait().then(() => decode(batch)));
  const segment = asr.open(listener().options);
  t.notOk(await segment.isComplete(new Float32Array(0), none));
  const answer = segment.isComplete(END, none);
  await until(() => held.length === 1, 'the run');
  segment.cancel();
  held.shift()?.();
  t.notOk(await answer, 'cancelled');
  await Promise.all([asr.close(), off.asr.close()]);
});

t.test('an early decode that still waits is superseded by the final, which has the right of way', async (t) => {
  const { held, wait } = gate();
  const { asr, engine } = open({ maxBatch: 1 }, {}, async (batch, decode) => wait().then(() => decode(batch)));
  const busy = asr.open(listener().options).finish(scriptedAudio(0, 3_000), 0.9);
  await until(() => held.length === 1, 'another run');
  const ahead = listener();
  asr.open(ahead.options).update(scriptedAudio(0, 1_000));
  const segment = asr.open(listener().options);
  segment.anticipate(END);
  const final = segment.finish(END, 0.9);
  const letGo = setInterval(() => held.shift()?.(), 1);
  t.equal((await final).text, TEXT);
  t.same(ahead.partials, [], 'before a partial that was asked for earlier');
  t.same(asr.earlyFinals, { begun: 1, used: 0 });
  await until(() => ahead.partials.length === 1, 'the partial');
  clearInterval(letGo);
  t.equal(engine.batches.length, 3, 'one run each');
  await busy;
  await asr.close();
});

t.test('speech that goes on makes it a partial; the final hears all, however often there was a pause', async (t) => {
  const { asr, engine } = open();
  const { partials, options } = listener();
  const segment = asr.open(options);
  for (const [i, endMs] of [1_600, 2_300, 3_400].entries()) {
    segment.anticipate(scriptedAudio(0, endMs));
    await until(() => partials.length === i + 1, `partial ${i}`);
    t.ok(partials[i]?.stable.startsWith(partials[i - 1]?.stable ?? ''), 'stable text only grows');
  }
  t.ok((partials.at(-1)?.stable.length ?? 0) > 10, 'and it does grow');
  t.equal((await segment.finish(END, 0.9)).text, TEXT);
  t.equal(engine.batches.length, 4);
  t.same(asr.earlyFinals, { begun: 3, used: 0 });
  await asr.close();
});

t.test('one that contradicts what is stable is not shown, but it is the final', async (t) => {
  const { asr } = open({}, {}, async (batch, decode) => {
    const results = await decode(batch);
    const [request] = batch;
    const isEarly = request !== undefined && isFree(request) && request.audio.length === END.length;
    const [again] = isEarly ? scriptedTokenizer().encode(' again') : [];
    return results.map((result) => ({
      ...result,
      tokens: result.tokens.map((token, at) => (at === 0 && again !== undefined ? { ...token, id: again } : token)),
    }));
  });
  const { partials, options } = listener();
  const segment = asr.open(options);
  for (const [i, endMs] of [2_500, 3_000].entries()) {
    segment.update(scriptedAudio(0, endMs));
    await until(() => partials.length === i + 1, 'a partial');
  }
  const before = partials[1];
  t.ok((before?.stable ?? '') !== '', 'something is stable');
  segment.anticipate(END);
  await until(() => partials.length === 3, 'the early final');
  t.same(partials[2], { ...before, heardSamples: END.length }, 'all was heard, the text is the one before');
  const final = await segment.finish(END, 0.9);
  t.notOk(final.text.startsWith('the quick'), final.text);
  t.same(asr.earlyFinals, { begun: 1, used: 1 });
  await asr.close();
});

t.test('an engine that fails on it does not harm the final', async (t) => {
  for (const isFinishing of [false, true]) {
    let failures = 2;
    const { held, wait } = gate();
    const { asr } = open({}, {}, async (batch, decode) => {
      await wait();
      if (failures-- > 0) throw new EngineError('engine_failed', 'not now');
      return decode(batch);
    });
    const { errors, options } = listener();
    const segment = asr.open(options);
    segment.anticipate(END);
    await until(() => held.length === 1, 'the run');
    const asked = isFinishing ? segment.finish(END, 0.9) : undefined;
    const letGo = setInterval(() => held.shift()?.(), 1);
    if (!isFinishing) await until(() => errors.length === 1, 'the error');
    const final = await (asked ?? segment.finish(END, 0.9));
    clearInterval(letGo);
    t.equal(final.text, TEXT);
    t.equal(errors.length, 1, 'it is told as a partial that failed');
    t.same(asr.earlyFinals, { begun: 1, used: 0 });
    await asr.close();
  }
});

t.test('an unsure one stands: its verdict comes with the final, and nothing is decoded again', async (t) => {
  const { asr, engine } = open({ logprob: -2 });
  const { partials, options } = listener();
  const segment = asr.open(options);
  segment.anticipate(END);
  await until(() => partials.length === 1, 'the early final');
  await nextTurn();
  t.equal(engine.batches.length, 1);
  const final = await segment.finish(END, 0.1);
  t.match(final, { text: '', noise: 'lowConfidence' });
  t.equal(engine.batches.length, 1);
  await asr.close();
});

t.test('under load nothing is decoded early', async (t) => {
  let now = 0;
  const { asr } = open(
    { maxBatch: 1 },
    { clock: { now: () => now, after: systemClock.after } },
    async (batch, decode) => {
      now += 400;
      return decode(batch);
    },
  );
  const segment = asr.open(listener().options);
  t.ok(segment.anticipate(scriptedAudio(0, 1_000)), 'an idle engine has the time');
  while (asr.stretch <= 1.5) {
    const { partials, options } = listener();
    const other = asr.open(options);
    other.update(scriptedAudio(0, 2_000), asr.stretch);
    await until(() => partials.length === 1, 'a partial');
    other.cancel();
  }
  const { begun } = asr.earlyFinals;
  t.notOk(segment.anticipate(END));
  t.equal(asr.earlyFinals.begun, begun);
  t.equal((await segment.finish(END, 0.9)).text, TEXT);
  await asr.close();
});

t.test('cancelled or closed meanwhile: nothing is called, a final rejects as ever', async (t) => {
  const { held, wait } = gate();
  const { asr } = open({}, {}, async (batch, decode) => wait().then(() => decode(batch)));
  const { partials, errors, options } = listener();
  const segment = asr.open(options);
  segment.anticipate(END);
  await until(() => held.length === 1, 'the run');
  const final = segment.finish(END, 0.9);
  segment.cancel();
  held.shift()?.();
  await t.rejects(final, { code: 'cancelled' });
  t.notOk(segment.anticipate(END), 'it is over');
  t.notOk(asr.open(options).anticipate(new Float32Array(0)), 'nothing to hear');
  t.same([partials, errors], [[], []]);
  const [running, waiting] = [asr.open(listener().options), asr.open(listener().options)];
  running.anticipate(END);
  await until(() => held.length === 1, 'the next run');
  waiting.anticipate(END);
  const closed = asr.close();
  held.shift()?.();
  t.equal((await running.finish(END, 0.9)).text, TEXT, 'what runs is answered');
  await t.rejects(waiting.finish(END, 0.9), { code: 'shutting_down' });
  await closed;
});
