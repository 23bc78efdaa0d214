// Files with several sound tracks: which is heard, how another is chosen, and what is said of it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { AudioFileWarning } from '../../../server/src/audio/audio-errors.js';
import { decodeAudio, type DecodeAudioOptions } from '../../../server/src/audio/decode-audio.js';
import { findFfmpeg, useFfmpeg } from '../../../server/src/audio/ffmpeg/find-ffmpeg.js';
import { openStoredFile } from '../../../server/src/audio/stored-bytes.js';

const ffmpeg = findFfmpeg('ffmpeg');
const skip = ffmpeg === undefined ? 'ffmpeg is not here, which makes the files' : false;
t.before(() => useFfmpeg('ffmpeg'));
const folder = mkdtempSync(join(tmpdir(), 'sotto-tracks-'));
t.teardown(() => rmSync(folder, { recursive: true }));

/** Tones by which a track is known, Hz; their languages. */
const TRACKS = [
  [400, 'jpn'],
  [1_600, 'eng'],
  [3_200, 'ger'],
] as const;

function made(name: string, defaultTrack: number, ...how: string[]): string {
  const path = join(folder, name);
  const inputs = TRACKS.flatMap(([hz]) => ['-f', 'lavfi', '-i', `sine=frequency=${hz}:duration=1:sample_rate=48000`]);
  const maps = TRACKS.flatMap(([, language], at) => [
    '-map',
    `${at}:a`,
    `-metadata:s:a:${at}`,
    `language=${language}`,
    `-disposition:a:${at}`,
    at + 1 === defaultTrack ? 'default' : '0',
  ]);
  execFileSync(ffmpeg ?? '', ['-v', 'error', ...inputs, ...maps, ...how, '-y', path]);
  return path;
}

/** The tone, by its zero crossings, and the warnings. */
async function heard(path: string, options: DecodeAudioOptions = {}) {
  const warnings: AudioFileWarning[] = [];
  const file = await openStoredFile(path);
  try {
    const blocks: Float32Array[] = [];
    const all = { ...options, onWarning: (warning: AudioFileWarning) => warnings.push(warning) };
    for await (const block of decodeAudio(file, all)) blocks.push(block);
    const samples = blocks.flatMap((block) => [...block]).slice(4_000, 12_000);
    const crossings = samples.filter((sample, at) => at > 0 && sample >= 0 && (samples[at - 1] ?? 0) < 0).length;
    return { hz: Math.round(crossings / 50) * 100, warnings };
  } finally {
    await file.close();
  }
}

for (const [name, ...how] of [['films.mkv', '-c:a', 'libopus'], ['films.mka'], ['films.mp4', '-c:a', 'aac']] as const) {
  t.test(`${name}: the default track, or the one that was asked for; others do not exist`, { skip }, async (t) => {
    const path = made(`2-${name}`, 2, ...how);
    const usual = await heard(path);
    t.equal(usual.hz, 1_600);
    t.match(usual.warnings, [
      { code: 'several_tracks', message: /3 sound tracks: 1 \(ja\), 2 \(en, default\), 3 \(de\)\. Track 2 was heard/ },
    ]);
    for (const [track, hz] of [
      ['1', 400],
      ['3', 3_200],
      ['jpn', 400],
      ['ja', 400],
      ['de-AT', 3_200],
    ] as const) {
      t.strictSame(await heard(path, { track }), { hz, warnings: [] }, track);
    }
    t.equal((await heard(path, { language: 'de' })).hz, 3_200, 'the language that is spoken');
    t.equal((await heard(path, { language: 'fr' })).hz, 1_600, 'no track is in it');
    t.equal((await heard(path, { language: 'ja', track: '2' })).hz, 1_600);
    for (const isolation of ['inline', 'process'] as const) {
      for (const track of ['4', 'fr', 'und']) {
        await t.rejects(heard(path, { track, isolation }), {
          code: 'no_track',
          message: `The file has no sound track "${track}". It has 3 sound tracks: 1 (ja), 2 (en, default), 3 (de).`,
        });
      }
    }
    t.equal((await heard(made(`1-${name}`, 1, ...how))).hz, 400);
  });
}

t.test('transport streams: by number, through ffmpeg', { skip }, async (t) => {
  const path = made('films.ts', 1, '-c:a', 'mp2');
  t.equal((await heard(path)).hz, 400);
  t.equal((await heard(path, { track: '3' })).hz, 3_200);
  await t.rejects(heard(path, { track: '4' }), { code: 'no_track' });
  await t.rejects(heard(path, { track: 'eng' }), { code: 'no_track', message: /by number/ });
});

t.test('a file of one track has no second one', async (t) => {
  const path = new URL('../../fixtures/audio/en-date.flac', import.meta.url).pathname;
  t.strictSame((await heard(path, { track: '1', language: 'fr' })).warnings, []);
  await t.rejects(heard(path, { track: '2' }), { code: 'no_track', message: /It has 1 sound track: 1 \(default\)/ });
});
