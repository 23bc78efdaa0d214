// One channel of a file alone, in this thread and in another.
import t from 'tap';
import { decodeAudio } from '../../../server/src/audio/decode-audio.js';
import { splitChannels } from '../../../server/src/audio/pcm.js';
import { storedInMemory } from '../../../server/src/audio/stored-bytes.js';
import { interleaved } from '../../support/loud-audio.js';
import { wavFile } from '../../support/wav-file.js';

/** A second of one value. */
const level = (value: number): Buffer => Buffer.from(new Int16Array(16_000).fill(value).buffer);
const file = storedInMemory(
  wavFile({ tag: 1, channels: 2, sampleRate: 16_000, bits: 16 }, interleaved(level(16_384), level(-8_192))),
);

/** The value in the middle of what is decoded. */
async function heard(channel: number | undefined, isolation: 'process' | 'inline'): Promise<number | undefined> {
  const samples: number[] = [];
  const options = channel === undefined ? { isolation } : { isolation, channel };
  for await (const block of decodeAudio(file, options)) samples.push(...block);
  t.equal(samples.length, 16_000);
  return samples[8_000];
}

for (const isolation of ['inline', 'process'] as const) {
  t.test(`${isolation}: all channels mixed, or one of them`, async (t) => {
    t.equal(await heard(undefined, isolation), 0.125);
    t.equal(await heard(0, isolation), 0.5);
    t.equal(await heard(1, isolation), -0.25);
    await t.rejects(heard(2, isolation), { name: 'AudioFileError', code: 'no_channel' });
  });
}

t.test('splitting leaves out what is no whole sample of all channels', async (t) => {
  const bytes = Uint8Array.from([1, 2, 3, 4, 5, 6, 7]);
  t.strictSame(splitChannels(bytes, 1, 3), [Uint8Array.from([1, 4]), Uint8Array.from([2, 5]), Uint8Array.from([3, 6])]);
  t.strictSame(splitChannels(bytes, 2, 1), [bytes]);
  t.strictSame(splitChannels(bytes, 2, 4), [
    new Uint8Array(0),
    new Uint8Array(0),
    new Uint8Array(0),
    new Uint8Array(0),
  ]);
});
