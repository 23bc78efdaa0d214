import { EventEmitter, once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { constants, getPriority, platform } from 'node:os';
import t from 'tap';
import { decodeAudio } from '../../../server/src/audio/decode-audio.js';
import { fixture } from '../../support/fixtures.js';
import { rounds } from '../../support/whole-run.js';

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function samplesOf(bytes: Uint8Array, isolation: 'process' | 'shared' | 'inline'): Promise<number> {
  let samples = 0;
  for await (const block of decodeAudio(whole(bytes), { isolation })) samples += block.length;
  return samples;
}

/** Decoders that are children of this process. */
function decoders(): number[] {
  return readdirSync('/proc/self/task')
    .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '))
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('decoder-main'))
    .map(Number);
}

const onLinux = { skip: platform() !== 'linux' && 'Linux only' };

t.test('many files at once and one after the other: each is whole, and processes are taken again', async (t) => {
  const ids = ['en-bakery', 'en-computer', 'en-clipped'];
  const files = ids.map((id) => readFileSync(fixture(id)));
  const expected = await Promise.all(files.map((bytes) => samplesOf(bytes, 'inline')));
  for (let round = 0; round < rounds(1, 3); round++) {
    const got = await Promise.all(Array.from({ length: 12 }, (_, i) => samplesOf(files[i % 3] as Buffer, 'process')));
    t.same(
      got,
      got.map((_, i) => expected[i % 3]),
    );
  }
});

t.test('a reader that leaves frees its process for the next', async (t) => {
  const bytes = readFileSync(fixture('en-bakery'));
  for (let time = 0; time < 3; time++) {
    for await (const block of decodeAudio(whole(bytes))) {
      t.ok(block.length > 0);
      break;
    }
  }
  t.ok((await samplesOf(bytes, 'process')) > 0);
});

t.test('decoders give way to whatever is live', onLinux, async (t) => {
  await samplesOf(readFileSync(fixture('en-bakery')), 'process');
  t.ok(decoders().length > 0);
  for (const pid of decoders()) t.equal(getPriority(pid), constants.priority.PRIORITY_BELOW_NORMAL);
});

t.test('the death of a decoder costs its file alone', onLinux, async (t) => {
  const bytes = readFileSync(fixture('en-bakery'));
  const expected = await samplesOf(bytes, 'inline');
  const others = [samplesOf(bytes, 'process'), samplesOf(bytes, 'process')];
  const before = decoders();
  const killed = new EventEmitter();
  const felled = (async () => {
    for await (const block of decodeAudio(halves(bytes, once(killed, 'killed')))) t.ok(block.length > 0);
  })();
  felled.catch(() => undefined);
  t.same(await Promise.all(others), [expected, expected]);
  for (const pid of new Set([...before, ...decoders()])) process.kill(pid, 'SIGKILL');
  killed.emit('killed');
  await t.rejects(felled, { name: 'AudioFileError', code: 'audio_too_complex' });
  t.equal(await samplesOf(bytes, 'process'), expected);
});

t.test('live streams share a process', onLinux, async (t) => {
  const bytes = readFileSync(fixture('en-bakery'));
  const expected = await samplesOf(bytes, 'inline');
  const before = decoders().length;
  const streams = Array.from({ length: 10 }, () => samplesOf(bytes, 'shared'));
  t.same(
    await Promise.all(streams),
    streams.map(() => expected),
  );
  t.ok(decoders().length <= before + 1);
});

/** A file whose second half waits for something. */
async function* halves(bytes: Uint8Array, between: Promise<unknown>): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, bytes.length >> 1);
  await between;
  yield bytes.subarray(bytes.length >> 1);
}
