// A session under pressure: acks and lag, bounds and what happens at them, parts that fail.
import { CLOSE } from '@sotto/protocol';
import t from 'tap';
import { PENDING_STEPS_MAX } from '../../../server/src/session/live-stream.js';
import { PENDING_FINALS_MAX } from '../../../server/src/session/utterances.js';
import { SESSION_DEFAULTS } from '../../../server/src/session/session-settings.js';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { SessionClient, START, silence, speech } from '../../support/session-client.js';

t.test('BP1: acks come at least every 250 ms of audio, and go on while the lag shrinks', async (t) => {
  const vad = new LoudnessVad();
  const client = new SessionClient({ vad }).send(START);
  client.audio(silence(2));
  const offsets = client.of('ack').map(({ offset }) => offset);
  t.strictSame(offsets, [4_480, 8_960, 13_440, 17_920, 22_400, 26_880, 31_360], 'every seventh chunk of 40 ms');
  const lags = client.of('ack').map(({ lagMs }) => lagMs);
  t.ok((lags.at(-1) ?? 0) >= 1_900, `nothing is judged yet: ${lags.join(' ')}`);
  await client.settled();
  t.ok((client.of('ack').at(-1)?.lagMs ?? 999) < 300, 'the lag that is left');
  client.session.abandon();
});

t.test('lag counts decodes that are owed, not audio that waits for its next partial', async (t) => {
  const recognizer = new ScriptedRecognizer({ answers: false });
  const client = new SessionClient({ recognizer }).send({ ...START, partialIntervalMs: 700 });
  client.audio(speech(0.9));
  await client.settled();
  client.audio(speech(0.3));
  await client.settled();
  client.audio(speech(0.3));
  t.ok(
    (client.of('ack').at(-1)?.lagMs ?? 0) > 1_000,
    'the partial over the first second, padding and all, is not answered',
  );
  recognizer.calls[0]?.answer();
  await client.settled();
  t.ok((client.of('partial')[0]?.lagMs ?? 999) < 600);
  client.session.abandon();
});

t.test(
  'BP4: audio beyond twice the bound is a fatal audio_too_fast; below it the session tells when it has caught up',
  async (t) => {
    const vad = new LoudnessVad();
    const open = vad.hold();
    const settings = { ...SESSION_DEFAULTS, bufferedAudioMsMax: 1_000 };
    const client = new SessionClient({ vad, settings }).send(START).audio(silence(1.5));
    t.ok(client.session.backlogMs >= 1_400, `${client.session.backlogMs} ms`);
    const drained = new Promise<void>((resolve) => client.session.onceDrained(resolve));
    open();
    await drained;
    t.ok(client.session.backlogMs < 500);
    client.audio(silence(0.4));

    vad.hold();
    client.audio(silence(3));
    t.match(client.of('error'), [{ code: 'audio_too_fast', fatal: true }]);
    t.equal(client.closedWith, CLOSE.tooFast);
    t.equal(client.session.backlogMs, 0);
    t.equal(vad.openStreams, 0);
  },
);

t.test('finals that wait hold the audio back, and none is dropped', async (t) => {
  const recognizer = new ScriptedRecognizer({ answers: false });
  const client = new SessionClient({ recognizer }).send(START);
  const count = PENDING_FINALS_MAX + 4;
  for (let utterance = 0; utterance < count; utterance++) client.audio(speech(0.3)).audio(silence(0.7));
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  t.equal(client.of('speechEnded').length, PENDING_FINALS_MAX);
  t.ok(client.session.backlogMs > 3_000, 'the rest waits unjudged');
  const answered = new Set<unknown>();
  while (client.of('final').length < count) {
    const call = recognizer.calls.find((call) => call.kind === 'finish' && !answered.has(call));
    answered.add(call);
    call?.answer();
    await new Promise(setImmediate);
  }
  t.strictSame(
    client.of('final').map(({ segmentId }) => segmentId),
    Array.from({ length: count }, (_, id) => id),
  );
  client.session.abandon();
});

t.test('more messages than the bound waiting for audio are too_many_messages', async (t) => {
  const vad = new LoudnessVad();
  vad.hold();
  const client = new SessionClient({ vad }).send(START).audio(speech(1));
  for (let mark = 0; mark <= PENDING_STEPS_MAX; mark++) client.send({ type: 'mark', id: `${mark}` });
  t.match(client.of('error'), [{ code: 'too_many_messages', fatal: true }]);
  t.equal(client.closedWith, CLOSE.tooFast);
});

t.test('a detector that fails ends the session as internal, retryable', async (t) => {
  const vad = new LoudnessVad();
  vad.failure = new Error('secret');
  const errors: object[] = [];
  const client = new SessionClient({ vad, log: { warn: () => {}, error: (facts) => errors.push(facts) } });
  client.send(START).audio(speech(1));
  t.equal(await client.ended(), CLOSE.internal);
  t.match(client.of('error'), [
    { code: 'internal', fatal: true, retryable: true, message: 'The server failed on this stream.' },
  ]);
  t.match(errors, [{ session: client.session.id, err: vad.failure }]);
});

t.test('SP10: under load partials come more rarely', async (t) => {
  const counts = await Promise.all(
    [1, 4].map(async (stretch) => {
      const recognizer = new ScriptedRecognizer();
      recognizer.stretch = stretch;
      const client = new SessionClient({ recognizer }).send(START).audio(speech(8));
      await client.stop();
      return recognizer.calls.filter(({ kind }) => kind === 'update').length;
    }),
  );
  t.ok((counts[0] ?? 0) >= 3 * (counts[1] ?? 0), counts.join(' and '));
});

t.test('SP10: the first partial of an utterance does not wait for load', async (t) => {
  const [idle, busy] = await Promise.all(
    [1, 8].map(async (stretch) => {
      const recognizer = new ScriptedRecognizer();
      recognizer.stretch = stretch;
      const client = new SessionClient({ recognizer }).send(START).audio(speech(6));
      await client.stop();
      return recognizer.calls.filter(({ kind }) => kind === 'update').map(({ audio }) => audio.length);
    }),
  );
  t.equal(busy?.[0], idle?.[0], 'asked for with as little audio');
  t.ok((busy?.[1] ?? Infinity) > 8 * 8_000, 'the next one comes eight times as late');
});

t.test('SP10: what was heard without words is soon heard again, until it has some', async (t) => {
  const recognizer = new ScriptedRecognizer({ hearsFrom: 24_000 });
  const client = new SessionClient({ recognizer }).send(START);
  for (let frames = 0; frames < 100; frames += 1) {
    client.audio(speech(0.032));
    await client.settled();
  }
  await client.stop();
  const asked = recognizer.calls.filter(({ kind }) => kind === 'update').map(({ audio }) => audio.length);
  const gaps = asked.slice(1).map((samples, index) => samples - (asked[index] ?? 0));
  const soon = asked.filter((samples) => samples < 24_000).length;
  t.ok(soon >= 3, `${asked.join()}`);
  t.ok(
    gaps.slice(0, soon).every((gap) => gap >= 2_560 && gap < 3_200),
    `every 160 ms: ${gaps.join()}`,
  );
  t.ok(
    gaps.slice(soon).every((gap) => gap >= 8_000),
    `then every 500 ms: ${gaps.join()}`,
  );
});
