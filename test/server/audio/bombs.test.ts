// Files that are made to do harm, and files that are damaged: audio or a typed error, and the next file is well.
import { readFileSync } from 'node:fs';
import { array, assert, asyncProperty, constantFrom, nat, record } from 'fast-check';
import t from 'tap';
import { AudioFileError } from '../../../server/src/audio/audio-errors.js';
import { decodeAudio } from '../../../server/src/audio/decode-audio.js';
import { fixture } from '../../support/fixtures.js';
import { box, bytesOf, ebml, oggPage, opusHeads, silentFlac } from '../../support/sound-files.js';
import { wavFile } from '../../support/wav-file.js';
import { rounds } from '../../support/whole-run.js';

const folder = new URL('../../fixtures/audio/formats/', import.meta.url).pathname;
const speech = (name: string): Uint8Array => new Uint8Array(readFileSync(folder + name));
const PIECE_BYTES = 65_536;

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.slice(at, at + PIECE_BYTES);
}

/** What comes of a file: the code of its error, or `audio`. Fails with any other error. */
async function outcomeOf(bytes: Uint8Array): Promise<string> {
  try {
    for await (const block of decodeAudio(pieces(bytes))) {
      if (!block.every((sample) => Number.isFinite(sample))) return 'no numbers';
    }
    return 'audio';
  } catch (error) {
    if (error instanceof AudioFileError) return error.code;
    throw error;
  }
}

/** A copy with 32 bits more at a place after a mark. */
function patched(bytes: Uint8Array, mark: string, after: number, value: number): Uint8Array {
  const copy = bytes.slice();
  const at = Buffer.from(copy.buffer).indexOf(mark, 0, 'latin1');
  new DataView(copy.buffer).setUint32(at + after, value);
  return copy;
}

const m4a = speech('speech.m4a');
/** A track of `tables`, as far as decoders look. */
function mp4(tables: Uint8Array): Uint8Array {
  const track = box('trak', box('mdia', box('minf', box('stbl', tables))));
  return bytesOf([box('ftyp', Buffer.from('M4A \0\0\0\0')), box('moov', track), box('mdat', new Uint8Array(900))]);
}
const nested = (depth: number): Uint8Array =>
  Array.from({ length: depth }).reduce<Uint8Array>((inner) => box('udta', inner), new Uint8Array(8));

const ID = {
  ebml: [0x1a, 0x45, 0xdf, 0xa3],
  segment: [0x18, 0x53, 0x80, 0x67],
  cluster: [0x1f, 0x43, 0xb6, 0x75],
  block: [0xa3],
  tags: [0x12, 0x54, 0xc3, 0x67],
} as const;
const webm = speech('speech.webm');
/** Clusters after the first one of an honest file. */
function withCluster(content: Uint8Array, size?: number): Uint8Array {
  return bytesOf([webm.subarray(0, clusterAt(webm)), ebml(ID.cluster, content, size)]);
}
const clusterAt = (bytes: Uint8Array): number => Buffer.from(bytes).indexOf(Buffer.from(ID.cluster));

const opusPages = (count: number, lacing: readonly number[], body: Uint8Array): Uint8Array =>
  bytesOf([
    opusHeads(1),
    ...Array.from({ length: count }, (_, at) =>
      oggPage({ flags: 0, granule: BigInt(at + 1) * 960n, number: at + 2, lacing, body }),
    ),
  ]);

const BOMBS: readonly { readonly what: string; readonly bytes: Uint8Array; readonly comesTo: RegExp }[] = [
  { what: 'MP4: sizes of 2^32 samples', bytes: patched(m4a, 'stsz', 12, 0xffff_ffff), comesTo: /^not_audio$/ },
  {
    what: 'MP4: 2^32 samples of one size',
    bytes: patched(patched(m4a, 'stsz', 12, 0xffff_ffff), 'stsz', 8, 4),
    comesTo: /^audio_too_complex$/,
  },
  ...['stco', 'stsc', 'stts'].map((table) => ({
    what: `MP4: ${table} of 2^31 entries`,
    bytes: patched(m4a, table, 8, 0x7fff_ffff),
    comesTo: /^not_audio$/,
  })),
  {
    what: 'MP4: a fragment of 2^32 samples without sizes',
    bytes: patched(patched(speech('fragmented.m4a'), 'trun', 4, 0), 'trun', 8, 0xffff_ffff),
    comesTo: /^(audio_too_complex|not_audio)$/,
  },
  { what: 'MP4: an index of 4 GB', bytes: patched(m4a, 'moov', -4, 0xffff_fff0), comesTo: /^audio_too_complex$/ },
  { what: 'MP4: boxes in boxes', bytes: mp4(nested(5_000)), comesTo: /^audio_too_complex$/ },
  { what: 'MP4: boxes of no size', bytes: mp4(box('free', new Uint8Array(8), 0)), comesTo: /^(not_audio|no_samples)$/ },
  {
    what: 'MP4: nothing but small boxes',
    bytes: bytesOf([
      box('ftyp', Buffer.from('M4A \0\0\0\0')),
      ...Array<Uint8Array>(20_000).fill(box('free', new Uint8Array(0))),
    ]),
    comesTo: /^(not_audio|no_samples)$/,
  },
  {
    what: 'MP4: nothing but fragments of nothing',
    bytes: bytesOf([
      box('ftyp', Buffer.from('M4A \0\0\0\0')),
      ...Array<Uint8Array>(20_000).fill(box('moof', new Uint8Array(0))),
    ]),
    comesTo: /^(not_audio|no_samples)$/,
  },
  { what: 'FLAC: much silence in a few bytes', bytes: silentFlac(140), comesTo: /^audio_too_long$/ },
  { what: 'FLAC: minutes of it', bytes: silentFlac(5), comesTo: /^audio$/ },
  {
    what: 'Ogg: pages of empty packets',
    bytes: opusPages(100, Array<number>(255).fill(0), new Uint8Array(0)),
    comesTo: /./,
  },
  {
    what: 'Ogg: a packet that never ends',
    bytes: opusPages(20, Array<number>(255).fill(255), new Uint8Array(255 * 255)),
    comesTo: /./,
  },
  {
    what: 'Ogg: packets of a byte, 120 ms each',
    bytes: opusPages(20, Array<number>(255).fill(2), Buffer.alloc(510, Buffer.from([0x1b, 0x06]))),
    comesTo: /^audio$|not_audio/,
  },
  {
    what: 'Ogg: 255 channels',
    bytes: bytesOf([
      opusHeads(255, [255, 255, 0, ...Array.from({ length: 255 }, (_, at) => at)]),
      oggPage({ flags: 4, granule: 960n, number: 2, lacing: [3], body: Buffer.from([0xf8, 0xff, 0xfe]) }),
    ]),
    comesTo: /./,
  },
  { what: 'Matroska: an element of 2^56 bytes', bytes: withCluster(new Uint8Array(99), 2 ** 55), comesTo: /./ },
  {
    what: 'Matroska: a block of 2^40 bytes',
    bytes: withCluster(ebml(ID.block, new Uint8Array(200_000), 2 ** 40), Infinity),
    comesTo: /./,
  },
  {
    what: 'Matroska: segments in segments of unknown size',
    bytes: bytesOf([
      webm.subarray(0, Buffer.from(webm).indexOf(Buffer.from(ID.segment))),
      ...Array<Uint8Array>(20_000).fill(ebml(ID.segment, new Uint8Array(0), Infinity)),
    ]),
    comesTo: /^(not_audio|no_samples)$/,
  },
  {
    what: 'Matroska: clusters of nothing',
    bytes: bytesOf([
      webm.subarray(0, clusterAt(webm)),
      ...Array<Uint8Array>(20_000).fill(ebml(ID.cluster, new Uint8Array(0))),
    ]),
    comesTo: /^(not_audio|no_samples)$/,
  },
  {
    what: 'Matroska: laces of 256 frames that are not there',
    bytes: withCluster(
      bytesOf(Array<Uint8Array>(2_000).fill(ebml(ID.block, Buffer.from([0x81, 0, 0, 0x06, 255, 0x7f, 0xff, 0x40])))),
    ),
    comesTo: /./,
  },
  {
    what: 'MP3: a tag of 256 MB',
    bytes: bytesOf([Buffer.from('ID3\x04\0\0\x7f\x7f\x7f\x7f', 'latin1'), speech('speech.mp3')]),
    comesTo: /^(empty|not_audio)$/,
  },
  {
    what: 'MP3: headers without frames',
    bytes: bytesOf(Array<Uint8Array>(50_000).fill(Buffer.from([0xff, 0xfb, 0x90, 0x00]))),
    comesTo: /./,
  },
  {
    what: 'AMR: frames of no data',
    bytes: bytesOf([Buffer.from('#!AMR\n'), new Uint8Array(5_000).fill(0x7c)]),
    comesTo: /^(audio|not_audio)$/,
  },
  {
    what: 'WAV: chunks of no bytes',
    bytes: wavFile(
      {
        tag: 1,
        sampleRate: 16_000,
        bits: 16,
        between: bytesOf(Array<Uint8Array>(50_000).fill(Buffer.from('LIST\0\0\0\0'))),
      },
      new Uint8Array(3_200),
    ),
    comesTo: /^audio$/,
  },
  {
    what: 'WAV: 64 channels of 64 bits at 768 kHz',
    bytes: wavFile({ tag: 3, channels: 64, sampleRate: 768_000, bits: 64 }, new Uint8Array(1_024_000)),
    comesTo: /^audio$/,
  },
];

for (const { what, bytes, comesTo } of BOMBS) {
  t.test(what, async (t) => {
    t.match(await outcomeOf(bytes), comesTo, `${bytes.length} bytes`);
  });
}

t.test('the next file is well', async (t) => {
  t.equal(await outcomeOf(m4a), 'audio');
});

t.test('files of every format with bytes changed and the end cut off: audio or a typed error', async (t) => {
  const files = [
    'speech.mp3',
    'stereo-vbr.mp3',
    'speech.m4a',
    'moov-last.m4a',
    'fragmented.m4a',
    'speech.aac',
    'speech.opus',
  ]
    .concat('speech.ogg', 'speech.webm', 'speech.amr', 'speech.3gp', 'video.mp4')
    .map(speech)
    .concat(new Uint8Array(readFileSync(fixture('en-date'))), silentFlac(3, 4_096))
    .concat(wavFile({ tag: 1, sampleRate: 44_100, channels: 2, bits: 24 }, new Uint8Array(30_000).fill(3)));
  const damage = record({
    file: constantFrom(...files),
    // Half of them near the beginning, where headers and tables are.
    changes: array(record({ at: nat(), isEarly: nat(1), byte: nat(255) }), { maxLength: 8 }),
    end: nat(),
  });
  await assert(
    asyncProperty(damage, async ({ file, changes, end }) => {
      const bytes = file.slice(0, end % 3 === 0 ? end % (file.length + 1) : file.length);
      for (const { at, isEarly, byte } of changes) {
        const among = isEarly === 1 ? Math.min(2_000, bytes.length) : bytes.length;
        if (among > 0) bytes[at % among] = byte;
      }
      const outcome = await outcomeOf(bytes);
      if (outcome === 'no numbers') throw new Error('samples that are no numbers');
    }),
    { numRuns: Number(process.env['FUZZ_RUNS'] ?? rounds(12, 60)) },
  );
  t.pass('held');
});
