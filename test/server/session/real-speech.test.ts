// Sessions with the real detector on real sound: speech, noise, music, silence, many at once.
import t from 'tap';
import { decodeAudioFile } from '../../../server/src/audio/audio-file.js';
import { SileroVad } from '../../../server/src/vad/silero-vad.js';
import { fixture, fixtureClip, fixtureSamples } from '../../support/fixtures.js';
import { recordings, withoutRecordings } from '../../support/recordings.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { SessionClient, START } from '../../support/session-client.js';
import { joined, silence } from '../../support/speech.js';
import { sampled } from '../../support/whole-run.js';

const vad = await SileroVad.load();
t.teardown(() => vad.close());

/** The whole session of a clip; as fast as it is taken, as `--fast` streams do. */
async function transcribe(path: string, start: Partial<typeof START> = {}): Promise<SessionClient> {
  const { samples } = await decodeAudioFile(path);
  return transcribeSamples(samples, start);
}

async function transcribeSamples(samples: Float32Array, start: Partial<typeof START> = {}): Promise<SessionClient> {
  const client = new SessionClient({ vad, recognizer: new ScriptedRecognizer({ records: false }) }).send({
    ...START,
    ...start,
  });
  for (let at = 0; at < samples.length; at += 16_000) {
    client.audio(samples.subarray(at, at + 16_000));
    if (client.session.backlogMs > 10_000) await new Promise<void>((resolve) => client.session.onceDrained(resolve));
  }
  await client.stop();
  return client;
}

/** Where the utterances of a clip begin and end. */
async function utterancesOf(clip: string) {
  const client = await transcribe(fixture(clip));
  return client.of('final').map(({ startMs, endMs, reason }) => ({ startMs, endMs, reason }));
}

t.test('speech becomes utterances that cover it', async (t) => {
  const clips = ['en-bakery', 'en-short-yes', 'en-quiet', 'en-noisy', 'en-clipped', 'en-fast', 'zh-train'];
  for (const clip of sampled(clips, 4)) {
    const client = await transcribe(fixture(clip));
    const [stopped] = client.of('stopped');
    t.ok(stopped && stopped.segments >= 1 && stopped.speechMs > 400, `${clip}: ${JSON.stringify(stopped)}`);
    t.equal(client.of('error').length, 0);
  }
});

t.test('quiet speech is heard whole, however loud the speech before it was', async (t) => {
  const quiet = await fixtureSamples('en-quiet');
  const { words } = fixtureClip('en-quiet');
  for (const loud of sampled(['en-garden', 'en-bakery', 'en-clipped'], 1)) {
    const before = joined(await fixtureSamples(loud), silence(1_500));
    const client = await transcribeSamples(joined(before, quiet, silence(1_000)));
    const heard = client.of('final').map(({ startMs, endMs }) => ({ startMs, endMs }));
    const from = before.length / 16;
    const missing = words.filter(
      (word) => !heard.some(({ startMs, endMs }) => startMs <= from + word.startMs && from + word.endMs - 100 <= endMs),
    );
    t.strictSame(missing, [], `after ${loud}: ${JSON.stringify(heard)}`);
  }
});

t.test('AU9: silence, noise, hum and a melody give no utterance', async (t) => {
  for (const clip of sampled(['noise-white', 'melody', 'silence', 'noise-pink', 'hum'], 3)) {
    const client = await transcribe(fixture(clip));
    t.equal(client.of('stopped')[0]?.segments, 0, clip);
  }
});

t.test('a dialogue of a minute is cut at its pauses, or where the client says', async (t) => {
  const client = await transcribe(fixture('en-dialogue'));
  const finals = client.of('final');
  t.ok(finals.length >= 5, `${finals.length} utterances`);
  t.ok(finals.every(({ startMs, endMs }) => endMs - startMs <= 28_000));
  const short = await transcribe(fixture('en-dialogue'), { endpointing: { maxUtteranceMs: 3_000 } });
  t.ok(short.of('final').every(({ startMs, endMs }) => endMs - startMs <= 3_000));
  t.ok(short.of('final').some(({ reason }) => reason === 'forced'));
});

t.test('sessions that share the detector are told what they are told alone', async (t) => {
  const clips = sampled(['en-bakery', 'en-question', 'en-computer', 'en-cut'], 2);
  const alone = [];
  for (const clip of clips) alone.push(await utterancesOf(clip));
  const together = await Promise.all([...clips, ...clips, ...clips].map(utterancesOf));
  t.strictSame(together, [...alone, ...alone, ...alone]);
});

t.test(
  'real recordings: every clip has utterances, most of its time is in them',
  { skip: withoutRecordings },
  async (t) => {
    let speechMs = 0;
    let audioMs = 0;
    const without: string[] = [];
    for (const { path } of sampled(
      recordings().filter((_, index) => index % 8 === 0),
      6,
    )) {
      const [stopped] = (await transcribe(path)).of('stopped');
      speechMs += stopped?.speechMs ?? 0;
      audioMs += stopped?.audioMs ?? 0;
      if (!stopped?.segments) without.push(path);
    }
    t.strictSame(without, []);
    t.ok(speechMs / audioMs > 0.7, `${Math.round((100 * speechMs) / audioMs)} % of ${Math.round(audioMs / 1_000)} s`);
  },
);
