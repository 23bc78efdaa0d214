// What every engine host promises, whatever process the engine lives in: one suite for all of them.
import { setImmediate as turn } from 'node:timers/promises';
import type { Test } from 'tap';
import { type DecodeRequest, type Engine } from '../../server/src/asr/engine.js';
import type { EngineSpec } from '../../server/src/asr/engine-host/engine-spec.js';
import {
  scriptedAudio,
  type ScriptedEngineOptions,
  scriptedSpec,
  scriptedTokenizer,
  scriptOf,
} from './scripted-engine.js';

const TEXT = 'the cat and the dog sleep';
const SCRIPT = scriptOf(TEXT);

/** A window of the script. */
export function scriptedRequest(fromMs: number, toMs: number, more: Partial<DecodeRequest> = {}): DecodeRequest {
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  return { audio: scriptedAudio(fromMs, toMs), prompt, draft: [], temperature: 0, seed: 0, ...more };
}

export const spell = (result: { readonly tokens: readonly { readonly id: number }[] } | undefined): string =>
  scriptedTokenizer().decode(result?.tokens.map((token) => token.id) ?? []);

/** Runs the suite on engines that `open` opens. */
export function engineContract(t: Test, open: (spec: EngineSpec) => Promise<Engine>): void {
  const scripted = (more: Partial<ScriptedEngineOptions> = {}) => open(scriptedSpec({ script: SCRIPT, ...more }));

  t.test('decodes a batch, row by row, and says what model it has', async (t) => {
    const engine = await scripted({ maxBatch: 3 });
    await engine.warmUp();
    t.match(engine, { maxBatch: 3, model: { name: 'scripted', buckets: [64_000, 128_000, 256_000, 480_000] } });
    const results = await engine.decode([scriptedRequest(0, 3_000), scriptedRequest(1_200, 3_000)]);
    t.same(results.map(spell), [' the cat and the dog sleep', ' and the dog sleep']);
    t.match(results[0]?.tokens[0], { id: Number, logprob: -0.1, frame: 25 });
    await engine.close();
  });

  t.test('hears a view of a larger buffer, and only the view', async (t) => {
    const engine = await scripted();
    const stream = scriptedAudio(0, 20_000);
    const [result] = await engine.decode([{ ...scriptedRequest(0, 20), audio: stream.subarray(0, 1_400 * 16) }]);
    t.equal(spell(result), ' the cat a?');
    await engine.close();
  });

  t.test('a module that does not load is told at once', async (t) => {
    await t.rejects(open({ module: 'file:///nowhere/engine.ts', options: {} }), {
      name: 'EngineError',
      code: 'engine_load_failed',
    });
    await t.rejects(open({ module: 'node:path', options: {} }), {
      code: 'engine_load_failed',
      message: /exports no createEngine/,
    });
  });

  t.test('a run that fails rejects and the engine goes on', async (t) => {
    const script = SCRIPT.map((word, i) => (i === 5 ? { ...word, fault: 'fail' as const } : word));
    const engine = await scripted({ script });
    await t.rejects(engine.decode([scriptedRequest(0, 3_000)]), {
      name: 'EngineError',
      code: 'engine_failed',
      message: 'the script says so',
    });
    t.equal(spell((await engine.decode([scriptedRequest(0, 1_300)]))[0]), ' the cat a?');
    await engine.close();
  });

  t.test('close ends running work, may be called twice, and refuses what comes after', async (t) => {
    const engine = await scripted({ runMs: 50 });
    const running = engine.decode([scriptedRequest(0, 3_000)]);
    await turn();
    await Promise.all([engine.close(), engine.close()]);
    t.equal(spell((await running)[0]), ' the cat and the dog sleep');
    await t.rejects(engine.decode([scriptedRequest(0, 3_000)]), { name: 'EngineError', code: 'engine_closed' });
    await t.rejects(engine.warmUp(), { code: 'engine_closed' });
  });
}
