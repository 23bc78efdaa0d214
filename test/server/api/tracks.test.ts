// A film with two sound tracks at every address that takes files: one can be chosen, and where none was, the answer
// says that there were two.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { findFfmpeg } from '../../../server/src/audio/ffmpeg/find-ffmpeg.js';
import { NO_WORDS, ServerProcess } from '../../support/server-process.js';
import { testFolder } from '../../support/test-folder.js';

const ffmpeg = findFfmpeg('ffmpeg');
const skip = ffmpeg === undefined ? 'ffmpeg is not here, which makes the file' : false;

const tone = (hz: number) => ['-f', 'lavfi', '-i', `sine=frequency=${hz}:duration=6:sample_rate=48000`];
const query = (fields: Record<string, string>): string => `?${new URLSearchParams(fields)}`;

function film(path: string): Buffer {
  const tracks = ['-map', '0:a', '-map', '1:a', '-metadata:s:a:0', 'language=jpn', '-metadata:s:a:1', 'language=eng'];
  const how = ['-disposition:a:0', 'default', '-disposition:a:1', '0', '-c:a', 'flac', path];
  execFileSync(ffmpeg ?? '', ['-v', 'error', ...tone(400), ...tone(1_600), ...tracks, ...how]);
  return readFileSync(path);
}

t.test('two sound tracks, on every door for files', { skip }, async (t) => {
  const bytes = film(join(testFolder(t), 'film.mkv'));
  const server = await ServerProcess.start(t, [...NO_WORDS]);
  const form = (fields: Record<string, string>, name = 'file'): RequestInit => {
    const body = new FormData();
    for (const [field, value] of Object.entries(fields)) body.set(field, value);
    body.set(name, new Blob([new Uint8Array(bytes)]), 'film.mkv');
    return { method: 'POST', body };
  };
  const doors: Record<string, (fields: Record<string, string>) => Promise<Response>> = {
    sotto: (fields) => fetch(`${server.http}/transcribe_only`, form(fields)),
    openai: (fields) =>
      fetch(
        `${server.http}/v1/audio/transcriptions`,
        form({ model: 'whisper-1', response_format: 'verbose_json', ...fields }),
      ),
    deepgram: (fields) =>
      fetch(`${server.http}/v1/listen${query(fields)}`, { method: 'POST', body: new Uint8Array(bytes) }),
    webservice: (fields) => fetch(`${server.http}/asr${query({ output: 'json', ...fields })}`, form({}, 'audio_file')),
  };
  for (const [name, ask] of Object.entries(doors)) {
    const usual = await ask({});
    t.equal(usual.status, 200, name);
    // Deepgram's door hears English where nothing is said. The answer of the webservice has no place for it.
    const heard = name === 'deepgram' ? 2 : 1;
    if (name !== 'webservice') t.match(await usual.text(), `1 (ja, default), 2 (en). Track ${heard} was heard`, name);
    const chosen = await ask({ track: '2' });
    t.equal(chosen.status, 200, name);
    t.notMatch(await chosen.text(), /sound tracks/, `${name}: who chose needs no word of it`);
    const none = await ask({ track: '3' });
    t.equal(none.status, 400, name);
    t.match(await none.text(), /has 2 sound tracks/, name);
    const nonsense = await ask({ track: 'the first' });
    t.equal(nonsense.status, 400, name);
    t.match(await nonsense.text(), /track/, name);
  }
  const spoken = await doors['deepgram']?.({ language: 'en' });
  t.match(await spoken?.text(), /Track 2 was heard/, 'the language that is spoken chooses, too');
  t.match(await (await doors['deepgram']?.({ track: '2' }))?.text(), /Hardly any speech/);
});
