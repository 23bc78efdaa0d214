// The soak: streams that are cut are taken up, and what a server holds is seen.
import t from 'tap';
import { loadAudio } from '../../bench/src/audio/load-audio.js';
import { fixturesFolder, readRecordings } from '../../bench/src/audio/recordings.js';
import { SpawnedServer } from '../../bench/src/server/spawned-server.js';
import { soak } from '../../bench/src/soak/soak.js';
import { wordsIn, wordsLost } from '../../bench/src/stream/words-lost.js';
import { wholeRunOnly } from '../support/whole-run.js';

t.test('words that are missing, each as often as it is', async (t) => {
  t.equal(wordsLost(wordsIn('The cat  and the dog'), wordsIn('the dog, the cat')), 2);
  t.equal(wordsLost(wordsIn('a a b'), wordsIn('b a c')), 1);
  t.equal(wordsLost([], ['more']), 0);
});

t.test('a short soak', wholeRunOnly, async (t) => {
  const recordings = await loadAudio((await readRecordings(fixturesFolder, ['en'])).slice(1, 3));
  await using server = await SpawnedServer.start({ flags: ['--engine', 'null'], readyTimeoutMs: 60_000 });
  const options = { language: 'en', streams: 2, churn: 2, timeMs: 40_000, seed: 3 };
  const { faults, samples, ...counts } = await soak(server, { recordings, ...options });
  t.strictSame(faults, []);
  t.equal(counts.wordsLost, 0);
  for (const name of ['streams', 'cuts', 'visits', 'uploads'] as const) t.ok(counts[name] > 0, name);
  const held = samples.between(0, Number.POSITIVE_INFINITY);
  if (process.platform === 'linux') t.ok(held !== undefined && held.handles > 0 && held.rssBytes > 0);
});
