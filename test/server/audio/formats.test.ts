// Compressed audio of every kind that people upload, as a whole file, as a stream of small pieces, and broken.
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { assert, asyncProperty, integer } from 'fast-check';
import t from 'tap';
import { FFMPEG_OFF, useFfmpeg } from '../../../server/src/audio/ffmpeg/find-ffmpeg.js';
import { decodeAudioFile } from '../../../server/src/audio/audio-file.js';
import { decodeAudio, type DecodeAudioOptions } from '../../../server/src/audio/decode-audio.js';
import { openStoredFile } from '../../../server/src/audio/stored-bytes.js';
import { testFolder } from '../../support/test-folder.js';
import { wavFile } from '../../support/wav-file.js';
import { propertyRuns } from '../../support/property.js';
import { sampled } from '../../support/whole-run.js';

// Whatever this machine has.
t.beforeEach(() => useFfmpeg(FFMPEG_OFF));
t.teardown(() => useFfmpeg('ffmpeg'));

const folder = new URL('../../fixtures/audio/formats/', import.meta.url).pathname;
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(folder + name));

/** The same words in each. */
const FILES = [
  'speech.mp3',
  'stereo-vbr.mp3',
  'speech.m4a',
  'moov-last.m4a',
  'fragmented.m4a',
  'speech.aac',
  'speech.opus',
  'speech.ogg',
  'speech.webm',
  'speech.amr',
  'speech.3gp',
  'video.mp4',
] as const;
/** Codecs put up to this before the first sample, milliseconds. */
const LAG_MAX_MS = 80;

const original = await decodeAudioFile(new URL('../../fixtures/audio/en-date.flac', import.meta.url).pathname);

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function decode(bytes: AsyncIterable<Uint8Array>, options: DecodeAudioOptions = {}): Promise<Float32Array> {
  const blocks: Float32Array[] = [];
  for await (const block of decodeAudio(bytes, options)) blocks.push(block);
  return Float32Array.from(blocks.flatMap((block) => [...block]));
}

/** How loud each 50 ms are: what any codec keeps. */
function envelope(samples: Float32Array, from = 0): number[] {
  const loudness: number[] = [];
  for (let at = from; at + 800 <= samples.length; at += 800) {
    loudness.push(Math.sqrt(samples.subarray(at, at + 800).reduce((sum, value) => sum + value * value, 0) / 800));
  }
  return loudness;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const length = Math.min(a.length, b.length);
  const mean = (values: readonly number[]): number => values.slice(0, length).reduce((x, y) => x + y, 0) / length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < length; i++) {
    const [x, y] = [(a[i] ?? 0) - meanA, (b[i] ?? 0) - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / Math.sqrt(aa * bb);
}

for (const name of sampled(FILES, 6)) {
  t.test(`${name} sounds as the original does, however it comes`, async (t) => {
    const stored = await openStoredFile(folder + name);
    t.teardown(() => stored.close());
    const inline = await decode(stored, { isolation: 'inline' });
    // Bare AAC does not say where its sound begins: what the encoder put before it stays, a frame, as ffmpeg has it.
    const before = name === 'speech.aac' ? 0.064 : 0;
    const seconds = name === 'video.mp4' ? 4 : original.durationMs / 1_000 + before;
    t.ok(Math.abs(inline.length / 16_000 - seconds) < 0.06, `${inline.length / 16_000} s`);
    const likeness = Math.max(
      ...Array.from({ length: LAG_MAX_MS / 10 }, (_, lag) =>
        correlation(envelope(inline, lag * 160), envelope(original.samples)),
      ),
    );
    // AMR knows nothing above 3.4 kHz.
    t.ok(likeness > 0.92, `alike: ${likeness}`);
    for (const size of [499, 1_000_000]) {
      const streamed = await decode(pieces(bytesOf(name), size));
      t.equal(streamed.length, inline.length, `in pieces of ${size}`);
      t.ok(streamed.every((value, at) => Math.abs(value - (inline[at] ?? 9)) < 1e-6));
    }
  });
}

/** What says how much there should be, or is cut off within a part that says how long it is. */
// Where the index comes last nothing can be read at all.
const KNOWS_ITS_END = FILES.filter(
  (name) => !['moov-last.m4a', 'speech.3gp', 'video.mp4', 'speech.aac', 'speech.amr'].includes(name),
);

for (const name of sampled(KNOWS_ITS_END, 5)) {
  t.test(`${name}, cut off, gives what is there and says so`, async (t) => {
    const bytes = bytesOf(name);
    const whole = await decodeAudioFile(bytes);
    t.strictSame(whole.warnings, []);
    const cut = await decodeAudioFile(bytes.subarray(0, Math.floor(bytes.length * 0.7)));
    t.match(cut.warnings, [{ code: 'truncated' }]);
    t.ok(cut.samples.length > whole.samples.length / 4 && cut.samples.length < whole.samples.length);
  });
}

t.test('an MP3 file with a picture in its tag', async (t) => {
  const picture = new Uint8Array(300_000).fill(0xff);
  const tag = Uint8Array.of(
    0x49,
    0x44,
    0x33,
    3,
    0,
    0,
    ...[21, 14, 7, 0].map((shift) => (picture.length >> shift) & 127),
  );
  const file = new Uint8Array(Buffer.concat([tag, picture, bytesOf('speech.mp3')]));
  t.equal((await decode(pieces(file, 1_000))).length, (await decode(pieces(bytesOf('speech.mp3'), 1_000))).length);
});

t.test('MP4 that is cut off before its index and its samples is told as that, not as a video', async (t) => {
  const file = `${t.testdir()}/cut.m4a`;
  for (const bytes of [bytesOf('moov-last.m4a'), bytesOf('speech.m4a')]) {
    // Of the second, whose index comes first: within the box that says what it is.
    for (const length of [12, 20, 27]) {
      const head = bytes.subarray(0, length);
      await t.rejects(decode(pieces(head, 5)), { code: 'not_audio', message: /cut off/ }, `${length} bytes`);
      await writeFile(file, head);
      await t.rejects(decodeAudioFile(file), { code: 'not_audio', message: /cut off/ }, `${length} bytes of a file`);
    }
  }
});

t.test('cut off: what is there, or an error; never a hang or a crash', async (t) => {
  await assert(
    asyncProperty(integer({ min: 0, max: FILES.length - 1 }), integer({ min: 0, max: 99 }), async (file, percent) => {
      const bytes = bytesOf(FILES[file] ?? '');
      const result = await decode(pieces(bytes.subarray(0, (bytes.length * percent) / 100), 3_000), {
        isolation: 'inline',
      }).then(
        (samples) => samples.length <= original.samples.length + 3_000,
        (error: unknown) => error instanceof Error && error.name === 'AudioFileError',
      );
      t.ok(result, `${FILES[file]} at ${percent} %`);
    }),
    { numRuns: propertyRuns(25) },
  );
});

t.test('damaged in the middle: never a hang or a crash', async (t) => {
  for (const name of sampled(FILES, 6)) {
    const bytes = bytesOf(name);
    for (let at = bytes.length >> 1; at < (bytes.length >> 1) + 1_500 && at < bytes.length; at++)
      bytes[at] = (at * 131) & 255;
    const outcome = await decode(pieces(bytes, 5_000)).then(
      (samples) => `${samples.length > 0}`,
      (error: unknown) => (error instanceof Error ? error.name : ''),
    );
    t.match(outcome, /^(true|AudioFileError)$/, name);
  }
});

const REFUSED = [
  { what: 'video without audio (MP4)', code: 'no_samples', bytes: bytesOf('no-audio.mp4') },
  { what: 'video without audio (WebM)', code: 'no_samples', bytes: bytesOf('no-audio.webm') },
  { what: 'an MP4 file without its index', code: 'not_audio', bytes: bytesOf('moov-last.m4a').subarray(0, 9_000) },
  { what: 'a page that says it is audio', code: 'not_audio', bytes: Buffer.from('<!doctype html><title>404</title>') },
  { what: 'a picture', code: 'not_audio', bytes: Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1') },
  { what: 'a zip archive', code: 'not_audio', bytes: Buffer.from('PK\x03\x04\x14\0\0\0\x08\0', 'latin1') },
  { what: 'AIFF', code: 'unsupported', bytes: Buffer.from('FORM\0\0\0\x20AIFFCOMM', 'latin1') },
  { what: 'WMA', code: 'unsupported', bytes: Buffer.from('3026b2758e66cf11a6d900aa0062ce6c', 'hex') },
  { what: 'Speex', code: 'unsupported', bytes: Buffer.from(`OggS${'\0'.repeat(24)}Speex   1.2`, 'latin1') },
  { what: 'nothing', code: 'empty', bytes: new Uint8Array(0) },
  {
    what: 'MP3 sync and noise',
    code: 'not_audio',
    bytes: Uint8Array.from({ length: 9_000 }, (_, i) => (i * i * 31) & 255),
  },
];

for (const { what, code, bytes } of REFUSED) {
  t.test(`refused: ${what}`, async (t) => {
    await t.rejects(decode(pieces(bytes, 4_000)), { name: 'AudioFileError', code });
  });
}

t.test('a packed file is told to be unpacked', async (t) => {
  const message = 'This is a gzip file: unpack it first.';
  await t.rejects(decode(pieces(gzipSync(bytesOf('moov-last.m4a')), 4_000)), { code: 'not_audio', message });
});

t.test('a header that claims thousands of channels or a rate of gigahertz is not believed', async (t) => {
  const header = new Uint8Array(44);
  Buffer.from('RIFF\xff\xff\xff\xffWAVEfmt ', 'latin1').copy(header);
  const view = new DataView(header.buffer);
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 65_535, true);
  view.setUint32(24, 0xffff_ffff, true);
  view.setUint16(34, 16, true);
  Buffer.from('data\xff\xff\xff\xff', 'latin1').copy(header, 36);
  await t.rejects(decode(pieces(header, 44)), { code: 'unsupported' });
  view.setUint16(22, 1, true);
  await t.rejects(decode(pieces(new Uint8Array(Buffer.concat([header, new Uint8Array(100)])), 44)), {
    code: 'unsupported',
    message: /4294967295 Hz is too high/,
  });
});

t.test('an upload that breaks off while it is spooled leaves nothing on disk', async (t) => {
  // A folder of its own: others of this machine come and go.
  const folder = testFolder(t);
  const { TMPDIR } = process.env;
  process.env['TMPDIR'] = folder;
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  const broken = (async function* () {
    yield bytesOf('moov-last.m4a').subarray(0, 20_000);
    throw new TypeError('gone');
  })();
  await t.rejects(decode(broken), { message: 'gone' });
  t.same(await readdir(folder), []);
});

t.test('who stops listening ends the reading', async (t) => {
  let hasReturned = false;
  const endless = (async function* () {
    try {
      for (;;) yield bytesOf('speech.mp3');
    } finally {
      hasReturned = true;
    }
  })();
  for await (const block of decodeAudio(endless)) if (block.length > 0) break;
  t.equal(hasReturned, true);
});

t.test('what is known but cannot be decoded is refused by its name, with what to do', async (t) => {
  const transport = new Uint8Array(4 * 188);
  for (let at = 0; at < transport.length; at += 188) transport[at] = 0x47;
  const adpcm = wavFile({ tag: 2, sampleRate: 16_000, bits: 4 }, new Uint8Array(100));
  for (const [bytes, name] of [
    [Buffer.from('riff\x2e\x91\xcf\x11'.padEnd(200, '\0'), 'latin1'), 'W64'],
    [Buffer.from('\x0b\x77'.padEnd(200, '\0'), 'latin1'), 'AC-3'],
    [Buffer.from('\xff\xfd\x84\x00'.padEnd(500, '\0'), 'latin1'), 'MP2'],
    [transport, 'MPEG-TS'],
    [adpcm, 'WAV with format tag 2'],
  ] as const) {
    const message = new RegExp(`^${name} .*not supported.*ffmpeg -i FILE`);
    await t.rejects(decode(pieces(new Uint8Array(bytes), 100)), { code: 'unsupported', message });
  }
});
