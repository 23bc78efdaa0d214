// A session in a pause: what recognition is told when an utterance may end, and what the client sees of it.
import t from 'tap';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { SessionClient, START, silence, speech } from '../../support/session-client.js';

/** A session whose partials come in pauses only. */
function open({ answers = true, minSilenceMs = 500 } = {}) {
  const recognizer = new ScriptedRecognizer({ anticipates: true, answers });
  const client = new SessionClient({ recognizer }).send({
    ...START,
    partialIntervalMs: 5_000,
    endpointing: { minSilenceMs },
  });
  const calls = (kind: (typeof recognizer.calls)[number]['kind']) =>
    recognizer.calls.filter((call) => call.kind === kind);
  return { recognizer, client, calls };
}

t.test('the audio of the final is handed over when the tail is there, once, and shown as a partial', async (t) => {
  const { client, calls } = open();
  client.audio(speech(1)).audio(silence(0.4));
  await client.settled();
  const [partial] = client.of('partial');
  t.match(partial, { segmentId: 0, revision: 1 });
  t.ok((partial?.lagMs ?? Infinity) < 32, 'all but a part of a frame is processed');
  t.equal(client.of('speechEnded').length, 0, 'the hang-over is not over');
  client.audio(silence(0.3));
  await client.settled();
  const [early, ...more] = calls('anticipate');
  t.equal(more.length, 0);
  const [final] = calls('finish');
  t.strictSame(early?.snapshot, final?.snapshot);
  t.match(client.of('final'), [{ endMs: partial?.endMs }]);
  client.session.abandon();
});

t.test('speech that goes on takes it as a partial; the next pause is another', async (t) => {
  const { client, calls } = open();
  for (let pause = 0; pause < 3; pause++) {
    client.audio(speech(1)).audio(silence(0.3));
    await client.settled();
  }
  client.audio(silence(0.4));
  await client.settled();
  t.equal(calls('anticipate').length, 3);
  t.same(
    client.of('partial').map(({ revision }) => revision),
    [1, 2, 3],
  );
  t.equal(client.of('final').length, 1);
  t.strictSame(calls('anticipate').at(-1)?.snapshot, calls('finish')[0]?.snapshot);
  client.session.abandon();
});

t.test('FN1, ST1: finalize and stop in the hang-over end the utterance where it was expected to end', async (t) => {
  for (const message of [{ type: 'finalize' }, { type: 'stop' }] as const) {
    const { client, calls } = open();
    client.audio(speech(1)).audio(silence(0.3)).send(message);
    await client.some('final');
    t.strictSame(calls('anticipate')[0]?.snapshot, calls('finish')[0]?.snapshot, message.type);
    client.session.abandon();
  }
});

t.test('one that fails is not the client’s business, and leaves no lag behind', async (t) => {
  const { client, recognizer, calls } = open({ answers: false, minSilenceMs: 3_000 });
  /** As an ack tells it that comes with new audio, once what came before is judged. */
  const lag = async () => {
    client.audio(silence(0.5));
    await client.settled();
    client.audio(silence(0.3));
    const { lagMs = NaN } = client.of('ack').at(-1) ?? {};
    await client.settled();
    return lagMs;
  };
  client.audio(speech(1));
  const before = await lag();
  t.ok(before > 1_000, `${before} ms wait for it`);
  calls('anticipate')[0]?.fail();
  const after = await lag();
  t.ok(after < 500, `${after} ms once it has failed`);
  client.send({ type: 'stop' });
  await client.some('speechEnded');
  for (const call of recognizer.calls) call.answer();
  await client.ended();
  t.equal(client.of('error').length, 0);
  t.equal(client.of('final').length, 1);
});
