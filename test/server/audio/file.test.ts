// Audio files: every WAV sample format, FLAC, and files that are broken or no audio at all.
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { FFMPEG_OFF, useFfmpeg } from '../../../server/src/audio/ffmpeg/find-ffmpeg.js';
import { decodeAudioFile, openAudioFile } from '../../../server/src/audio/audio-file.js';
import { chunk, s16le, sine, wavFile } from '../../support/wav-file.js';

// Whatever this machine has.
t.beforeEach(() => useFfmpeg(FFMPEG_OFF));
t.teardown(() => useFfmpeg('ffmpeg'));

const speech = new URL('../../fixtures/audio/en-bakery.flac', import.meta.url).pathname;
const tone = sine(440, 16_000, 0.25);

/** The tone in each sample format that WAV knows, with the error that the format's coarseness allows. */
const FORMATS = [
  { name: '8-bit', tag: 1, bits: 8, tolerance: 1 / 127, data: Uint8Array.from(tone, (v) => Math.round(v * 127) + 128) },
  { name: '16-bit', tag: 1, bits: 16, tolerance: 1e-4, data: s16le(tone) },
  { name: '24-bit', tag: 1, bits: 24, tolerance: 1e-6, data: integers(24) },
  { name: '32-bit', tag: 1, bits: 32, tolerance: 1e-6, data: integers(32) },
  { name: 'float', tag: 3, bits: 32, tolerance: 0, data: new Uint8Array(tone.slice().buffer) },
  { name: 'double', tag: 3, bits: 64, tolerance: 0, data: new Uint8Array(Float64Array.from(tone).buffer) },
];

function integers(bits: 24 | 32): Uint8Array {
  const bytes = Buffer.alloc((tone.length * bits) / 8);
  tone.forEach((v, at) => bytes.writeIntLE(Math.round(v * (2 ** (bits - 1) - 1)), (at * bits) / 8, bits / 8));
  return bytes;
}

for (const { name, tag, bits, tolerance, data } of FORMATS) {
  t.test(`WAV with ${name} samples, plain and extensible`, async (t) => {
    for (const fields of [
      { tag, sampleRate: 16_000, bits },
      { tag: 0xfffe, subTag: tag, sampleRate: 16_000, bits },
    ]) {
      const { samples, durationMs, warnings } = await decodeAudioFile(wavFile(fields, data));
      t.equal(durationMs, 250);
      t.strictSame(warnings, []);
      t.ok(samples.every((value, at) => Math.abs(value - (tone[at] ?? 9)) <= tolerance));
    }
  });
}

t.test('WAV with mu-law and A-law samples is expanded', async (t) => {
  for (const [tag, silence] of [
    [7, 0xff],
    [6, 0xd5],
  ] as const) {
    const { samples } = await decodeAudioFile(
      wavFile({ tag, sampleRate: 16_000, bits: 8 }, new Uint8Array(1_600).fill(silence)),
    );
    t.equal(samples.length, 1_600);
    t.ok(samples.every((value) => Math.abs(value) < 1e-3));
  }
});

t.test('stereo is mixed, 48 kHz becomes 16 kHz, chunks of no interest are passed over', async (t) => {
  const left = sine(440, 48_000, 1);
  const stereo = Float32Array.from({ length: left.length * 2 }, (_, at) => (at % 2 === 0 ? (left[at / 2] ?? 0) : 0));
  const between = chunk('LIST', new Uint8Array(13));
  const file = wavFile({ tag: 1, channels: 2, sampleRate: 48_000, bits: 16, between }, s16le(stereo));
  const { samples } = await decodeAudioFile(file);
  const expected = sine(440, 16_000, 1).map((value) => value / 2);
  t.equal(samples.length, 16_000);
  t.ok(samples.subarray(200, -200).every((value, at) => Math.abs(value - (expected[at + 200] ?? 9)) < 1e-3));
});

t.test('WAV from a pipe: an unknown length reads to the end', async (t) => {
  for (const claimedBytes of [0, 0xffff_ffff, 0x7fff_f000]) {
    const { samples, warnings } = await decodeAudioFile(
      wavFile({ tag: 1, sampleRate: 16_000, bits: 16, claimedBytes }, s16le(tone)),
    );
    t.equal(samples.length, tone.length);
    t.strictSame(warnings, []);
  }
});

t.test('WAV that ends early gives what is there and says so', async (t) => {
  const file = wavFile({ tag: 1, sampleRate: 16_000, bits: 16, claimedBytes: 16_000 }, s16le(tone));
  const { samples, warnings } = await decodeAudioFile(file.subarray(0, file.length - 999));
  t.equal(samples.length, 3_500);
  t.match(warnings, [{ code: 'truncated' }]);
});

t.test('FLAC from disk, whole and block by block', async (t) => {
  const { samples, durationMs, warnings } = await decodeAudioFile(speech);
  t.strictSame(warnings, []);
  t.ok(durationMs > 1_000, `${durationMs} ms`);
  t.ok(
    samples.some((value) => Math.abs(value) > 0.1),
    'is not silent',
  );
  let at = 0;
  for await (const block of openAudioFile(speech)) {
    t.ok(block.every((value, index) => value === samples[at + index]));
    at += block.length;
  }
  t.equal(at, samples.length);
});

t.test('FLAC that is cut off gives what is there and says so', async (t) => {
  const bytes = await readFile(speech);
  const whole = await decodeAudioFile(bytes);
  const half = await decodeAudioFile(bytes.subarray(0, bytes.length >> 1));
  t.match(half.warnings, [{ code: 'truncated' }]);
  t.ok(half.samples.length > whole.samples.length / 4 && half.samples.length < whole.samples.length);
  t.ok(half.samples.subarray(0, -2_000).every((value, at) => value === whole.samples[at]));
});

t.test('FLAC with damage in the middle is no crash', async (t) => {
  const bytes = new Uint8Array(await readFile(speech));
  bytes.fill(7, bytes.length >> 1, (bytes.length >> 1) + 2_000);
  const { warnings, samples } = await decodeAudioFile(bytes);
  t.ok(warnings.length > 0, 'says that something is missing');
  t.ok(samples.length > 0);
});

const REFUSED = [
  { name: 'an empty file', code: 'empty', bytes: new Uint8Array(0) },
  { name: 'a file that is no audio', code: 'not_audio', bytes: Buffer.from('This is a letter, and no sound at all.') },
  { name: 'two bytes', code: 'not_audio', bytes: Uint8Array.of(82, 73) },
  {
    name: 'a WAV header alone',
    code: 'no_samples',
    bytes: wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, new Uint8Array(0)),
  },
  {
    name: 'a WAV cut in its format',
    code: 'not_audio',
    bytes: wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(tone)).subarray(0, 24),
  },
  {
    name: 'a WAV without samples',
    code: 'not_audio',
    bytes: wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(tone)).subarray(0, 36),
  },
  {
    name: 'a WAV with ADPCM',
    code: 'unsupported',
    bytes: wavFile({ tag: 2, sampleRate: 16_000, bits: 4 }, s16le(tone)),
  },
  { name: 'a WAV at 100 Hz', code: 'unsupported', bytes: wavFile({ tag: 1, sampleRate: 100, bits: 16 }, s16le(tone)) },
  {
    name: 'an Ogg file with another codec',
    code: 'not_audio',
    bytes: Buffer.from(`OggS${'\0'.repeat(24)}OpusHead${'\0'.repeat(40)}`),
  },
] as const;

for (const { name, code, bytes } of REFUSED) {
  t.test(`refuses ${name} as ${code}`, async (t) => {
    await t.rejects(decodeAudioFile(bytes), { name: 'AudioFileError', code });
  });
}

t.test('refuses a FLAC header alone, and a path that is not there', async (t) => {
  const bytes = await readFile(speech);
  await t.rejects(decodeAudioFile(bytes.subarray(0, 60)), { name: 'AudioFileError' });
  await t.rejects(decodeAudioFile('/no/such/file.wav'), {
    code: 'unreadable',
    message: 'There is no file /no/such/file.wav.',
  });
});
