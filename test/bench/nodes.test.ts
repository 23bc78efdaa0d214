// Several nodes under chaos: words are counted one by one, first in numbers that are known, then at real nodes.
import t from 'tap';
import { MarkedEngine } from '../../server/src/asr/marked-engine.js';
import { loadTokenizer } from '../../server/src/asr/tokenizer.js';
import { runChaos } from '../../bench/src/nodes/chaos.js';
import { Cluster } from '../../bench/src/nodes/cluster.js';
import { measureDrain } from '../../bench/src/nodes/drain.js';
import { mark, speechToMark } from '../../bench/src/nodes/marked-speech.js';
import { countWords } from '../../bench/src/nodes/word-count.js';
import { fixtureSamples, tinyWhisperFolder } from '../support/fixtures.js';
import { WITHOUT_NGINX } from '../support/nginx.js';
import { WITHOUT_REDIS } from '../support/redis-server.js';
import { wholeRunOnly } from '../support/whole-run.js';

t.setTimeout(1_200_000);

const speech = async (...clips: string[]) => speechToMark(await Promise.all(clips.map(fixtureSamples)), 1_000);

t.test('words that are lost, doubled, or in another order', async (t) => {
  t.match(countWords(['1', '2', '3'], ['1', '2', '3']), { words: 3, lost: 0, doubled: 0, isDisordered: false });
  t.match(countWords(['1', '2', '3'], ['1', '3', '3']), { lost: 1, doubled: 1, isDisordered: false });
  t.match(countWords(['1', '2', '3'], ['1', '2', '3', '9']), { lost: 0, doubled: 1 });
  t.match(countWords(['1', '2', '3'], ['2', '1', '3']), { lost: 0, doubled: 0, isDisordered: true });
});

t.test('the engine hears the numbers that are hidden in speech, each once, wherever a window begins', async (t) => {
  const marked = mark(await speech('en-recipe', 'en-bakery'), 250);
  t.ok(marked.words.length > 10);
  t.strictSame(marked.words.slice(4, 8), ['254', '255', '1', '2'], 'behind 255 comes 1');
  const engine = await MarkedEngine.open(tinyWhisperFolder);

  const tokenizer = await loadTokenizer(tinyWhisperFolder);
  const audio = Float32Array.from(marked.samples, (sample) => sample / 32_768);
  const prompt = { language: 'en', task: 'transcribe', previous: [], committed: [] } as const;
  const hear = async (part: Float32Array, committed: readonly number[] = []): Promise<number[]> => {
    const request = { audio: part, prompt: { ...prompt, committed }, draft: [], temperature: 0, seed: 0 };
    return (await engine.decode([request])).flatMap(({ tokens }) => tokens.map(({ id }) => id));
  };
  const ids = await hear(audio);
  t.equal(tokenizer.decode(ids).trim(), marked.words.join(' '));
  // A cut in silence: the second clip begins behind three seconds of the first one, and gaps.
  const gap = marked.samples.findLastIndex((sample, at) => at < audio.length - 16_100 && sample === 0);
  const [before, behind] = [await hear(audio.subarray(0, gap)), await hear(audio.subarray(gap))];
  t.strictSame([...before, ...behind], ids);
  t.strictSame(await hear(audio, ids.slice(0, 3)), ids.slice(3), 'what is committed is not said again');
  await engine.close();
  await t.rejects(hear(audio), { code: 'engine_closed' });
});

const skip = wholeRunOnly.skip || WITHOUT_REDIS || WITHOUT_NGINX;

t.test('three nodes behind nginx, cut and killed at random: each word once', { skip }, async (t) => {
  await using cluster = await Cluster.start({ nodes: 3, flags: ['--engine', 'marked'] });
  const options = { streams: 8, pace: 2, cuts: 60, kills: 8, seed: 7 };
  const report = await runChaos(cluster, { speech: await speech('en-recipe', 'en-bakery', 'en-recipe'), ...options });
  t.strictSame(report.faults, []);
  t.match(report.told, { lost: 0, doubled: 0 });
  t.match(report.kept, { lost: 0, doubled: 0 });
  t.equal(report.begunAnew, 0);
  t.ok(report.told.words > 100 && report.moves > 0 && report.cuts >= 60 && report.kills === 8);
});

t.test('a node that is asked to end sends 100 streams to the other', { skip }, async (t) => {
  const report = await measureDrain({
    speech: await speech('en-recipe'),
    streams: 100,
    rampMs: 2_000,
    pace: 1,
    flags: [],
  });
  t.match(report, { lost: 0, doubled: 0, begunAnew: 0 });
  t.ok(report.moved > 50, `${report.moved} moved`);
});
