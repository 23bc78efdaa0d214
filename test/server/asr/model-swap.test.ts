// Another model under live utterances: what had begun ends where it began, and nothing wrong with the new one is felt.
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ModelError, type InstalledModel } from '../../../models/src/index.js';
import type { EngineModel } from '../../../server/src/asr/engine.js';
import { EngineError } from '../../../server/src/asr/errors.js';
import { ModelSwap, type LoadedModel, type ModelSwapOptions } from '../../../server/src/asr/model-swap.js';
import { ServedRecognizer } from '../../../server/src/asr/served-recognizer.js';
import { StreamingRecognizer } from '../../../server/src/asr/streaming-recognizer.js';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { scriptedAudio, ScriptedEngine, scriptedTokenizer, scriptOf } from '../../support/scripted-engine.js';
import { listener } from '../../support/segment-listener.js';

const LENGTH_MS = 1_500;

/** An engine that hears one word over and over: its model's name. */
class NamedEngine extends ScriptedEngine {
  override readonly model: EngineModel;
  isClosed = false;

  constructor(name: string, facts: Partial<EngineModel> = {}) {
    super({ script: scriptOf(name) });
    this.model = { ...new ScriptedEngine({ script: [] }).model, name, ...facts };
  }

  override async close(): Promise<void> {
    await super.close();
    this.isClosed = true;
  }
}

function loaded(engine: NamedEngine): LoadedModel {
  return {
    installed: { name: engine.model.name } as InstalledModel,
    engines: [{ device: 'cpu', engine }],
    recognizer: new StreamingRecognizer([engine], scriptedTokenizer()),
  };
}

function serving(t: Test, engine: NamedEngine, options: Partial<ModelSwapOptions> = {}) {
  const first = loaded(engine);
  const vad = Object.assign(new LoudnessVad(), { close: async () => undefined });
  const served = new ServedRecognizer(first.recognizer, { vad, onCloseFailed: (error) => t.fail(String(error)) });
  t.teardown(() => served.close());
  const swap = new ModelSwap({
    served,
    first,
    registry: {
      list: async () => ({ models: [{ name: 'old' }, { name: 'new' }] as InstalledModel[], broken: [] }),
      find: async (name) => {
        if (name === 'missing') throw new ModelError('model_unknown', 'No model "missing": there are old, new');
        return { name } as InstalledModel;
      },
    },
    load: async () => loaded(new NamedEngine('new')),
    roomBytes: () => 1e9,
    bytesOf: () => 1e8,
    sessions: () => 1,
    ...options,
  });
  return { served, swap };
}

t.test('an utterance ends with the model that it began with; the next one has the new model', async (t) => {
  const [former, next] = [new NamedEngine('old'), new NamedEngine('new')];
  const { served, swap } = serving(t, former, { load: async () => loaded(next) });
  const before = served.open(listener().options);
  await swap.to('new');
  t.equal(served.model.name, 'new');
  t.equal(swap.current.installed.name, 'new');
  const after = served.open(listener().options);
  t.equal((await after.finish(scriptedAudio(0, LENGTH_MS), 0.9)).text, 'new');
  t.same([former.isClosed, swap.state.leaving], [false, 1], 'the former model stays for its utterance');
  t.equal((await before.finish(scriptedAudio(0, LENGTH_MS), 0.9)).text, 'old');
  while (!former.isClosed) await delay(1);
  t.equal(swap.state.leaving, 0);
  t.equal(served.counts.decoded, 2, 'what a model did is counted when it is gone');
  t.notOk(next.isClosed);
});

t.test('what is cancelled, and a recording that is given up, hold no model', async (t) => {
  const former = new NamedEngine('old');
  const { served, swap } = serving(t, former);
  const segment = served.open(listener().options);
  const leaving = new AbortController();
  const recording = served.transcribe(silence(), {}, { signal: leaving.signal }).next();
  await swap.to('new');
  segment.cancel();
  segment.cancel();
  t.equal(swap.state.leaving, 1);
  leaving.abort();
  await t.rejects(recording);
  while (!former.isClosed) await delay(1);
  t.equal(swap.state.leaving, 0);
});

t.test('a model that is not used is let go at once', async (t) => {
  const former = new NamedEngine('old');
  const { swap } = serving(t, former);
  await swap.to('new');
  while (!former.isClosed) await delay(1);
  t.equal(swap.state.leaving, 0);
});

t.test('whatever is wrong with the new model, the former one serves on, and it is said why', async (t) => {
  const cases: readonly [string, string, Partial<ModelSwapOptions>, RegExp][] = [
    ['model_unknown', 'missing', {}, /there are old, new/],
    ['model_not_loaded', 'new', { load: loadFails }, /weights are torn/],
    ['model_too_large', 'new', { bytesOf: () => 2e9 }, /2000 MB .* 1000 MB/],
    ['model_knows_less', 'new', { load: lesser({ languages: ['en'] }) }, /zh/],
    ['model_knows_less', 'new', { load: lesser({ buckets: [64_000] }) }, /shorter/],
  ];
  for (const [code, name, options, message] of cases) {
    const former = new NamedEngine('old');
    const { served, swap } = serving(t, former, options);
    await t.rejects(swap.to(name), { name: 'SwapError', code, message });
    t.match(swap.state, { loading: null, failed: { model: name, code } });
    t.equal((await served.open(listener().options).finish(scriptedAudio(0, LENGTH_MS), 0.9)).text, 'old');
  }
});

t.test('a model that knows less may come while nobody is live', async (t) => {
  const { served, swap } = serving(t, new NamedEngine('old'), {
    sessions: () => 0,
    load: async () => loaded(new NamedEngine('new', { languages: ['en'] })),
  });
  await swap.to('new');
  t.same(served.model.languages, ['en']);
});

t.test('one swap at a time; one that ends after the server was closed holds nothing', async (t) => {
  const next = new NamedEngine('new');
  const arrivals: ((model: LoadedModel) => void)[] = [];
  const { served, swap } = serving(t, new NamedEngine('old'), {
    load: () => new Promise((resolve) => arrivals.push(resolve)),
  });
  const under = swap.to('new');
  t.equal(swap.state.loading, 'new');
  await t.rejects(swap.to('old'), { code: 'swap_under_way' });
  await served.close();
  arrivals[0]?.(loaded(next));
  await t.rejects(under, { code: 'model_not_loaded' });
  t.ok(next.isClosed);
});

async function loadFails(): Promise<never> {
  throw new EngineError('engine_load_failed', 'its weights are torn');
}

function lesser(facts: Partial<EngineModel>) {
  return async () => loaded(new NamedEngine('new', facts));
}

async function* silence(): AsyncGenerator<Float32Array> {
  for (;;) {
    await delay(1);
    yield new Float32Array(16_000);
  }
}
