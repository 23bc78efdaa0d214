// The bench of the server's thread: an engine that says a text of its own, and what a profile's samples add up to.
import t from 'tap';
import { selfTimes } from '../../bench/src/thread/cpu-profile.js';
import { createEngine } from '../../server/src/asr/scripted-engine.js';
import { loadTokenizer } from '../../server/src/asr/tokenizer.js';
import { tinyWhisperFolder } from '../support/fixtures.js';

t.test('the scripted engine: a hypothesis grows with its audio, and only its newest token changes', async (t) => {
  const engine = await createEngine({
    name: 'scripted',
    directory: tinyWhisperFolder,
    buckets: [2, 6, 30],
    tailSilenceMs: 200,
    usesPreviousText: true,
  });
  t.teardown(() => engine.close());
  t.strictSame(engine.model.buckets, [32_000, 96_000, 480_000]);
  const speech = Float32Array.from({ length: 96_000 }, (_, at) => Math.sin(at / 9) / 4);
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  const hear = async (audio: Float32Array, committed: readonly number[] = [], draft: readonly number[] = []) =>
    (await engine.decode([{ audio, prompt: { ...prompt, committed }, draft, temperature: 0, seed: 0 }]))[0];
  const ids = async (...request: Parameters<typeof hear>): Promise<number[]> =>
    (await hear(...request))?.tokens.map(({ id }) => id) ?? [];

  const long = await ids(speech);
  const short = await ids(speech.subarray(0, 64_000));
  t.ok(short.length > 5 && long.length > short.length + 3);
  t.strictSame(short.slice(0, -1), long.slice(0, short.length - 1));
  t.not(short.at(-1), long[short.length - 1]);
  t.strictSame(await ids(speech, long.slice(0, 4)), long.slice(4), 'what is committed is not said again');
  t.match(await hear(speech, [], short), { draftAccepted: short.length - 1 });
  t.strictSame(await ids(speech.subarray(0, 4_800)), [], 'nothing is said in silence');
  t.match((await loadTokenizer(tinyWhisperFolder)).decode(long), /[a-z]+ [a-z]+/);
  await engine.close();
  await t.rejects(hear(speech), { code: 'engine_closed' });
});

const node = (id: number, functionName: string, url = '') => ({
  id,
  callFrame: { functionName, url, lineNumber: 9 },
});

t.test('a profile: time by function, without what the thread had to wait', async (t) => {
  const nodes = [node(1, '(idle)'), node(2, 'push', 'file:///a/server/ring.js'), node(3, '(garbage collector)')];
  const times = selfTimes({ nodes, samples: [1, 2, 3, 2], timeDeltas: [500, 20, 10, 10] });
  t.strictSame(times, [
    { where: 'push server/ring.js:10', share: 0.75 },
    { where: '(garbage collector)', share: 0.25 },
  ]);
});
