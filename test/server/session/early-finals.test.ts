// Early finals behind the whole server, with a small model: the same words as without, and none lost or doubled.
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@sotto/client';
import type { FinalMessage } from '@sotto/protocol';
import t from 'tap';
import { WebSocket } from 'ws';
import { fixtureSamples } from '../../support/fixtures.js';
import { ServerProcess, TINY } from '../../support/server-process.js';
import { joined, pcm16, SAMPLE_RATE, silence } from '../../support/speech.js';

const CHUNK_SAMPLES = SAMPLE_RATE / 10;
/** Longer than an utterance's tail, shorter than its hang-over. */
const PAUSE_MS = 300;
const END_MS = 1_200;

/**
 * What is said of each turn must be the same; the digits of probabilities may not be, since a draft saves some of the
 * passes.
 */
const heard = ({ text, noise, words, language, startMs, endMs, reason }: FinalMessage) => ({
  said: [text, noise, language, reason, startMs, endMs],
  words: words?.map((word) => [word.text, word.startMs, word.endMs]),
});

/** One conversation; each turn's finals are there before the next one. */
async function converse(server: ServerProcess) {
  const session = connect(server.url, {
    words: true,
    partialIntervalMs: 10_000,
    webSocket: (url, protocols) => new WebSocket(url, protocols),
  });
  const finals: FinalMessage[] = [];
  const errors: unknown[] = [];
  session.on('final', (final) => finals.push(final));
  session.on('error', (error) => errors.push(error));
  const say = async (samples: Float32Array) => {
    for (let at = 0; at < samples.length; at += CHUNK_SAMPLES) {
      if (!session.send(pcm16(samples.subarray(at, at + CHUNK_SAMPLES)))) await session.drained();
    }
  };
  const yes = await fixtureSamples('en-short-yes');
  const question = await fixtureSamples('en-question');
  // A turn with nothing to decode but in its only pause, so that no load keeps the server from it.
  await say(joined(await fixtureSamples('en-short-stop'), silence(PAUSE_MS)));
  await session.mark();
  const begun = await begunBy(server);
  await say(silence(END_MS));
  await session.mark();
  session.configure({ partialIntervalMs: 400 });
  // A pause within a turn.
  await say(joined(yes, silence(PAUSE_MS), question, silence(END_MS)));
  await session.mark();
  // A turn that the client ends in its hang-over, and one that it ends in the middle of a word.
  await say(joined(question, silence(PAUSE_MS)));
  session.finalize();
  await session.mark();
  await say(joined(silence(END_MS), yes.subarray(0, yes.length / 2)));
  session.finalize();
  await session.mark();
  await say(joined(silence(END_MS), yes, silence(PAUSE_MS)));
  await session.stop();
  return { finals: finals.map(heard), errors, begun };
}

/** Finals that were begun early, once nothing is left to decode of what was said. */
async function begunBy(server: ServerProcess): Promise<number> {
  for (;;) {
    const [waiting, running] = await Promise.all(
      ['waiting', 'running'].map((name) => server.metric(`sotto_decode_${name}`)),
    );
    if (waiting === 0 && running === 0) return server.metric('sotto_early_finals_total');
    await delay(20);
  }
}

t.test('the same finals with and without, and some of them came early', async (t) => {
  const [early, late] = await Promise.all([
    ServerProcess.start(t, [...TINY, '--early-finals', 'on']),
    ServerProcess.start(t, TINY, { SOTTO_EARLY_FINALS: 'off' }),
  ]);
  const [first, second] = await Promise.all([converse(early), converse(late)]);
  t.ok(first.finals.length >= 5, `${first.finals.length} finals`);
  t.ok(first.finals.filter(({ words = [] }) => words.length > 0).length >= 4, 'with words');
  t.same(first.finals, second.finals);
  t.same([first.errors, second.errors], [[], []]);
  t.ok(first.begun >= 1);
  t.equal(second.begun, 0);
  const used = await early.metric('sotto_early_finals_used_total');
  t.ok(used >= 1 && used <= (await early.metric('sotto_early_finals_total')), `${used} used`);
});
