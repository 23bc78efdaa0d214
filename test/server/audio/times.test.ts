// The times of containers: a late start stays late, holes become silence, a lying time costs nothing.
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { decodeAudioFile } from '../../../server/src/audio/audio-file.js';
import { bytesOf, ebml, oggPage, opusHeads } from '../../support/sound-files.js';

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

for (const [name, ...codec] of [
  ['late.mp4', '-c:a', 'aac'],
  ['late.mkv', '-c:a', 'aac'],
  ['late.webm', '-c:v', 'libvpx', '-c:a', 'libopus'],
  ['vorbis.mkv', '-c:a', 'libvorbis'],
  ['pcm.mkv', '-c:a', 'pcm_s16le'],
] as const) {
  t.test(`sound that begins at 3 s is heard 3 s later: ${name}`, { skip: noFfmpeg }, async (t) => {
    const { samples, durationMs } = await decodeAudioFile(await made(t, name, ...LATE, ...codec));
    const lateMs = heardAt(samples) - heardAt(speech.samples);
    t.ok(Math.abs(lateMs - 3_000) < 80, `${lateMs} ms late`);
    t.ok(Math.abs(durationMs - speech.durationMs - 3_000) < 120, `${durationMs} ms long`);
  });
}

for (const name of ['hole.webm', 'hole.mkv', 'hole.ogg']) {
  t.test(`two seconds that are missing are silent: ${name}`, { skip: noFfmpeg }, async (t) => {
    const tone = ['-f', 'lavfi', '-i', 'sine=frequency=300:sample_rate=48000:duration=6', '-c:a', 'libopus'];
    const whole = await made(t, name, ...tone, '-bsf:a', "noise=drop='between(n,100,199)'");
    const { samples, durationMs } = await decodeAudioFile(whole);
    t.ok(Math.abs(durationMs - 6_000) < 60, `${durationMs} ms`);
    const loudness = (fromMs: number, toMs: number): number =>
      samples.slice(fromMs * 16, toMs * 16).reduce((sum, sample) => sum + Math.abs(sample), 0);
    t.ok(loudness(500, 1_900) > 100);
    t.equal(loudness(2_200, 3_800), 0);
    t.ok(loudness(4_200, 5_500) > 100);
  });
}

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
