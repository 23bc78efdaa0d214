// Where an utterance ends whose text is complete: sooner, and never by when that is known.
import t from 'tap';
import { SESSION_DEFAULTS } from '../../../server/src/session/session-settings.js';
import { ScriptedRecognizer } from '../../support/scripted-recognizer.js';
import { SessionClient, START, silence, speech } from '../../support/session-client.js';

const settings = {
  ...SESSION_DEFAULTS,
  endpointing: { ...SESSION_DEFAULTS.endpointing, minSilenceMs: 800, sentenceSilenceMs: 256 },
};

/** What ended where. */
const endsOf = (client: SessionClient) => client.of('final').map(({ startMs, endMs, text }) => [startMs, endMs, text]);

t.test('a complete text ends after the short silence, any other after the long one', async (t) => {
  for (const [isComplete, seconds] of [
    [true, 0.3],
    [false, 0.85],
  ] as const) {
    const recognizer = new ScriptedRecognizer({ isComplete: () => isComplete });
    const client = new SessionClient({ recognizer, settings }).send(START);
    client.audio(speech(1)).audio(silence(seconds - 0.1));
    await client.settled();
    t.equal(client.of('speechEnded').length, 0, `${isComplete}: not yet`);
    client.audio(silence(0.1));
    await client.settled();
    t.match(client.of('speechEnded'), [{ endMs: 1_152 }], `${isComplete}: then`);
    client.session.abandon();
  }
});

t.test('a client that names minSilenceMs gets it, and nobody asks what is said', async (t) => {
  let asked = 0;
  const recognizer = new ScriptedRecognizer({ isComplete: () => (asked += 1) > 0 });
  const client = new SessionClient({ recognizer, settings }).send({ ...START, endpointing: { minSilenceMs: 500 } });
  client.audio(speech(1)).audio(silence(0.45));
  await client.settled();
  t.equal(client.of('speechEnded').length, 0);
  client.audio(silence(0.1));
  await client.settled();
  t.equal(client.of('speechEnded').length, 1);
  client
    .send({ type: 'configure', endpointing: { minSilenceMs: 600 } })
    .audio(speech(1))
    .audio(silence(0.55));
  await client.settled();
  t.equal(client.of('speechEnded').length, 1);
  t.equal(asked, 0);
  client.session.abandon();
});

t.test('a client that names sentenceSilenceMs gets it, also beside minSilenceMs, until it says 0', async (t) => {
  const recognizer = new ScriptedRecognizer({ isComplete: () => true });
  const endpointing = { minSilenceMs: 1_000, sentenceSilenceMs: 384 };
  const client = new SessionClient({ recognizer, settings }).send({ ...START, endpointing });
  /** Whether the utterance ends within so many seconds of silence. */
  const endsWithin = async (seconds: number) => {
    const before = client.of('speechEnded').length;
    client.audio(speech(1)).audio(silence(seconds));
    await client.settled();
    const hasEnded = client.of('speechEnded').length > before;
    client.audio(silence(1.1));
    await client.settled();
    return hasEnded;
  };
  t.notOk(await endsWithin(0.3));
  t.ok(await endsWithin(0.45));
  client.send({ type: 'configure', endpointing: { minSilenceMs: 900 } });
  t.ok(await endsWithin(0.45), 'it stays as it was named');
  client.send({ type: 'configure', endpointing: { sentenceSilenceMs: 0 } });
  t.notOk(await endsWithin(0.6), 'as for any other text');
  client.session.abandon();
});

t.test('an answer that comes late changes nothing: speech that went on meanwhile is the next utterance', async (t) => {
  const stories: unknown[] = [];
  for (const turns of [0, 1, 50]) {
    const recognizer = new ScriptedRecognizer({
      isComplete: async (samples) => {
        for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
        return samples < 2 * 16_000;
      },
    });
    const client = new SessionClient({ recognizer, settings }).send(START);
    client.audio(speech(1)).audio(silence(0.3)).audio(speech(1)).audio(silence(0.3)).audio(speech(2)).audio(silence(1));
    await client.stop();
    stories.push(endsOf(client));
  }
  t.equal((stories[0] as unknown[]).length, 3);
  t.same(stories[1], stories[0]);
  t.same(stories[2], stories[0]);
});

t.test('a session that ends while it waits for the answer ends', async (t) => {
  const recognizer = new ScriptedRecognizer({ isComplete: () => new Promise<boolean>(() => {}) });
  const client = new SessionClient({ recognizer, settings }).send(START);
  client.audio(speech(1)).audio(silence(0.5));
  await client.some('speechStarted');
  client.session.abandon();
  await new Promise(setImmediate);
  t.equal(client.late.length, 0);
});
