// Words have the times at which they are said: at the pauses of a recording, and behind a hole of a file.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { fixture, fixtureClip } from '../support/fixtures.js';
import { runSotto } from '../support/run-command.js';
import { ServerProcess } from '../support/server-process.js';
import { testFolder } from '../support/test-folder.js';
import { wholeRunOnly } from '../support/whole-run.js';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const skip = hasFfmpeg ? false : 'no ffmpeg on the path';
/** Of packets of 20 ms between the two words: 1.6 s to 5.6 s. */
const DROPPED = "noise=drop='between(pts*tb,1.6,5.6)'";
/** When the second one is said, seconds. */
const SECOND_S = 7;

/**
 * "Yes, certainly", and "please stop" seven seconds after its beginning; the packets of four seconds of the silence are
 * missing.
 */
function holed(path: string, ...how: string[]): string {
  const filter = `[1:a]adelay=${SECOND_S * 1_000}[b];[0:a][b]amix=duration=longest:normalize=0`;
  const inputs = ['-i', fixture('en-short-yes'), '-i', fixture('en-short-stop'), '-filter_complex', filter];
  execFileSync('ffmpeg', ['-v', 'error', ...inputs, '-ar', '48000', ...how, '-bsf:a', DROPPED, '-y', path]);
  return path;
}

const isNear = (at: number | undefined, truth: number): boolean => Math.abs((at ?? NaN) - truth) <= 0.06;

t.setTimeout(180_000);

t.test('a word at a pause begins and ends when it is heard', async (t) => {
  const { http } = await ServerProcess.shared();
  // Of the last words of these the attention of the model rests 130 to 600 ms ahead of the end.
  for (const id of ['en-weather', 'en-recipe', 'en-slow', 'en-music', 'en-market', 'en-names-train']) {
    const { path, words: said = [] } = fixtureClip(id);
    const form = new FormData();
    form.append('file', new Blob([await readFile(path)]), 'talk.flac');
    form.append('model', 'whisper-1');
    form.append('language', 'en');
    form.append('response_format', 'verbose_json');
    form.append('timestamp_granularities[]', 'word');
    const answer = await fetch(`${http}/v1/audio/transcriptions`, { method: 'POST', body: form });
    const { words } = (await answer.json()) as { words: { start: number; end: number }[] };
    const fromS = (said[0]?.startMs ?? NaN) / 1_000;
    const toS = (said.at(-1)?.endMs ?? NaN) / 1_000;
    t.ok(isNear(words[0]?.start, fromS), `${id} begins at ${words[0]?.start}, said at ${fromS}`);
    t.ok(isNear(words.at(-1)?.end, toS), `${id} ends at ${words.at(-1)?.end}, said until ${toS}`);
  }
});

t.test('the second word is where it was said', { skip }, async (t) => {
  const folder = testFolder(t);
  const { http } = await ServerProcess.shared();
  for (const [name = '', ...how] of [
    ['fragments.mp4', '-c:a', 'aac', '-movflags', 'frag_keyframe+empty_moov', '-frag_duration', '500000'],
    ['call.ogg', '-c:a', 'libopus'],
  ]) {
    const path = holed(join(folder, name), ...how);
    const form = new FormData();
    form.append('file', new Blob([await readFile(path)]), name);
    form.append('model', 'whisper-1');
    form.append('response_format', 'verbose_json');
    const answer = await fetch(`${http}/v1/audio/transcriptions`, { method: 'POST', body: form });
    const { segments } = (await answer.json()) as { segments: { start: number; end: number; text: string }[] };
    const last = segments.at(-1);
    t.match(last?.text, /please/i, name);
    t.ok((last?.start ?? 0) > SECOND_S - 0.4 && (last?.end ?? 0) < SECOND_S + 2.5, `${name}: ${JSON.stringify(last)}`);
  }
});

t.test('in the command too', { skip: skip || wholeRunOnly.skip }, async (t) => {
  const folder = testFolder(t);
  const path = holed(join(folder, 'talk.mp4'), '-c:a', 'libopus', '-movflags', 'frag_every_frame+empty_moov');
  const { code, stdout, stderr } = await runSotto(['transcribe', path, '--offline', '-f', 'json']).result;
  t.equal(code, 0, stderr);
  const { segments } = JSON.parse(stdout) as { segments: { startMs: number; endMs: number; text: string }[] };
  const last = segments.at(-1);
  t.match(last?.text, /please/i);
  t.ok((last?.startMs ?? 0) > SECOND_S * 1_000 - 400, JSON.stringify(last));
});
