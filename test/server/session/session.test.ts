// A session from start to stop: what it answers, in which order, and what it leaves behind.
import { CLOSE } from '@sotto/protocol';
import t from 'tap';
import { SESSION_DEFAULTS } from '../../../server/src/session/session-settings.js';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { SessionClient, START, silence, speech } from '../../support/session-client.js';

t.test('HS5: start is answered with ready, once; audio may follow at once', async (t) => {
  const client = new SessionClient().send(START).audio(speech(1)).audio(silence(1));
  await client.settled();
  t.match(client.answers[0], {
    type: 'ready',
    version: 1,
    sessionId: client.session.id,
    model: 'scripted',
    languages: ['en', 'de'],
    limits: { bufferedAudioMsMax: SESSION_DEFAULTS.bufferedAudioMsMax },
  });
  t.strictSame(client.story, ['ready', 'speechStarted 0', 'speechEnded 0', 'final 0', 'mark']);
  client.session.abandon();
});

t.test('HS4: anything but start and ping before start is a fatal not_started', async (t) => {
  const messages = [
    { type: 'audio', offset: 0, data: new Uint8Array(2) },
    { type: 'finalize' },
    { type: 'mark', id: 'm' },
    { type: 'configure' },
    { type: 'stop' },
  ] as const;
  for (const message of messages) {
    const client = new SessionClient().send({ type: 'ping', id: 'p' }, message, START);
    t.match(client.answers, [
      { type: 'pong', id: 'p' },
      { type: 'error', code: 'not_started', fatal: true, retryable: false },
    ]);
    t.equal(client.answers.length, 2, 'and nothing after it');
    t.equal(client.closedWith, CLOSE.protocolError);
  }
});

t.test('HS7: a second start changes nothing', async (t) => {
  const client = new SessionClient().send(START, { ...START, language: 'de' }).audio(speech(1));
  await client.stop();
  t.match(client.of('error'), [{ code: 'already_started', fatal: false }]);
  t.equal(client.of('ready').length, 1);
  t.equal(client.of('final').length, 1);
});

t.test('HS9, CF2: what the model cannot honour is refused, fatally at the start only', async (t) => {
  const start = new SessionClient().send({ ...START, language: 'fr' });
  t.match(start.answers, [
    { code: 'unsupported_language', fatal: true, message: 'scripted does not know "fr"; it knows en, de.' },
  ]);
  t.equal(start.closedWith, CLOSE.protocolError);
  const among = new SessionClient().send({ ...START, languages: ['en', 'fr'] });
  t.match(among.answers, [{ code: 'unsupported_language', fatal: true }]);
  const translate = new SessionClient({ recognizer: new ScriptedRecognizer({ languages: ['en'] }) }).send({
    ...START,
    task: 'translate',
  });
  t.match(translate.answers, [{ code: 'unsupported_option', fatal: true }]);

  const recognizer = new ScriptedRecognizer();
  const client = new SessionClient({ recognizer }).send(START, { type: 'configure', language: 'fr', prompt: 'never' });
  client.send({ type: 'configure', polish: { mode: 'formal' } }).audio(speech(1));
  await client.stop();
  t.match(client.of('error'), [
    { code: 'unsupported_language', fatal: false },
    { code: 'unsupported_option', fatal: false },
  ]);
  t.match(recognizer.opened, [{ language: 'auto', previousText: '' }], 'none of the message counts');
});

t.test('SP1, SP4, SP5: an utterance is told with growing partials and one final', async (t) => {
  const client = new SessionClient().send({ ...START, words: true }).audio(silence(0.5));
  // As live audio comes: a second at a time.
  for (let second = 0; second < 3; second++) {
    client.audio(speech(1));
    await client.settled();
  }
  client.audio(silence(1));
  await client.stop();
  const partials = client.of('partial');
  t.ok(partials.length >= 3, `${partials.length} partials`);
  partials.slice(1).forEach((partial, index) => {
    const before = partials[index];
    t.ok(before && partial.revision > before.revision && partial.stable.startsWith(before.stable));
  });
  const [started] = client.of('speechStarted');
  const [final] = client.of('final');
  t.match(started, { segmentId: 0, startMs: 212 }, 'the frame at 512 ms, less the pre-roll of 300 ms');
  t.match(final, {
    segmentId: 0,
    reason: 'endpoint',
    text: 'w0 w1 w2 w3 w4 w5',
    startMs: 212,
    endMs: 3_648,
    language: 'en',
  });
  t.match(final?.words?.slice(0, 2), [
    { text: 'w0', startMs: 212, endMs: 712 },
    { text: ' w1', startMs: 712 },
  ]);
  t.match(client.of('stopped'), [{ reason: 'stop', audioMs: 4_500, segments: 1, words: 6, speechMs: 3_436 }]);
  t.equal(client.closedWith, CLOSE.done);
});

t.test('words come only if they were asked for', async (t) => {
  const client = new SessionClient().send(START).audio(speech(1));
  await client.stop();
  t.notOk('words' in (client.of('final')[0] ?? {}));
});

t.test('the audio that recognition was given never changes afterwards', async (t) => {
  const recognizer = new ScriptedRecognizer();
  const client = new SessionClient({ recognizer }).send(START);
  for (let part = 0; part < 60; part++) {
    client.audio(Float32Array.from({ length: 3_200 }, (_, at) => (at % 2 === 0 ? 0.9 : -0.5 - part / 200)));
    await client.settled();
  }
  await client.stop();
  t.ok(recognizer.calls.length > 15, `${recognizer.calls.length} requests`);
  t.ok(recognizer.calls.every(({ audio, snapshot }) => audio.every((value, at) => value === snapshot[at])));
  const finish = recognizer.calls.at(-1);
  t.equal(finish?.kind, 'finish');
  t.equal(finish?.audio.length, 60 * 3_200, 'and it is all of the utterance');
});

t.test('SP2: finals come in the order of the audio, whichever is decoded first', async (t) => {
  const recognizer = new ScriptedRecognizer({ answers: false });
  const client = new SessionClient({ recognizer }).send(START);
  for (let utterance = 0; utterance < 3; utterance++) client.audio(speech(0.5)).audio(silence(1));
  client.send({ type: 'mark', id: 'all' });
  await client.some('speechEnded', 3);
  const finals = recognizer.calls.filter(({ kind }) => kind === 'finish');
  finals[2]?.answer();
  finals[1]?.answer();
  await new Promise(setImmediate);
  t.equal(client.of('final').length, 0);
  finals[0]?.answer();
  await client.some('mark');
  t.strictSame(
    client.story.slice(-4),
    ['final 0', 'final 1', 'final 2', 'mark'],
    'MK1: the mark comes behind its finals',
  );
  client.session.abandon();
});

t.test('SP3: a final that fails is an error with the times of its utterance, and the stream goes on', async (t) => {
  const recognizer = new ScriptedRecognizer({ answers: false });
  const warnings: object[] = [];
  const log = { warn: (facts: object) => warnings.push(facts), error: () => {} };
  const client = new SessionClient({ recognizer, log }).send(START).audio(speech(0.5)).audio(silence(1));
  await client.some('speechEnded');
  recognizer.calls.find(({ kind }) => kind === 'finish')?.fail(new Error('secret path'));
  await client.some('error');
  t.match(client.of('error'), [
    {
      code: 'recognition_failed',
      retryable: true,
      fatal: false,
      segmentId: 0,
      startMs: 0,
      endMs: 672,
      message: 'This utterance could not be recognised.',
    },
  ]);
  t.match(warnings, [{ segment: 0, err: { message: 'secret path' } }], 'the reason is in the log');
  client.audio(speech(0.5)).send({ type: 'stop' });
  await client.some('speechEnded', 2);
  recognizer.calls.findLast(({ kind }) => kind === 'finish')?.answer();
  t.equal(await client.ended(), CLOSE.done);
  t.match(client.of('stopped'), [{ segments: 2 }]);
});

t.test('a partial that fails is not the client’s business', async (t) => {
  const recognizer = new ScriptedRecognizer({ answers: false });
  const client = new SessionClient({ recognizer }).send(START).audio(speech(2));
  await client.settled();
  recognizer.calls[0]?.fail();
  t.equal(client.of('error').length, 0);
  client.session.abandon();
});

t.test('SP9: an utterance that grows too long is cut, and no audio is lost or heard twice', async (t) => {
  const recognizer = new ScriptedRecognizer();
  const client = new SessionClient({ recognizer }).send({ ...START, endpointing: { maxUtteranceMs: 2_000 } });
  // A ramp, so that every sample tells its place.
  const samples = Float32Array.from({ length: 16_000 * 7 }, (_, at) => 0.6 + (at / (16_000 * 7)) * 0.3);
  client.audio(samples);
  await client.stop();
  const finals = client.of('final');
  t.ok(finals.length >= 4, `${finals.length} utterances`);
  t.ok(finals.slice(0, -1).every(({ reason, startMs, endMs }) => reason === 'forced' && endMs - startMs <= 2_000));
  finals.slice(1).forEach(({ startMs }, index) => t.equal(startMs, finals[index]?.endMs));
  const heard = recognizer.calls.filter(({ kind }) => kind === 'finish').flatMap(({ audio }) => [...audio]);
  t.equal(heard.length, samples.length);
  t.ok(heard.every((value, at) => Math.abs(value - (samples[at] ?? 9)) < 1e-4));
});

t.test('FN1: finalize ends the utterance at the last sample that has arrived', async (t) => {
  const client = new SessionClient().send(START).audio(speech(1.234)).send({ type: 'finalize', id: 'f1' });
  await client.some('final');
  t.match(client.of('final'), [{ reason: 'finalize', finalizeId: 'f1', startMs: 0, endMs: 1_234 }]);
  // FN3: speech may go on.
  client.audio(speech(1));
  await client.stop();
  t.match(client.of('final')[1], { reason: 'stop', segmentId: 1, startMs: 1_234, endMs: 2_234 });
  t.notOk('finalizeId' in (client.of('final')[1] ?? {}));
});

t.test('FN2: finalize without an utterance is no message at all', async (t) => {
  const client = new SessionClient().send(START, { type: 'finalize', id: 'f' }).audio(silence(1));
  client.send({ type: 'finalize' });
  await client.settled();
  t.strictSame(client.story, ['ready', 'mark']);
  client.session.abandon();
});

t.test('MK1, MK2: marks come back in order, with the offset of the audio before, and end nothing', async (t) => {
  const client = new SessionClient().send(START).audio(speech(1));
  client.send({ type: 'mark', id: 'a' }, { type: 'mark', id: 'a' }).audio(speech(0.5)).send({ type: 'mark', id: 'b' });
  await client.some('mark', 3);
  t.match(client.of('mark'), [
    { id: 'a', offset: 16_000 },
    { id: 'a', offset: 16_000 },
    { id: 'b', offset: 24_000 },
  ]);
  t.equal(client.of('final').length, 0);
  client.session.abandon();
});

t.test('CF1: configure counts from the next utterance on, nested settings one by one', async (t) => {
  const recognizer = new ScriptedRecognizer();
  const client = new SessionClient({ recognizer }).send({ ...START, language: 'en', prompt: 'first' }).audio(speech(1));
  client.send({ type: 'configure', language: 'de', endpointing: { minSilenceMs: 96 } });
  client.send({ type: 'configure', words: true, endpointing: { prefixPaddingMs: 0 } });
  client.audio(silence(1));
  await client.some('final');
  client.audio(speech(1)).audio(silence(0.2));
  await client.settled();
  t.match(recognizer.opened, [
    { language: 'en', words: false, previousText: 'first' },
    { language: 'de', words: true, previousText: 'first w0 w1' },
  ]);
  t.match(
    client.of('final')[1],
    { reason: 'endpoint', startMs: 2_016, words: [{ text: 'w0' }] },
    'a hang-over of 96 ms, no pre-roll',
  );
  client.session.abandon();
});

t.test('text before an utterance: prompt, finals, what is stable; forgotten after a long silence', async (t) => {
  const recognizer = new ScriptedRecognizer();
  const client = new SessionClient({ recognizer }).send({ ...START, prompt: 'Names: Ada.' });
  client.audio(speech(1)).audio(silence(1));
  await client.some('final');
  client.audio(speech(1.5)).audio(silence(1));
  await client.settled();
  for (let minute = 0; minute < 4; minute++) {
    client.audio(silence(10));
    await client.settled();
  }
  client.audio(speech(1));
  await client.stop();
  t.strictSame(
    recognizer.opened.map(({ previousText }) => previousText),
    ['Names: Ada.', 'Names: Ada. w0 w1', 'Names: Ada.'],
  );
});

t.test('PI1: ping is answered at once, also while audio waits and while the session stops', async (t) => {
  const vad = new LoudnessVad();
  const open = vad.hold();
  const client = new SessionClient({ vad })
    .send(START)
    .audio(speech(1))
    .send({ type: 'ping', id: '1' }, { type: 'stop' }, { type: 'ping' });
  t.strictSame(client.of('pong'), [{ type: 'pong', id: '1' }, { type: 'pong' }]);
  open();
  await client.ended();
});

t.test('ST1, ST2, ST3, AU10: stop finishes everything; what follows is ignored', async (t) => {
  const client = new SessionClient().send(START).audio(speech(1.01)).send({ type: 'mark', id: 'm' }, { type: 'stop' });
  client.audio(speech(1)).send({ type: 'mark', id: 'late' }, { type: 'stop' }, { type: 'finalize' }, START);
  t.equal(await client.ended(), CLOSE.done);
  t.strictSame(client.story, ['ready', 'speechStarted 0', 'mark', 'speechEnded 0', 'final 0', 'stopped']);
  t.match(
    client.of('final'),
    [{ reason: 'stop', endMs: 1_010 }],
    'to the last sample, not to the end of the last frame',
  );
  t.match(client.of('stopped'), [{ audioMs: 1_010, segments: 1 }]);
  client.send({ type: 'ping' });
  t.strictSame(client.late, [], 'stopped is the last message');
});

t.test('CL2: drain ends the utterance, says stopped with the reason drain, closes with going away', async (t) => {
  const client = new SessionClient().send(START).audio(speech(1));
  await client.session.drain();
  t.match(client.of('final'), [{ reason: 'stop' }]);
  t.match(client.of('stopped'), [{ reason: 'drain' }]);
  t.equal(client.closedWith, CLOSE.goingAway);
  await client.session.drain();

  const unstarted = new SessionClient();
  await unstarted.session.drain();
  t.strictSame(unstarted.answers, []);
  t.equal(unstarted.closedWith, CLOSE.goingAway);

  const stopping = new SessionClient().send(START).audio(speech(1)).send({ type: 'stop' });
  await stopping.session.drain();
  t.equal(stopping.closedWith, CLOSE.done, 'a client that stops by itself is let finish');
});

t.test('ST4: abandon at any moment stops all work and sends nothing more', async (t) => {
  const moments = 12;
  for (let moment = 0; moment < moments; moment++) {
    const vad = new LoudnessVad();
    const recognizer = new ScriptedRecognizer();
    const client = new SessionClient({ vad, recognizer })
      .send(START)
      .audio(speech(1))
      .audio(silence(1))
      .audio(speech(1));
    if (moment % 3 === 0) client.send({ type: 'stop' });
    for (let turn = 0; turn < moment; turn++) await (moment % 2 === 0 ? Promise.resolve() : new Promise(setImmediate));
    const drained = moment % 4 === 1 ? client.session.drain() : undefined;
    client.session.abandon();
    client.session.abandon();
    await drained;
    const { length } = client.answers;
    const { frames } = vad;
    client.send(START, { type: 'ping' }).audio(speech(1));
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    t.equal(client.answers.length, length, `nothing more at moment ${moment}`);
    t.equal(vad.frames, frames, 'no more frames are judged');
    t.equal(vad.openStreams, 0, 'the VAD stream is closed');
    await client.session.drain();
  }
});

t.test('RS12: another node goes on with what the client asked for last, where its model knows that', async (t) => {
  const client = new SessionClient()
    .send({ ...START, language: 'de' }, { type: 'configure', language: 'en' })
    .audio(silence(1));
  await client.settled();
  const later = client.session.checkpoint();
  const german = new SessionClient().send(START, { type: 'configure', languages: ['de', 'en'] }).audio(silence(1));
  await german.settled();
  const wanted = german.session.checkpoint();
  if (later === undefined || wanted === undefined) throw new Error('no checkpoint');
  const recognizer = new ScriptedRecognizer({ languages: ['en'] });
  const english = () => new SessionClient({ recognizer }).session;
  t.equal(english().mayRestore(later), true, 'English since');
  t.equal(await english().restore(later), true);
  t.equal(english().mayRestore(wanted), false, 'German since');
  t.equal(await english().restore(wanted), false);
  t.equal(new SessionClient().session.mayRestore(wanted), true);
  const polished = { ...later, polishWish: { ...later.polishWish, mode: 'formal' as const } };
  t.equal(english().mayRestore(polished), false, 'no polisher here');
});
