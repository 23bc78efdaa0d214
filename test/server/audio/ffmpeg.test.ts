// The optional helper: what only ffmpeg decodes, what it refuses, and what is said where it is not there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { decodeAudioFile } from '../../../server/src/audio/audio-file.js';
import { decodeAudio } from '../../../server/src/audio/decode-audio.js';
import { throughFfmpeg } from '../../../server/src/audio/ffmpeg/through-ffmpeg.js';
import { FFMPEG_OFF, findFfmpeg, useFfmpeg } from '../../../server/src/audio/ffmpeg/find-ffmpeg.js';
import { sampled } from '../../support/whole-run.js';

const ffmpeg = findFfmpeg('ffmpeg');
const skip = ffmpeg === undefined ? 'ffmpeg is not here' : false;
const original = new URL('../../fixtures/audio/en-date.flac', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'sotto-ffmpeg-'));
t.teardown(() => {
  rmSync(folder, { recursive: true });
  useFfmpeg('ffmpeg');
});
t.beforeEach(() => useFfmpeg('ffmpeg'));

/** A file with the words of the original. */
function made(name: string, ...how: string[]): Uint8Array {
  const path = join(folder, name);
  if (ffmpeg !== undefined) execFileSync(ffmpeg, ['-v', 'error', '-y', '-i', original, ...how, path]);
  return new Uint8Array(readFileSync(path));
}

/** A helper of our own. */
function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

async function lengthOf(blocks: AsyncIterable<Float32Array | Uint8Array>): Promise<number> {
  let samples = 0;
  for await (const block of blocks) samples += block.length;
  return samples;
}

const KINDS: readonly (readonly [string, ...string[]])[] = [
  ['speech.aiff'],
  ['speech.caf'],
  ['lossless.caf', '-c:a', 'alac'],
  ['speech.w64'],
  ['speech.au'],
  ['speech.mp2', '-ar', '48000'],
  ['surround.ac3', '-ac', '6', '-ar', '48000'],
  ['speech.ts', '-c:a', 'aac'],
  ['speech.wma'],
  ['speech.wv'],
  ['adpcm.wav', '-c:a', 'adpcm_ms'],
];

for (const [name, ...how] of sampled(KINDS, 2)) {
  t.test(`${name} is decoded, whole and as it comes; without ffmpeg it is refused`, { skip }, async (t) => {
    const bytes = made(name, ...how);
    const { samples } = await decodeAudioFile(original);
    const decoded = await decodeAudioFile(bytes);
    // Codecs and transport streams put something before the first sample.
    t.ok(Math.abs(decoded.samples.length - samples.length) < 2_400, `${decoded.samples.length} of ${samples.length}`);
    t.ok(decoded.samples.some((sample) => Math.abs(sample) > 0.05));
    t.strictSame(decoded.warnings, []);
    t.equal(await lengthOf(decodeAudio(pieces(bytes, 700))), decoded.samples.length);
    useFfmpeg(FFMPEG_OFF);
    await t.rejects(decodeAudioFile(bytes), { code: 'unsupported', message: /Convert it/ });
  });
}

t.test('a live stream is refused as before: there may be many', { skip }, async (t) => {
  const bytes = made('live.aiff');
  await t.rejects(lengthOf(decodeAudio(pieces(bytes, 700), { isolation: 'shared' })), { code: 'unsupported' });
});

t.test(
  'damage: rubbish behind a header is no audio; a file that is cut off is read as far as it goes',
  { skip },
  async (t) => {
    const rubbish = Buffer.concat([Buffer.from('caff\0\x01\0\0'), Buffer.alloc(5_000, 7)]);
    await t.rejects(decodeAudioFile(rubbish), { code: 'not_audio', message: /ffmpeg/ });
    const bytes = made('cut.w64');
    const { samples } = await decodeAudioFile(bytes.subarray(0, bytes.length / 2));
    t.ok(samples.length > 8_000);
  },
);

t.test('a file without sound says so', { skip }, async (t) => {
  const path = join(folder, 'silent.avi');
  execFileSync(ffmpeg ?? '', ['-v', 'error', '-f', 'lavfi', '-i', 'color=size=64x64:duration=1', '-y', path]);
  await t.rejects(decodeAudioFile(path), { code: 'no_samples', message: /no sound/ });
});

t.test('pictures beside the sound are not looked at', { skip }, async (t) => {
  const path = join(folder, 'film.ts');
  const picture = ['-f', 'lavfi', '-i', 'testsrc=size=64x64:duration=2'];
  execFileSync(ffmpeg ?? '', ['-v', 'error', '-i', original, ...picture, '-c:v', 'mpeg2video', '-t', '2', '-y', path]);
  const { durationMs } = await decodeAudioFile(path);
  t.ok(durationMs > 1_800, `${durationMs} ms`);
});

t.test('nothing but the pipe is read: lists and scripts are not audio', { skip }, async (t) => {
  const secret = join(folder, 'secret.wav');
  writeFileSync(secret, made('speech.wav'));
  for (const list of [`ffconcat version 1.0\nfile ${secret}\n`, `#EXTM3U\n#EXTINF:1,\n${secret}\n`]) {
    await t.rejects(decodeAudioFile(Buffer.from(list)), { code: 'not_audio' });
  }
});

t.test(
  'bounds: a helper that floods is ended, one that dies at once is no crash',
  { skip: process.platform === 'win32' },
  async (t) => {
    const aiff = Buffer.concat([Buffer.from('FORM\0\0\0\0AIFF'), Buffer.alloc(100)]);
    const program = script('floods', 'cat > /dev/null; exec cat /dev/zero');
    const flood = throughFfmpeg(pieces(aiff, 50), { program, demuxer: 'aiff', name: 'AIFF', warn: () => {} });
    await t.rejects(lengthOf(flood), { code: 'audio_too_long' });
    useFfmpeg(script('dies', 'exit 1'));
    await t.rejects(decodeAudioFile(aiff), { code: 'not_audio' });
    useFfmpeg(script('killed', 'kill -9 $$'));
    await t.rejects(decodeAudioFile(aiff), { code: 'audio_too_complex' });
  },
);

t.test('the process ends with whoever wanted the audio, and its error is that of the source', { skip }, async (t) => {
  const bytes = made('long.w64');
  for await (const _ of decodeAudio(pieces(bytes, 700))) break;
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield bytes.slice(0, 8_000);
    throw new Error('the client has gone');
  }
  await t.rejects(lengthOf(decodeAudio(broken())), { message: 'the client has gone' });
});
