// The times of containers: a late start stays late, holes become silence, a lying time costs nothing.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { decodeAudioFile } from '../../../server/src/audio/audio-file.js';
import { bytesOf, ebml, oggPage, opusHeads } from '../../support/sound-files.js';
import { sampled } from '../../support/whole-run.js';

const SPEECH = new URL('../../fixtures/audio/en-date.flac', import.meta.url).pathname;
const speech = await decodeAudioFile(SPEECH);
const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const noFfmpeg = hasFfmpeg ? false : 'no ffmpeg on the path';

/** Where something is first heard, ms. */
function heardAt(samples: Float32Array): number {
  return samples.findIndex((sample) => Math.abs(sample) > 0.02) / 16;
}

async function made(t: Test, name: string, ...flags: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-times-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', ...flags, '-y', name], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return join(folder, name);
}

const LATE = ['-f', 'lavfi', '-i', 'color=size=16x16:rate=5:duration=8', '-itsoffset', '3', '-i', SPEECH];

const LATE_FILES = [
  ['late.mp4', '-c:a', 'aac'],
  ['late.mkv', '-c:a', 'aac'],
  ['late.webm', '-c:v', 'libvpx', '-c:a', 'libopus'],
  ['vorbis.mkv', '-c:a', 'libvorbis'],
  ['pcm.mkv', '-c:a', 'pcm_s16le'],
] as const;

for (const [name, ...codec] of sampled(LATE_FILES, 2)) {
  t.test(`sound that begins at 3 s is heard 3 s later: ${name}`, { skip: noFfmpeg }, async (t) => {
    const { samples, durationMs } = await decodeAudioFile(await made(t, name, ...LATE, ...codec));
    const lateMs = heardAt(samples) - heardAt(speech.samples);
    t.ok(Math.abs(lateMs - 3_000) < 80, `${lateMs} ms late`);
    t.ok(Math.abs(durationMs - speech.durationMs - 3_000) < 120, `${durationMs} ms long`);
  });
}

t.test('AAC behind an empty edit begins with all of its first frame', { skip: noFfmpeg }, async (t) => {
  const late = await decodeAudioFile(await made(t, 'late.mp4', ...LATE, '-c:a', 'aac'));
  const plain = await decodeAudioFile(await made(t, 'plain.m4a', '-i', SPEECH, '-c:a', 'aac'));
  const lateMs = heardAt(late.samples) - heardAt(plain.samples);
  t.ok(Math.abs(lateMs - 3_000) < 8, `${lateMs} ms late`);
});

const AAC_OF_64_MS = ['-i', SPEECH, '-ar', '16000', '-c:a', 'aac'];

for (const [name, ...how] of [
  ['no-edits.m4a', '-use_editlist', '0'],
  ['fragments.mp4', '-movflags', 'frag_keyframe+empty_moov'],
  ['sound.mka'],
  ['bare.aac'],
] as const) {
  t.test(`and where nothing says what to leave out, as players have it: ${name}`, { skip: noFfmpeg }, async (t) => {
    const whole = await decodeAudioFile(await made(t, name, ...AAC_OF_64_MS, ...how));
    const edited = await decodeAudioFile(await made(t, 'edited.m4a', ...AAC_OF_64_MS));
    const lateMs = heardAt(whole.samples) - heardAt(edited.samples);
    t.ok(Math.abs(lateMs - 64) < 8, `${lateMs} ms later than without what the encoder put before it`);
  });
}

/** Flags of a fragmented file: by half a second, or each packet by itself, as live streams have it. */
const FRAGMENTS = ['-movflags', 'frag_keyframe+empty_moov', '-frag_duration', '500000'];
const PACKETS = ['-movflags', 'frag_every_frame+empty_moov'];

for (const [name, ...how] of [
  ['late-fragments.mp4', ...FRAGMENTS],
  ['late-delayed.mp4', '-movflags', 'frag_keyframe+delay_moov'],
  ['late-dash.mp4', '-movflags', 'dash+frag_every_frame+empty_moov'],
] as const) {
  t.test(`and in fragments: ${name}`, { skip: noFfmpeg }, async (t) => {
    // Its pictures are told apart from nothing: they begin when the file does.
    const { samples } = await decodeAudioFile(await made(t, name, ...LATE, '-c:v', 'mjpeg', '-c:a', 'aac', ...how));
    const lateMs = heardAt(samples) - heardAt(speech.samples);
    t.ok(Math.abs(lateMs - 3_000) < 140, `${lateMs} ms late`);
  });
}

// Of 93 ms for each sample of ALAC, the last one of 5 ms.
const ALAC = ['-i', SPEECH, '-af', 'aresample=44100,atrim=end_sample=82120', '-c:a', 'alac'];

for (const [name, ...how] of [['whole.m4a'], ['fragments.mp4', ...FRAGMENTS], ['packets.mp4', ...PACKETS]] as const) {
  t.test(`a last sample that is cut short makes no holes behind the others: ${name}`, { skip: noFfmpeg }, async (t) => {
    const { durationMs } = await decodeAudioFile(await made(t, name, ...ALAC, ...how));
    t.ok(Math.abs(durationMs - 82_120 / 44.1) < 2, `${durationMs} ms long`);
  });
}

function loudness(samples: Float32Array, fromMs: number, toMs: number): number {
  return samples.slice(fromMs * 16, toMs * 16).reduce((sum, sample) => sum + Math.abs(sample), 0);
}

const TONE = ['-f', 'lavfi', '-i', 'sine=frequency=300:sample_rate=48000:duration=6'];

const HOLED_FILES = [
  ['hole.webm', '-c:a', 'libopus'],
  ['hole.mkv', '-c:a', 'libopus'],
  ['hole.ogg', '-c:a', 'libopus'],
  ['vorbis.ogg', '-c:a', 'libvorbis', '-page_duration', '200000'],
  ['vorbis-large-pages.ogg', '-c:a', 'libvorbis'],
  ['flac.ogg', '-c:a', 'flac', '-frame_size', '960'],
  ['opus.mp4', '-c:a', 'libopus'],
  ['opus-fragments.mp4', '-c:a', 'libopus', ...FRAGMENTS],
  ['opus-packets.mp4', '-c:a', 'libopus', ...PACKETS],
  ['aac.mp4', '-c:a', 'aac'],
  ['aac-fragments.mp4', '-c:a', 'aac', ...FRAGMENTS],
  ['aac-packets.mp4', '-c:a', 'aac', ...PACKETS],
];

for (const [name = '', ...how] of sampled(HOLED_FILES, 2)) {
  t.test(`two seconds that are missing are silent: ${name}`, { skip: noFfmpeg }, async (t) => {
    const whole = await made(t, name, ...TONE, ...how, '-bsf:a', "noise=drop='between(n,100,199)'");
    const { samples, durationMs } = await decodeAudioFile(whole);
    t.ok(Math.abs(durationMs - 6_000) < 60, `${durationMs} ms`);
    t.ok(loudness(samples, 500, 1_900) > 100);
    t.equal(loudness(samples, 2_300, 3_800), 0);
    t.ok(loudness(samples, 4_400, 5_500) > 100);
  });
}

/** Adds to the times of fragments from one of them on (`tfdt`, ISO/IEC 14496-12, section 8.8.12). */
function laterFragments(file: Uint8Array, from: number, units: number): Buffer {
  const bytes = Buffer.from(file);
  for (let at = bytes.indexOf('tfdt'), fragment = 0; at >= 0; at = bytes.indexOf('tfdt', at + 4), fragment++) {
    if (fragment < from) continue;
    if (bytes[at + 4] === 1) bytes.writeBigUInt64BE(bytes.readBigUInt64BE(at + 8) + BigInt(units), at + 8);
    else bytes.writeUInt32BE(bytes.readUInt32BE(at + 8) + units, at + 8);
  }
  return bytes;
}

for (const codec of sampled(['libopus', 'aac'], 1)) {
  t.test(`fragments that were lost, and all that came before: ${codec}`, { skip: noFfmpeg }, async (t) => {
    const file = await readFile(await made(t, 'tone.mp4', ...TONE, '-c:a', codec, ...FRAGMENTS));
    const whole = await decodeAudioFile(file);
    const lost = await decodeAudioFile(laterFragments(file, 4, 3 * 48_000));
    t.ok(Math.abs(lost.durationMs - whole.durationMs - 3_000) < 1, `${lost.durationMs} ms`);
    t.ok(loudness(lost.samples, 500, 1_900) > 100);
    t.equal(loudness(lost.samples, 2_200, 4_800), 0);
    t.ok(loudness(lost.samples, 5_200, 8_500) > 100);
    const ofLive = await decodeAudioFile(laterFragments(file, 0, 5 * 3_600 * 48_000));
    t.same(ofLive.samples, whole.samples, 'a piece of a live stream begins where it begins');
    await t.rejects(decodeAudioFile(laterFragments(file, 4, 10 * 3_600 * 48_000)), { code: 'audio_too_long' });
  });
}

const PULSES = ['-f', 'lavfi', '-i', "aevalsrc='0.3*sin(2*PI*300*t)*lt(mod(t,2),1)':d=8:s=48000", '-c:a', 'libopus'];

function pagesOf(file: Uint8Array): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (let at = 0; at < file.length;) {
    const segments = file[at + 26] ?? 0;
    const lacing = file.subarray(at + 27, at + 27 + segments);
    const end = at + 27 + segments + lacing.reduce((sum, part) => sum + part, 0);
    pages.push(file.subarray(at, end));
    at = end;
  }
  return pages;
}

t.test('Ogg: pages that were lost, broke off, or cannot be told any more', { skip: noFfmpeg }, async (t) => {
  const pages = pagesOf(await readFile(await made(t, 'pulses.ogg', ...PULSES, '-page_duration', '500000')));
  const damages: Readonly<Record<string, (page: Uint8Array) => Uint8Array>> = {
    lost: () => new Uint8Array(0),
    'broken off': (page) => page.subarray(0, page.length / 2),
    'without its first letters': (page) => bytesOf([Buffer.from('none'), page.subarray(4)]),
  };
  for (const [what, damage] of Object.entries(damages)) {
    const file = bytesOf(pages.map((page, at) => (at === 6 || at === 7 ? damage(page) : page)));
    const { samples, durationMs } = await decodeAudioFile(file);
    t.ok(Math.abs(durationMs - 8_000) < 20, `${what}: ${durationMs} ms`);
    t.ok(loudness(samples, 0, 900) > 100, what);
    t.equal(loudness(samples, 2_050, 2_900), 0, what);
    for (const pulse of [4_000, 6_000]) {
      t.ok(loudness(samples, pulse + 50, pulse + 950) > 1_000, what);
      t.ok(loudness(samples, pulse + 1_100, pulse + 1_950) < 100, what);
    }
  }
});

for (const codec of [['libvorbis'], ['flac', '-frame_size', '960']]) {
  t.test(`Ogg: pages that were lost: ${codec[0]}`, { skip: noFfmpeg }, async (t) => {
    const how = ['-c:a', ...codec, '-page_duration', '200000'];
    const pages = pagesOf(await readFile(await made(t, 'tone.ogg', ...TONE, ...how)));
    // Behind two or three of heads they are 0.2 s each: from about 1.9 s to 3.9 s.
    const lost = await decodeAudioFile(bytesOf(pages.filter((_, at) => at < 11 || at >= 21)));
    t.ok(Math.abs(lost.durationMs - 6_000) < 20, `${lost.durationMs} ms`);
    t.equal(loudness(lost.samples, 2_100, 3_700), 0);
    t.ok(loudness(lost.samples, 500, 1_700) > 100);
    t.ok(loudness(lost.samples, 4_300, 5_500) > 100);
  });
}

t.test('what a silent speaker does not send is silent: DTX', { skip: noFfmpeg }, async (t) => {
  const sent = ['-application', 'voip', '-dtx', '1', '-b:a', '24k'];
  const ogg = await made(t, 'dtx.ogg', ...PULSES, ...sent);
  const files = [['dtx.ogg'], ['dtx.webm'], ['dtx.mp4'], ['dtx-fragments.mp4', ...FRAGMENTS]];
  for (const [name = '', ...how] of sampled(files, 2)) {
    const path = name === 'dtx.ogg' ? ogg : await made(t, name, '-i', ogg, '-c', 'copy', ...how);
    const { samples, durationMs } = await decodeAudioFile(path);
    t.ok(Math.abs(durationMs - 8_000) < 60, `${name}: ${durationMs} ms`);
    for (const pulse of [0, 2_000, 4_000, 6_000]) {
      t.ok(loudness(samples, pulse + 100, pulse + 900) > 1_000, name);
      t.ok(loudness(samples, pulse + 1_300, pulse + 1_900) < 100, name);
    }
  }
});

t.test('small holes add up', () => {
  const packets = Array.from({ length: 50 }, (_, at) => page(at + 2, BigInt((at + 1) * 1_920)));
  return decodeAudioFile(bytesOf([opusHeads(1), ...packets])).then(({ durationMs }) =>
    t.ok(Math.abs(durationMs - 2_000) < 100, `${durationMs} ms`),
  );
});

t.test('the track that is flagged as default is heard', { skip: noFfmpeg }, async (t) => {
  const tone = ['-f', 'lavfi', '-i', 'anullsrc=r=16000:cl=mono:d=2', '-i', SPEECH, '-map', '0', '-map', '1'];
  for (const [first, second] of [
    ['0', 'default'],
    ['default', '0'],
  ] as const) {
    const flags = ['-disposition:a:0', first, '-disposition:a:1', second, '-c:a', 'aac'];
    const { samples } = await decodeAudioFile(await made(t, 'two.mkv', ...tone, ...flags));
    t.equal(heardAt(samples) > 0, second === 'default');
  }
});

/** 20 ms of silence in Opus. */
const PACKET = Uint8Array.of(0x78, 0xff, 0xfe);

function page(number: number, granule: bigint): Uint8Array {
  return oggPage({ flags: 0, granule, number, lacing: [PACKET.length], body: PACKET });
}

/** Two packets, of which the second ends so late. */
function ogg(hours: number): Uint8Array {
  return bytesOf([opusHeads(1), page(2, 960n), page(3, BigInt(hours * 3_600 * 48_000))]);
}

const HEAD = Buffer.from([...Buffer.from('OpusHead'), 1, 1, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 0]);
/** Two packets in a cluster of this time. */
function webm(time: Uint8Array): Uint8Array {
  const entry = [
    ebml([0xd7], Uint8Array.of(1)),
    ebml([0x83], Uint8Array.of(2)),
    ebml([0x86], Buffer.from('A_OPUS')),
    ebml([0x63, 0xa2], HEAD),
    ebml([0xe1], bytesOf([ebml([0x9f], Uint8Array.of(1))])),
  ];
  const block = ebml([0xa3], bytesOf([Uint8Array.of(0x81, 0, 0, 0x80), PACKET]));
  const cluster = ebml([0x1f, 0x43, 0xb6, 0x75], bytesOf([ebml([0xe7], time), block, block]));
  const tracks = ebml([0x16, 0x54, 0xae, 0x6b], ebml([0xae], bytesOf(entry)));
  return bytesOf([
    ebml([0x1a, 0x45, 0xdf, 0xa3], ebml([0x42, 0x82], Buffer.from('webm'))),
    ebml([0x18, 0x53, 0x80, 0x67], bytesOf([tracks, cluster])),
  ]);
}

t.test('a small file with a time of ten hours is refused, and a number that is none harms nothing', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-times-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const tenHours = Uint8Array.of(0x02, 0x25, 0x51, 0x00);
  const before = process.memoryUsage().rss;
  for (const bytes of [
    ogg(10),
    webm(tenHours),
    webm(new Uint8Array(8).fill(255)),
    webm(new Uint8Array(20).fill(255)),
  ]) {
    const path = join(folder, 'lying');
    await writeFile(path, bytes);
    await t.rejects(decodeAudioFile(await readFile(path)), { code: 'audio_too_long' });
  }
  t.ok(process.memoryUsage().rss - before < 200e6, 'none of it was made');
  const { durationMs } = await decodeAudioFile(webm(Uint8Array.of(0x03, 0xe8)));
  t.ok(Math.abs(durationMs - 1_040) < 15, `${durationMs} ms`);
});
