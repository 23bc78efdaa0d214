import { readdirSync, readFileSync } from 'node:fs';
import { platform } from 'node:os';
import t from 'tap';
import { decodeAudio } from '../../../server/src/audio/decode-audio.js';
import { fixture } from '../../support/fixtures.js';

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function samplesOf(bytes: Uint8Array, isolation: 'thread' | 'inline'): Promise<number> {
  let samples = 0;
  for await (const block of decodeAudio(once(bytes), { isolation })) samples += block.length;
  return samples;
}

/** Nice values of this process's threads (`man proc_pid_stat`). */
function niceValues(): number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  });
}

t.test('many files at once and one after the other: each is whole, and threads are taken again', async (t) => {
  const ids = ['en-bakery', 'en-computer', 'en-clipped'];
  const files = ids.map((id) => readFileSync(fixture(id)));
  const expected = await Promise.all(files.map((bytes) => samplesOf(bytes, 'inline')));
  for (let round = 0; round < 3; round++) {
    const got = await Promise.all(Array.from({ length: 12 }, (_, i) => samplesOf(files[i % 3] as Buffer, 'thread')));
    t.same(
      got,
      got.map((_, i) => expected[i % 3]),
    );
  }
});

t.test('a reader that leaves frees its thread for the next', async (t) => {
  const bytes = readFileSync(fixture('en-bakery'));
  for (let time = 0; time < 3; time++) {
    for await (const block of decodeAudio(once(bytes))) {
      t.ok(block.length > 0);
      break;
    }
  }
  t.ok((await samplesOf(bytes, 'thread')) > 0);
});

t.test('threads stand behind whatever is live', { skip: platform() !== 'linux' && 'Linux only' }, async (t) => {
  const own = Number(niceValues().toSorted((a, b) => a - b)[0]);
  await samplesOf(readFileSync(fixture('en-bakery')), 'thread');
  t.ok(niceValues().includes(Math.max(own, 10)), 'theirs is lower');
  t.ok(niceValues().includes(own), 'and not that of the others');
});
