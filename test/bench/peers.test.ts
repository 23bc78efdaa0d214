// Peers: processes that are given clips and answer with text, and the figures that come of it.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { writePeerClips } from '../../bench/src/peers/peer-clips.js';
import { peerMetrics, ratioMetric } from '../../bench/src/peers/peer-metrics.js';
import { allPeers, type Peer } from '../../bench/src/peers/peers.js';
import { runPeer } from '../../bench/src/peers/run-peer.js';

const folder = await mkdtemp(join(tmpdir(), 'sotto-peers-'));
t.teardown(() => rm(folder, { recursive: true }));

const spoken = (id: string, text: string) => ({
  id,
  text,
  path: '',
  language: 'en',
  words: [],
  utterances: [],
  samples: new Float32Array(16_000).fill(0.5),
});

/** A program that answers every clip with one text, and talks beside it. */
const peer = (body: string): Peer => ({
  name: 'parrot',
  program: process.execPath,
  args: ['-e', `process.stdin.toArray().then((parts) => { const job = JSON.parse(Buffer.concat(parts)); ${body} })`],
  weights: 'folder',
  how: 'always the same',
});
const SAYS = 'const say = (line) => console.log(JSON.stringify(line));';
const PARROT = `${SAYS} console.log('hello'); say({ ready: { parrot: '1.0' } });
  for (const { id } of job.clips) say({ id, text: 'red green' }); say({ peakBytes: 2 ** 20, cpuMs: 500 });`;
const options = { threads: 1, env: {} };

t.test('recordings alone, and a long file of them', async (t) => {
  const clips = await writePeerClips([spoken('a', 'red green'), spoken('b', 'blue'), spoken('c', '')], folder, {
    alone: 1,
    joinedSeconds: 10,
  });
  t.match(clips, [
    { set: 'alone', id: 'alone a', text: 'red green', seconds: 1 },
    { set: 'joined', id: 'joined en', text: 'red green blue', seconds: 2.7 },
  ]);
  const wav = await readFile(clips[1]?.path ?? '');
  t.equal(wav.length, 44 + 2 * 43_200);
  t.equal(wav.readInt16LE(44), 16_384);

  const run = await runPeer(peer(PARROT), 'model', options, clips);
  t.match(run, { versions: { parrot: '1.0' }, peakBytes: 2 ** 20, cpuMs: 500 });
  const metrics = peerMetrics('parrot', [run], clips);
  const value = (name: string) => metrics.find((metric) => metric.name === name);
  t.match(value('parrot, alone: errors en'), { value: 0 });
  t.match(value('parrot, joined: errors en'), { value: 1 / 3, note: /0 wrong, 1 missing, 0 too many of 3/ });
  t.match(value('parrot: peak memory'), { value: 1 });
  t.match(value('parrot: processor time'), { note: 'rounds: 8.11' });
  t.match(ratioMetric(['a', [run]], ['b', [run]], clips), [{ value: 1 }, { name: 'a / b: processor time', value: 1 }]);
});

t.test('a peer that fails is an error with its last words', async (t) => {
  const clips = [{ id: 'a', path: '', language: 'en' }];
  const fails = (body: string) => runPeer(peer(body), 'model', options, clips);
  await t.rejects(fails('throw new Error("no such module")'), { code: 'peer_failed', message: /no such module/ });
  await t.rejects(fails(`${SAYS} say({ ready: {} })`), { code: 'peer_failed', message: /did not answer all clips/ });
  const missing = { ...peer(''), program: join(folder, 'python') };
  await t.rejects(runPeer(missing, 'model', options, clips), { code: 'peer_failed', message: /could not be started/ });
});

t.test('every peer has a name of its own', async (t) => {
  const names = allPeers('python').map(({ name }) => name);
  t.equal(new Set(names).size, names.length);
  t.equal(names[0], 'sotto');
});
