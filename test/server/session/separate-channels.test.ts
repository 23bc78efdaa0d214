// A stream whose channels are heard each by itself: rules CH1 to CH5.
import { CLOSE, type ClientMessage, type CloseReason, type ServerMessage } from '@sotto/protocol';
import t from 'tap';
import { createSessionFactory } from '../../../server/src/session/session.js';
import { SESSION_DEFAULTS } from '../../../server/src/session/session-settings.js';
import type { SessionPort } from '../../../server/src/session/session-port.js';
import { LoudnessVad } from '../../support/loudness-vad.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { silence, speech } from '../../support/session-client.js';
import { s16le } from '../../support/wav-file.js';

const CHUNK = 640;

function open(channels: number, settings: Partial<Extract<ClientMessage, { type: 'start' }>> = {}) {
  const answers: ServerMessage[] = [];
  const closing: ((reason: CloseReason) => void)[] = [];
  const closed = new Promise<CloseReason>((resolve) => closing.push(resolve));
  const session: SessionPort = createSessionFactory({
    vad: new LoudnessVad(),
    recognizer: new ScriptedRecognizer(),
    settings: SESSION_DEFAULTS,
  })({ send: (message) => answers.push(message), end: (reason) => closing[0]?.(reason) });
  const audio = { encoding: 'pcm_s16le', sampleRate: 16_000, channels } as const;
  session.receive({ type: 'start', audio, channels: 'separate', words: true, ...settings });
  const say = (...parts: readonly Float32Array[]): void => {
    const samples = Math.max(...parts.map(({ length }) => length));
    const all = Float32Array.from(
      { length: samples * channels },
      (_, at) => parts[at % channels]?.[Math.floor(at / channels)] ?? 0,
    );
    for (let at = 0; at < samples; at += CHUNK) {
      const data = s16le(all.subarray(at * channels, (at + CHUNK) * channels));
      session.receive({ type: 'audio', offset: at, data });
    }
  };
  const of = <T extends ServerMessage['type']>(type: T) =>
    answers.filter((answer): answer is Extract<ServerMessage, { type: T }> => answer.type === type);
  return { session, answers, closed, say, of };
}

function joined(...parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

t.test('CH1, CH2: two speakers, on one timeline', async (t) => {
  const { session, closed, say, of } = open(2);
  say(joined(silence(0.5), speech(1), silence(3)), joined(silence(2.5), speech(1), silence(1)));
  session.receive({ type: 'stop' });
  t.same(await closed, CLOSE.done);
  t.equal(of('ready').length, 1);
  t.strictSame(of('ready')[0]?.sessionId, session.id);
  const finals = of('final');
  t.strictSame(
    finals.map(({ channel, segmentId }) => [channel, segmentId]),
    [
      [0, 0],
      [1, 1],
    ],
  );
  t.ok(
    Math.abs((finals[0]?.startMs ?? 0) - 500) < 400 && Math.abs((finals[1]?.startMs ?? 0) - 2_500) < 400,
    'times are of the stream',
  );
  t.ok(
    [...of('speechStarted'), ...of('speechEnded'), ...of('partial')].every(
      ({ channel, segmentId }) => channel === segmentId,
    ),
  );
  t.match(of('stopped'), [{ audioMs: 4_500, segments: 2 }]);
});

t.test('CH2: both speak at once', async (t) => {
  const { session, closed, say, of } = open(2);
  say(joined(silence(0.5), speech(2), silence(1.5)), joined(silence(1), speech(1), silence(2)));
  session.receive({ type: 'stop' });
  await closed;
  t.strictSame(
    of('final')
      .map(({ channel }) => channel)
      .toSorted(),
    [0, 1],
  );
  const ids = of('speechStarted').map(({ segmentId }) => segmentId);
  t.strictSame(ids, [0, 1], 'ids count up as utterances begin');
});

t.test('CH3: finalize, marks, acks and pings are of the whole stream', async (t) => {
  const { session, closed, say, of } = open(3);
  say(speech(1), speech(1), silence(1));
  session.receive({ type: 'finalize', id: 'f' });
  session.receive({ type: 'mark', id: 'm' });
  session.receive({ type: 'mark', id: 'm' });
  session.receive({ type: 'ping', id: 'p' });
  session.receive({ type: 'configure', language: 'xx' });
  session.receive({ type: 'stop' });
  await closed;
  t.strictSame(
    of('mark').map(({ id, offset }) => [id, offset]),
    [
      ['m', 16_000],
      ['m', 16_000],
    ],
  );
  t.strictSame(
    of('pong').map(({ id }) => id),
    ['p'],
  );
  t.strictSame(
    of('error').map(({ code }) => code),
    ['unsupported_language'],
    'what all channels say is said once',
  );
  t.strictSame(
    of('final')
      .map(({ channel, finalizeId }) => [channel, finalizeId])
      .toSorted(),
    [
      [0, 'f'],
      [1, 'f'],
    ],
  );
  const acks = of('ack').map(({ offset }) => offset);
  t.strictSame(
    acks,
    acks.toSorted((a, b) => a - b),
    'acks never go back',
  );
  t.equal(acks.at(-1), 16_000);
});

t.test('a chunk that is not whole samples of all channels is refused as a whole', async (t) => {
  const { session, closed, of } = open(2);
  session.receive({ type: 'audio', offset: 0, data: new Uint8Array(6) });
  session.receive({ type: 'stop' });
  await closed;
  t.match(of('error'), [{ code: 'odd_byte_count', fatal: false, message: /4-byte samples of all channels/ }]);
  t.match(of('stopped'), [{ audioMs: 0 }]);
});

t.test('what ends one channel ends all', async (t) => {
  const refused = open(2, { language: 'xx' });
  t.same(await refused.closed, CLOSE.protocolError);
  t.strictSame(
    refused.of('error').map(({ code, fatal }) => [code, fatal]),
    [['unsupported_language', true]],
  );
  const gap = open(2);
  gap.session.receive({ type: 'audio', offset: 1_000_000, data: new Uint8Array(4) });
  t.same(await gap.closed, CLOSE.protocolError);
  t.strictSame(
    gap.of('error').map(({ code }) => code),
    ['offset_gap'],
  );
});

t.test('a drain and a lost client', async (t) => {
  const drained = open(2);
  await drained.session.drain();
  t.same(await drained.closed, CLOSE.goingAway);
  t.match(drained.of('stopped'), [{ reason: 'drain' }]);
  const lost = open(2);
  lost.session.abandon();
  const before = lost.answers.length;
  lost.say(speech(1), speech(1));
  t.equal(lost.answers.length, before, 'nothing is sent any more');
});

t.test('one channel may be separate too', async (t) => {
  const { session, closed, say, of } = open(1);
  say(joined(speech(1), silence(1)));
  session.receive({ type: 'stop' });
  await closed;
  t.strictSame(
    of('final').map(({ channel }) => channel),
    [0],
  );
  t.equal(session.checkpoint?.(), undefined, 'CH5: it stays at its node');
});
