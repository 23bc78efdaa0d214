// Words: the embedded model behind the whole server, on the project's own speech, on other sounds, and on real
// recordings.
import { connect } from '@sotto/client';
import { errorRate, scoreText, totalErrors, type ErrorCounts } from '@sotto/models';
import type { ServerMessage } from '@sotto/protocol';
import t from 'tap';
import { WebSocket } from 'ws';
import { decodeAudioFile } from '../../server/src/audio/audio-file.js';
import type { Clip } from '../support/clips.js';
import { fixtureClip, fixtureClips } from '../support/fixtures.js';
import { recordings, withoutRecordings } from '../support/recordings.js';
import { ServerProcess } from '../support/server-process.js';
import { pcm16, SAMPLE_RATE } from '../support/speech.js';
import { sampled } from '../support/whole-run.js';

const CHUNK_SAMPLES = SAMPLE_RATE / 10;
/** The model card says what the model reaches; these bounds only tell words from noise. */
const ERROR_RATE_MAX = { synthesised: 0.2, recorded: 0.5 };

t.test('the embedded model', async (t) => {
  const server = await ServerProcess.start(t);
  t.match(server.stdout, /^Sotto is listening on http:\/\/127\.0\.0\.1:\d+ \(model whisper-base-adapted, cpu\)$/m);
  await server.says(/whisper-base-adapted is Whisper base.*npx sotto models pull openai/);

  await t.test('understands speech that the project made itself', async (t) => {
    const clips = fixtureClips.filter((clip) => clip.language === 'en' && clip.kind === 'read');
    t.ok(clips.length >= 10, `${clips.length} clips`);
    const errors = await Promise.all(sampled(clips, 6).map((clip) => errorsOn(server, clip)));
    const rate = errorRate(totalErrors(errors));
    t.comment(`word error rate ${(rate * 100).toFixed(1)} % on ${errors.length} clips`);
    t.ok(rate < ERROR_RATE_MAX.synthesised);
  });

  await t.test('understands real recordings', { skip: withoutRecordings }, async (t) => {
    const clips = sampled(recordings('en').slice(0, 12), 6);
    const errors = await Promise.all(clips.map((clip) => errorsOn(server, clip)));
    const rate = errorRate(totalErrors(errors));
    t.comment(`word error rate ${(rate * 100).toFixed(1)} % on ${clips.length} recordings`);
    t.ok(rate < ERROR_RATE_MAX.recorded);
  });

  await t.test('AU9, SP7: hears no words in silence, noise, hum and music', async (t) => {
    for (const name of ['silence', 'noise-white', 'noise-pink', 'hum', 'melody']) {
      t.equal(textOf(await hear(server, fixtureClip(name))), '', name);
    }
  });
});

async function errorsOn(server: ServerProcess, clip: Clip): Promise<ErrorCounts> {
  return scoreText(clip.text, textOf(await hear(server, clip)), clip.language);
}

/** Everything the server says about a clip that is sent as fast as it takes it. */
async function hear(server: ServerProcess, clip: Clip): Promise<ServerMessage[]> {
  const { samples } = await decodeAudioFile(clip.path);
  const session = connect(server.url, { webSocket: (url, protocols) => new WebSocket(url, protocols) });
  const events: ServerMessage[] = [];
  session.on('final', (event) => events.push(event));
  for (let at = 0; at < samples.length; at += CHUNK_SAMPLES) {
    if (!session.send(pcm16(samples.subarray(at, at + CHUNK_SAMPLES)))) await session.drained();
  }
  await session.stop();
  return events;
}

function textOf(events: readonly ServerMessage[]): string {
  return events.flatMap((event) => (event.type === 'final' && event.text !== '' ? [event.text] : [])).join(' ');
}
